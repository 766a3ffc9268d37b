"""What the server announces (RFC 3501 6.1.1, 7.2.1): each module of :mod:`mailsvc.imap.commands` offers what it adds.

Before the log-in a client hears only what it can use there.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailsvc.imap.commands.table import MODULES

if TYPE_CHECKING:
    from mailsvc.imap.session import Session

__all__ = ["capabilities"]


def capabilities(session: "Session") -> list[str]:
    """The capabilities of a session as it is now, in the order in which they are announced."""
    return list(_all(session))


def _all(session: "Session") -> Iterator[str]:
    yield "IMAP4rev1"
    for module in MODULES:
        yield from module.CAPABILITIES(session)
