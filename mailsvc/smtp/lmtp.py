"""LMTP: SMTP's grammar for the last hop, with one answer for each recipient after the data (RFC 2033).

That nothing is relayed from here is held by the delivery room, which knows the protocol of the peer.
"""

from typing import ClassVar

from mailsvc.core.interfaces.delivery import ITransaction
from mailsvc.formats.reply import Reply
from mailsvc.formats.smtp import path
from mailsvc.smtp import replies
from mailsvc.smtp.server import SMTPServer

__all__ = ["LMTPServer"]


class LMTPServer(SMTPServer):
    """One connection of a mail system that hands over mail for people here."""

    # LHLO takes the place of HELO and EHLO, which must not exist (RFC 2033 4.1); nobody logs in.
    verbs: ClassVar[dict[bytes, str]] = {b"LHLO": "do_EHLO"} | {
        verb: name for verb, name in SMTPServer.verbs.items() if verb not in {b"HELO", b"EHLO", b"AUTH", b"ETRN"}
    }
    base_protocol = "LMTP"
    trusting = True  # it asks for those whom another server has accepted
    no_recipients = replies.LMTP_NO_RECIPIENTS
    hello_first = replies.LHLO_FIRST

    def answer(self, transaction: ITransaction, reply: Reply) -> None:
        """One reply for each accepted recipient, in order (RFC 2033 4.2)."""
        for recipient in transaction.recipients:
            text = f"{path(recipient.forward_path)} {reply.lines[0]}"
            self.send(Reply(reply.code, reply.enhanced, text).octets)
