"""ID (RFC 2971): who is talking to whom. What a client says of itself goes into the log and nowhere else."""

from mailsvc._version import __version__
from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.session import Session
from mailsvc.imap.verbs import ANY, Answer, Verb, always

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = always("ID")

_LONGEST = 100
"""Octets of a value that are logged."""


async def _id(session: Session, command: Command) -> Answer:
    """RFC 2971 3.1."""
    (fields,) = command.args
    if fields:
        session.log(
            "{client}: {account} uses {program!r}", program=_text(fields, b"name") + " " + _text(fields, b"version")
        )
    session.send(responses.identification({"name": "mailsvc", "version": __version__}))
    return Answer("ID completed")


def _text(fields: dict[bytes, bytes | None], name: bytes) -> str:
    return (fields.get(name) or b"")[:_LONGEST].decode("utf-8", "replace")


VERBS = (Verb("ID", _id, ANY),)
