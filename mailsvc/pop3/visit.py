"""What a client has done with its maildrop so far: marks only, nothing is carried out before QUIT (RFC 1939 5, 6)."""

from collections.abc import Iterator

from mailsvc.core.interfaces.maildrop import IMaildrop
from mailsvc.formats.pop3 import number

__all__ = ["Visit"]


class Visit:
    """The TRANSACTION state of one session. Messages are known by their index, from 0; totals are kept, never counted."""

    def __init__(self, maildrop: IMaildrop) -> None:
        self.maildrop = maildrop
        self.deleted: set[int] = set()
        self.retrieved: set[int] = set()
        self.count = self._all_count = len(maildrop.sizes)
        self.octets = self._all_octets = sum(maildrop.sizes)

    def find(self, argument: bytes) -> int | None:
        """The index of a message number as a client writes it; None for what is no message, or a deleted one (RFC 1939 5)."""
        value = number(argument)
        if value is None or not 0 < value <= self._all_count or value - 1 in self.deleted:
            return None
        return value - 1

    def remaining(self) -> Iterator[int]:
        """The messages that are not marked as deleted."""
        return (index for index in range(self._all_count) if index not in self.deleted)

    def delete(self, index: int) -> None:
        """Mark a message as deleted; it is out of sight from now on."""
        self.deleted.add(index)
        self.count -= 1
        self.octets -= self.maildrop.sizes[index]

    def reset(self) -> None:
        """Take the marks of deletion away (RFC 1939 5, RSET)."""
        self.deleted.clear()
        self.count, self.octets = self._all_count, self._all_octets
