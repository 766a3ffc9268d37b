"""The SMTP and submission server: the envelope and the message (RFC 5321 3.3, 6409); who the client is stands in the session.

::

    MAIL -> portal (once) -> IDelivery.mail -> ITransaction; RCPT -> .rcpt; DATA, BDAT -> .write ... .commit -> 250 with the queue id

Extensions: PIPELINING 2920, SIZE 1870, 8BITMIME 6152, SMTPUTF8 6531, ENHANCEDSTATUSCODES 2034, CHUNKING 3030, STARTTLS 3207, AUTH 4954,
DSN 3461, ETRN 1985, LIMITS 9422.
"""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import attrs
from twisted.cred.portal import Portal
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsvc.core.deadline import Pace
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Envelope, ITransaction
from mailsvc.core.interfaces.release import IRelease
from mailsvc.core.values import Peer
from mailsvc.delivery.border import SizeLimit
from mailsvc.formats import smtp as grammar
from mailsvc.formats.address import Address
from mailsvc.formats.dotdata import DotReader, OctetReader
from mailsvc.formats.received import with_protocol
from mailsvc.formats.reply import Reply
from mailsvc.smtp import replies
from mailsvc.smtp.extensions import Extensions
from mailsvc.smtp.session import OutOfPlace, Session
from mailsvc.wire.limits import within
from mailsvc.wire.options import ListenerOptions, Protocol

__all__ = ["SMTPServer"]

log = Logger(namespace="mailsvc.smtp")

DATA_TIMEOUT = 300.0
"""Seconds of silence within a message (RFC 5321 4.5.3.2.5 has a client wait 3 minutes for a block to leave)."""


