"""What a command is: an entry of the table that :mod:`mailsvc.imap.commands.table` puts together.

A command's coroutine gets the session and the command's values and returns what the tagged answer says. Everything untagged that it has to
say itself it sends; changes of the selected mailbox are announced by the session, before the answer. It refuses by raising
:class:`Refused`, or lets a ``MailError`` of the store through.
"""

import enum
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from mailsvc.imap.session import Session

__all__ = [
    "ANY",
    "AUTHENTICATED",
    "SELECTED",
    "UNAUTHENTICATED",
    "Answer",
    "Offer",
    "Refused",
    "State",
    "Verb",
    "after_login",
    "always",
    "bad",
    "no",
    "nothing",
]


class State(enum.StrEnum):
    """The states of a session (RFC 3501 3), called as in ``twisted.mail.imap4``."""

    UNAUTHENTICATED = "unauth"
    AUTHENTICATED = "auth"
    SELECTED = "select"
    LOGOUT = "logout"


UNAUTHENTICATED = frozenset({State.UNAUTHENTICATED})
AUTHENTICATED = frozenset({State.AUTHENTICATED, State.SELECTED})
"""What may be done after the log-in, with a mailbox selected or without."""
SELECTED = frozenset({State.SELECTED})
ANY = UNAUTHENTICATED | AUTHENTICATED


@attrs.frozen
class Answer:
    """What the tagged response says.

    :ivar code: response code without brackets. :ivar then: done after the answer was sent.
    """

    text: str
    code: bytes = b""
    condition: str = "OK"
    then: Callable[[], None] | None = None


class Refused(Exception):
    """The command cannot be carried out; ``answer`` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


def no(text: str, code: bytes = b"") -> Refused:
    """To be raised: the command is understood and refused."""
    return Refused(Answer(text, code, "NO"))


def bad(text: str, code: bytes = b"") -> Refused:
    """To be raised: the command makes no sense."""
    return Refused(Answer(text, code, "BAD"))


Run = Callable[["Session", Any], Awaitable[Answer]]


@attrs.frozen
class Verb:
    """A command.

    :ivar name: in capitals; of ``UID FETCH`` and its like only ``FETCH``. :ivar run: carries it out.
    :ivar states: in which it is valid. :ivar expunges: whether messages that are gone may be announced before its answer: not where a
        client that pipelines may be using sequence numbers (RFC 3501 7.4.1, 5.5).
    """

    name: str
    run: Run
    states: frozenset[State]
    expunges: bool = True


Offer = Callable[["Session"], Iterable[str]]
"""The capabilities that a module adds, for a session as it is now."""


def nothing(session: "Session") -> Iterable[str]:
    """No capability has to be announced for this."""
    return ()


def always(*names: str) -> Offer:
    """These, in every state."""
    return lambda session: names


def after_login(*names: str) -> Offer:
    """These, once somebody has logged in."""
    return lambda session: names if session.account is not None else ()
