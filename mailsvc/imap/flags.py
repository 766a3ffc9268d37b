"""Flags between IMAP's names and the store's bits (RFC 3501 2.3.2)."""

from collections.abc import Iterable, Sequence

from mailsvc.core.values import SystemFlag
from mailsvc.formats.imap.flags import SYSTEM_FLAGS
from mailsvc.formats.imap.responses import flags_item

__all__ = ["FlagNames", "split_flags"]

_BITS = {
    "\\Answered": SystemFlag.ANSWERED,
    "\\Flagged": SystemFlag.FLAGGED,
    "\\Deleted": SystemFlag.DELETED,
    "\\Seen": SystemFlag.SEEN,
    "\\Draft": SystemFlag.DRAFT,
}
RECENT = 1 << 64
"""A bit that no message has: put in by the session that a message is recent for."""


def split_flags(names: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """The system bits, and the keywords, among names as a client gives them."""
    system = 0
    keywords = []
    for name in names:
        if name in _BITS:
            system |= _BITS[name]
        else:
            keywords.append(name)
    return system, tuple(keywords)


class FlagNames(dict[int, bytes]):
    """The flags of a mailbox's messages as IMAP writes them, each combination put together once.

    ``names[bits]`` is ``b"(\\\\Seen $Forwarded)"``.
    """

    def __init__(self, keywords: Sequence[str]) -> None:
        self.keywords = keywords

    def __missing__(self, bits: int) -> bytes:
        names = [name for name in SYSTEM_FLAGS if bits & _BITS[name]]
        if bits & RECENT:
            names.append("\\Recent")
        names += [word for place, word in enumerate(self.keywords) if bits & SystemFlag.KEYWORDS << place]
        written = self[bits] = flags_item(names)
        return written

    def all(self) -> list[str]:
        """Every flag that there is in the mailbox."""
        return [*SYSTEM_FLAGS, *self.keywords]

    def bits(self, name: str) -> int:
        """The bit of a system flag or keyword (in any case); 0 for a keyword that no message has."""
        if name in _BITS:
            return _BITS[name]
        folded = name.lower()
        return next((SystemFlag.KEYWORDS << at for at, word in enumerate(self.keywords) if word.lower() == folded), 0)
