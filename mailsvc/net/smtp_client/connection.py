"""A connection that is open: one message after the other, each made fit for this host, in transactions of the size that it takes."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import attrs
from zope.interface import implementer

from mailsvc.core.interfaces.outbound import IMailConnection
from mailsvc.core.outbound import Answer, HopFailed, Mail, MailRecipient
from mailsvc.net.smtp_client.body import Body, seven_bit_mail
from mailsvc.net.smtp_client.capabilities import Capabilities
from mailsvc.net.smtp_client.commands import mail_command, rcpt_command, spoken
from mailsvc.net.smtp_client.line import Line
from mailsvc.net.smtp_client.transaction import Transaction
from mailsvc.net.smtp_client.words import Unsendable, ours

__all__ = ["SMTPConnection"]

RECIPIENTS = 100
"""In one transaction, where the host names no other limit: every host takes so many (RFC 5321 4.5.3.1.8)."""

TOO_MANY = "4.5.3"


@attrs.frozen
class _Parcel:
    """A message as this host takes it. ``mail``: the command; ``recipients``: the RCPT commands by number."""

    mail: bytes
    body: Body
    recipients: dict[int, bytes]
    refused: dict[int, Answer]


@implementer(IMailConnection)
class SMTPConnection:
    """See :class:`IMailConnection`. What ``mail.read`` raises comes through; if that is in the middle of a message, the connection ends."""

    def __init__(self, line: Line, able: Capabilities, lmtp: bool) -> None:
        self.hop = line.hop
        self.tls = line.tls
        self._line = line
        self._able = able
        self._lmtp = lmtp
        self._transactions = 0
        self._clean = True

    @property
    def usable(self) -> bool:
        """Whether another message may be sent: not where domains are limited, for it might be for others than the one before."""
        return self._open and not (self._able.domain_max and self._transactions)

    @property
    def _open(self) -> bool:
        """Whether another transaction may begin."""
        most = self._able.mail_max
        return self._line.usable and (not most or self._transactions < most)

    async def send(self, mail: Mail, recipients: Sequence[MailRecipient]) -> list[Answer]:
        """One message."""
        try:
            parcel = await self._parcel(mail, recipients)
        except Unsendable as unsendable:
            return [unsendable.answer] * len(recipients)
        answers = parcel.refused
        waiting = self._of_few_domains(recipients, parcel.recipients)
        too_many = ours(TOO_MANY, "too many domains for one connection", "RCPT")
        answers.update(dict.fromkeys(parcel.recipients.keys() - waiting, too_many))
        most = self._able.rcpt_max or RECIPIENTS
        while waiting:
            group, waiting = waiting[:most], waiting[most:]
            try:
                given = await self._transact(parcel, group)
            except HopFailed as failure:
                if not any(answer.success for answer in answers.values()):
                    raise
                given = [failure.answer] * len(group)
            answers.update(zip(group, given, strict=True))
            waiting = self._once_more(group, given) + waiting
            if waiting and not self._open:
                answers.update(dict.fromkeys(waiting, ours(TOO_MANY, "too many recipients for one connection", "RCPT")))
                break
        return [answers[number] for number in range(len(recipients))]

    def _of_few_domains(self, recipients: Sequence[MailRecipient], numbers: Iterable[int]) -> list[int]:
        """Those at the first of the domains, as many domains as the host takes on one connection (RFC 9422, RCPTDOMAINMAX)."""
        domains = {number: recipients[number].address.rpartition("@")[2].lower() for number in numbers}
        few = list(dict.fromkeys(domains.values()))[: self._able.domain_max or None]
        return [number for number, domain in domains.items() if domain in few]

    def _once_more(self, group: Sequence[int], given: Sequence[Answer]) -> list[int]:
        """Those who were only too many, if others were not."""
        later = [number for number, answer in zip(group, given, strict=True) if answer.status == TOO_MANY]
        return later if len(later) < len(group) and any(answer.success for answer in given) else []

    async def _transact(self, parcel: _Parcel, group: Sequence[int]) -> list[Answer]:
        commands = [parcel.recipients[number] for number in group]
        transaction = Transaction(self._line, self._able, self._lmtp, parcel.mail, commands, parcel.body)
        self._transactions += 1
        try:
            self._line.check()
            self._line.begin(len(group))
            if not self._clean:
                self._line.write(b"RSET\r\n")
                await self._line.reply("MAIL")
            answers = await transaction.run()
        except BaseException:  # cancelled, too: nobody knows where the conversation stands
            self._line.fail("4.4.2", "given up")
            raise
        self._clean = transaction.clean
        return answers

    async def quit(self) -> None:
        """Say goodbye."""
        line = self._line
        if not line.usable:
            self.abort()
            return
        line.begin()
        line.write(b"QUIT\r\n")
        with suppress(HopFailed):
            await line.reply("QUIT")
            await line.close()

    def abort(self) -> None:
        """Close at once."""
        self._line.fail("4.4.2", "closed by us")

    # --- making it fit ---

    async def _parcel(self, mail: Mail, recipients: Sequence[MailRecipient]) -> _Parcel:
        """Raises Unsendable."""
        able = self._able
        body = await Body.open(mail)
        utf8 = self._header_needs_utf8(mail, body)
        eight_bit = mail.body == "8BITMIME" or not body.first.isascii()
        if eight_bit and not able.eight_bit:
            mail = await seven_bit_mail(mail)
            body = await Body.open(mail)
        if able.size and mail.size > able.size:
            raise Unsendable("5.3.4", f"The message has {mail.size} octets, the host takes {able.size}")
        sender = self._sender(mail)
        spoken_to, refused = self._addresses(recipients)
        utf8 = utf8 or not (sender.isascii() and all(address.isascii() for address in spoken_to.values()))
        commands = {number: rcpt_command(recipients[number], address, able) for number, address in spoken_to.items()}
        return _Parcel(mail_command(mail, sender, eight_bit, utf8, able), body, commands, refused)

    def _header_needs_utf8(self, mail: Mail, body: Body) -> bool:
        if not mail.utf8 or body.header.isascii():
            return False
        if not self._able.utf8:
            raise Unsendable("5.6.7", "The message has a header in UTF-8, which the host does not take (no SMTPUTF8)")
        return True

    def _sender(self, mail: Mail) -> str:
        try:
            sender = spoken(mail.sender)
        except ValueError as error:
            raise Unsendable("5.1.7", f"The sender's address cannot be sent: {error}") from None
        if not (sender.isascii() or self._able.utf8):
            raise Unsendable("5.6.7", "The sender's address is not ASCII, and the host takes no other (no SMTPUTF8)")
        return sender

    def _addresses(self, recipients: Sequence[MailRecipient]) -> tuple[dict[int, str], dict[int, Answer]]:
        """Those who can be named to this host, and why the others cannot."""
        named: dict[int, str] = {}
        refused: dict[int, Answer] = {}
        for number, recipient in enumerate(recipients):
            try:
                address = spoken(recipient.address)
            except ValueError as error:
                refused[number] = ours("5.1.3", f"The address cannot be sent: {error}", "RCPT")
                continue
            if address.isascii() or self._able.utf8:
                named[number] = address
            else:
                text = "The address is not ASCII, and the host takes no other (no SMTPUTF8)"
                refused[number] = ours("5.6.7", text, "RCPT")
        return named, refused
