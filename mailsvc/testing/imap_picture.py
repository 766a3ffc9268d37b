"""What a client knows of its selected mailbox from untagged responses alone (RFC 3501 7.3, 7.4), and what no server may say to it.

``EXISTS`` adds messages of which nothing is known, ``EXPUNGE`` takes one away, ``FETCH`` tells of one; everything goes by sequence number,
and a UID that is told once must stay with its message. The one thing that a client adds itself is what its own ``STORE`` with ``.SILENT``
has done (RFC 3501 6.4.6), unless a FETCH said otherwise meanwhile.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import attrs

from mailsvc.testing.imap_client import Broken, Response

__all__ = ["Entry", "Picture"]

_NO_EXPUNGE = {b"FETCH", b"STORE", b"SEARCH"}
"""RFC 3501 7.4.1: not while one of these is answered; with UID it may be."""

_SESSION = b"\\recent"
"""A flag that each session sees for itself."""


@attrs.define(eq=False)
class Entry:
    """One message. None: not known yet. ``modseq`` 0: not known."""

    uid: int | None = None
    flags: frozenset[bytes] | None = None
    modseq: int = 0


class Picture:
    """The selected mailbox. ``uidvalidity`` 0: nothing is selected. ``told``: entries whose flags came since it was cleared."""

    def __init__(self) -> None:
        self.uidvalidity = 0
        self.uidnext = 0
        self.entries: list[Entry] = []
        self.told: set[Entry] = set()

    def __len__(self) -> int:
        return len(self.entries)

    def hear(self, response: Response, running: bytes) -> None:
        """Take in a response; ``running``: the command that is being answered. Raises Broken."""
        if response.tag != b"*":
            return
        if response.name == b"EXISTS":
            self._exists(response.number)
        elif response.name == b"EXPUNGE":
            self._expunge(response.number, running)
        elif response.name == b"FETCH":
            self._fetch(self._entry(response.number), response.items)
        elif response.code[:1] == [b"UIDVALIDITY"]:
            self.uidvalidity = int(response.code[1])
        elif response.code[:1] == [b"UIDNEXT"]:
            self.uidnext = int(response.code[1])

    def _entry(self, number: int) -> Entry:
        if not 1 <= number <= len(self.entries):
            raise Broken(f"message {number} of {len(self.entries)}")
        return self.entries[number - 1]

    def _exists(self, count: int) -> None:
        if count < len(self.entries):
            raise Broken(f"EXISTS fell from {len(self.entries)} to {count}")
        self.entries += [Entry() for _ in range(count - len(self.entries))]

    def _expunge(self, number: int, running: bytes) -> None:
        if not running or running in _NO_EXPUNGE:
            raise Broken(f"EXPUNGE while {running.decode() or 'no command'} is answered")
        self.entries.remove(self._entry(number))

    def _fetch(self, entry: Entry, items: dict[bytes, Any]) -> None:
        if b"UID" in items:
            uid = int(items[b"UID"])
            if entry.uid not in (None, uid):
                raise Broken(f"the message with UID {entry.uid} has become UID {uid}")
            entry.uid = uid
        if b"FLAGS" in items:
            entry.flags = frozenset(flag for flag in items[b"FLAGS"] if flag.lower() != _SESSION)
            self.told.add(entry)
        if b"MODSEQ" in items:
            modseq = int(items[b"MODSEQ"][0])
            if modseq < entry.modseq:
                raise Broken(f"the modseq of UID {entry.uid} fell from {entry.modseq} to {modseq}")
            entry.modseq = modseq

    # --- what the client does with it ---

    def apply(self, entries: Iterable[Entry], action: bytes, flags: Iterable[bytes]) -> None:
        """Our own silent STORE has been carried out: where nothing else was told, its flags are there now."""
        for entry in entries:
            if entry.flags is not None and entry not in self.told:
                kept = frozenset() if action == b"" else entry.flags
                entry.flags = kept - frozenset(flags) if action == b"-" else kept | frozenset(flags)

    def unknown(self) -> list[int]:
        """Sequence numbers of messages of which nothing is known."""
        return [number for number, entry in enumerate(self.entries, 1) if entry.uid is None or entry.flags is None]

    def check_order(self) -> None:
        """UIDs ascend (RFC 3501 2.3.1.1). Raises Broken."""
        uids = [entry.uid for entry in self.entries if entry.uid is not None]
        if any(low >= high for low, high in pairwise(uids)):
            raise Broken(f"UIDs do not ascend: {uids}")