class SMTPServer(Session):
    """One connection of an SMTP client."""

    verbs: ClassVar[dict[bytes, str]] = Session.verbs | {
        b"MAIL": "do_MAIL",
        b"RCPT": "do_RCPT",
        b"DATA": "do_DATA",
        b"BDAT": "do_BDAT",
        b"VRFY": "do_VRFY",
        b"ETRN": "do_ETRN",
    }
    no_recipients = replies.NO_RECIPIENTS

    def __init__(
        self,
        options: ListenerOptions,
        portal: Portal,
        hostname: str,
        release: IRelease | None = None,
        size_limit: Callable[[Peer], int] | None = None,
    ) -> None:
        super().__init__(options, portal, hostname)
        self._size_limit = size_limit
        self._release = release
        self._chunking = False
        self._chunked = 0  # octets that came by BDAT
        self._pace: Pace | None = None  # of all chunks together, and of the time between them

    # --- envelope ---

    def do_MAIL(self, argument: bytes) -> Awaitable[None]:
        """RFC 5321 4.1.1.2."""
        if not self._hello_name:
            raise OutOfPlace(self.hello_first)
        if self._transaction is not None:
            raise OutOfPlace(replies.NESTED)
        if self.options.protocol is Protocol.SUBMISSION and self.authenticated is None:
            raise OutOfPlace(self._log_in_first())
        reverse_path, given = grammar.mail_argument(argument)
        parameters = grammar.mail_parameters(given)
        if reverse_path is not None and not (parameters.utf8 or reverse_path.is_ascii):
            raise OutOfPlace(replies.NEEDS_UTF8)
        if (parameters.ret or parameters.envid) and not self._may_ask_for_reports():
            raise OutOfPlace(replies.NO_DSN)
        self._utf8 = parameters.utf8
        self._subject = b"MAIL " + argument
        return self._mail(self._envelope(reverse_path, parameters))

    def _log_in_first(self) -> Reply:
        if self.peer.password_ok:
            return replies.LOG_IN_FIRST
        return replies.TLS_FIRST if self._can_start_tls() else replies.TLS_ELSEWHERE

    def _envelope(self, reverse_path: Address | None, parameters: grammar.MailParameters) -> Envelope:
        return Envelope(
            reverse_path=reverse_path,
            helo=self._hello_name,
            size=parameters.size,
            utf8=parameters.utf8,
            body=parameters.body,
            ret=parameters.ret,
            envid=parameters.envid,
            protocol=with_protocol(
                self.base_protocol if self._extended else "SMTP",
                utf8=parameters.utf8,
                tls=self.peer.tls is not None,
                authenticated=self.authenticated is not None,
            ),
        )

    async def _mail(self, envelope: Envelope) -> None:
        delivery = self._delivery or await self._ask_for_delivery()
        self._transaction = await delivery.mail(envelope)
        self._chunking, self._chunked, self._pace = False, 0, None
        self.reply(replies.SENDER_OK)

    def do_RCPT(self, argument: bytes) -> Awaitable[None]:
        """RFC 5321 4.1.1.3."""
        transaction = self._transaction
        if transaction is None:
            raise OutOfPlace(replies.MAIL_FIRST)
        if self._chunking:
            raise OutOfPlace(replies.IN_CHUNKS)
        forward_path, given = grammar.rcpt_argument(argument)
        parameters = grammar.rcpt_parameters(given)
        if not (self._utf8 or forward_path.is_ascii):
            raise OutOfPlace(replies.NEEDS_UTF8)
        if (parameters.notify or parameters.orcpt) and not self._may_ask_for_reports():
            raise OutOfPlace(replies.NO_DSN)
        self._subject = b"RCPT " + argument
        return self._rcpt(transaction, forward_path, parameters)

    async def _rcpt(self, transaction: ITransaction, forward_path: Address, parameters: grammar.RcptParameters) -> None:
        try:
            await transaction.rcpt(forward_path, parameters.notify, parameters.orcpt)
        except MailError as error:
            if seconds := self._patience.penance(error):
                await deferLater(self.factory.clock, seconds)
            raise
        self.reply(replies.RECIPIENT_OK)

    def do_VRFY(self, argument: bytes) -> Awaitable[None] | None:
        """252 to strangers, a real answer to the networks that may have one (RFC 5321 3.5.3, 7.3)."""
        address = grammar.vrfy_argument(argument)
        if within(self.peer.address, self.options.vrfy):
            return self._verify(attrs.evolve(address, domain=address.domain or self.options.domain))
        self.reply(replies.NOT_VERIFIED)
        return None

    async def _verify(self, address: Address) -> None:
        """What RCPT would say, without taking anything."""
        delivery = self._delivery or await self._ask_for_delivery()
        transaction = await delivery.mail(Envelope(None, self._hello_name))
        try:
            recipient = await transaction.rcpt(address)
        except MailError as error:
            elsewhere = error.kind is Kind.RELAY_DENIED or error.temporary
            self.reply(replies.NOT_VERIFIED if elsewhere else replies.reply_to(error))
        else:
            known = recipient.accounts or recipient.is_alias
            self.reply(Reply(250, "2.1.5", grammar.path(address)) if known else replies.NOT_VERIFIED)
        finally:
            transaction.abort()

    # --- mail that waits here ---

    def extensions(self) -> Extensions:
        """SIZE as far as it is known for this client (RFC 1870 4), ETRN only for those who may ask for something."""
        found = super().extensions()
        if self._size_limit and not self._is_user():
            limit = self._size_limit(self.peer)
            found[b"SIZE"] = [b"%d" % limit] if limit else None
        if self._may_release():
            found[b"ETRN"] = None
        return found

    def _may_release(self) -> bool:
        return self._release is not None and self._release.offered(self.peer)

    def do_ETRN(self, argument: bytes) -> Awaitable[None]:
        """RFC 1985 5: what waits for a domain is tried now."""
        if not self._may_release():
            raise OutOfPlace(replies.UNKNOWN)
        if self._transaction is not None:
            raise OutOfPlace(replies.NO_ETRN_IN_TRANSACTION)
        node, below = grammar.etrn_argument(argument)
        return self._etrn(node, below)

    async def _etrn(self, node: str, below: bool) -> None:
        assert self._release is not None
        try:
            count = await self._release.release(node, below, self.peer)
        except MailError as error:
            self.reply(replies.no_etrn(error, node))
        else:
            self.reply(replies.etrn(count, node))

    # --- the message ---

    def do_DATA(self, argument: bytes) -> Awaitable[None]:
        """RFC 5321 4.1.1.4."""
        if argument:
            raise OutOfPlace(replies.NO_ARGUMENT)
        transaction = self._ready()
        if self._chunking:
            raise OutOfPlace(replies.IN_CHUNKS)
        return self._data(transaction)

    def _ready(self) -> ITransaction:
        """The transaction, if it may have its message now. Raises OutOfPlace."""
        if self._transaction is None:
            raise OutOfPlace(replies.MAIL_FIRST)
        if not self._transaction.recipients:
            raise OutOfPlace(self.no_recipients)
        return self._transaction

    async def _data(self, transaction: ITransaction) -> None:
        self.reply(replies.GO_AHEAD)
        await self.receive(DotReader(transaction.write), DATA_TIMEOUT, Pace(self.factory.clock))
        await self._finish(transaction)

    def do_BDAT(self, argument: bytes) -> Awaitable[None] | None:
        """RFC 3030 2. Without a size nobody knows where the octets end and commands go on: then the connection ends."""
        try:
            size, last = grammar.bdat_argument(argument)
        except grammar.Malformed as bad:
            self.reply(bad.reply)
            self.close()
            return None
        return self._chunk(size, last)

    async def _chunk(self, size: int, last: bool) -> None:
        """One chunk. Its octets are taken off the wire whatever we think of it, or they would be read as commands."""
        try:
            transaction = self._ready_for(size)
        except OutOfPlace as bad:
            await self._take(size, _drop)
            self.mistake(bad.reply)
            return
        self._chunking = True
        self._chunked += size
        await self._take(size, transaction.write)
        if last:
            await self._finish(transaction)
        else:
            self.reply(Reply(250, "2.0.0", f"{size} octets received"))

    async def _take(self, size: int, write: Any) -> None:
        self._pace = self._pace or Pace(self.factory.clock)
        if size:
            await self.receive(OctetReader(size, write), DATA_TIMEOUT, self._pace)

    def _ready_for(self, size: int) -> ITransaction:
        """Past the limit the transaction is over, and further chunks find none (RFC 3030 2). Raises OutOfPlace."""
        transaction, limit = self._ready(), self.options.message_size
        if limit and self._chunked + size > limit:
            self._reset()
            raise OutOfPlace(replies.reply_to(SizeLimit(limit).refusal()))
        return transaction

    async def _finish(self, transaction: ITransaction) -> None:
        """The message is complete. From here on it is no longer the client's: a lost connection does not stop it."""
        self._transaction = None
        try:
            queue_id = await transaction.commit()
        except MailError as error:
            self._subject = b"a message"
            self._note_refusal(error)
            self.answer(transaction, replies.reply_to(error, self._utf8))
        except Exception:
            log.failure("a message from {peer} could not be stored", peer=self.peer.address)
            self.answer(transaction, replies.LATER)
        else:
            self._patience.forgive()
            self.answer(transaction, Reply(250, "2.0.0", f"Ok: queued as {queue_id}"))

    def answer(self, transaction: ITransaction, reply: Reply) -> None:
        """Say what became of the message."""
        self.reply(reply)


def _drop(data: bytes) -> None:
    """Where octets go that nobody wants."""
