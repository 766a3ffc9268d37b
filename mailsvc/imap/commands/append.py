"""APPEND (RFC 3501 6.3.11), of several messages at once (RFC 3502), with APPENDUID (RFC 4315 3) and APPENDLIMIT (RFC 7889).

The messages have arrived already: see :mod:`mailsvc.imap.incoming`. All of them become visible in one transaction, or none.
"""

from mailsvc.core.interfaces.mailboxes import NewMessage
from mailsvc.core.interfaces.store import IBodyWriter
from mailsvc.core.values import SystemFlag
from mailsvc.formats.imap import codes
from mailsvc.formats.imap.append import AppendMessage
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.flags import split_flags
from mailsvc.imap.session import Session
from mailsvc.imap.targets import into
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, no

__all__ = ["CAPABILITIES", "VERBS"]


def CAPABILITIES(session: Session) -> tuple[str, ...]:
    """RFC 7889 2: the same limit for every mailbox."""
    if session.account is None:
        return ()
    limit = (f"APPENDLIMIT={session.message_size}",) if session.message_size else ()
    return ("UIDPLUS", "MULTIAPPEND", *limit)


async def _append(session: Session, command: Command) -> Answer:
    name, messages = command.args
    assert session.incoming is not None
    if any(message.literal.size == 0 for message in messages):
        raise no("A message has at least one octet")  # an empty literal cancels the APPEND (RFC 3502 3)
    now = int(session.factory.clock.seconds())
    new = [_message(*pair, now) for pair in zip(messages, session.incoming.writers, strict=True)]
    with into():
        uidvalidity, uids = await session.mailboxes.append(name, new)
    return Answer("APPEND completed", codes.append_uid(uidvalidity, uids))


def _message(message: AppendMessage, writer: IBodyWriter, now: int) -> NewMessage:
    system, keywords = split_flags(message.flags)
    utf8 = SystemFlag.UTF8 if message.utf8 else 0
    return NewMessage(writer, now if message.date is None else message.date, system | utf8, keywords)


VERBS = (Verb("APPEND", _append, AUTHENTICATED),)
