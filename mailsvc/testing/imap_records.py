"""What a crowd of IMAP clients was promised, and whether that is what the mailboxes hold.

Each message is one of ours, with a name in its first header field. A *place* is a UIDVALIDITY with a UID. ``APPENDUID`` and ``COPYUID``
promise a place; what was delivered, or may have been stored though the answer was lost, is *loose*: it is found somewhere. A message is
*doomed* once somebody has asked for it to be marked as deleted, moved away or removed: only such a one may be missing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from mailsvc.testing.imap_client import Broken

__all__ = ["MARK", "Place", "Records", "Row", "State"]

MARK = b"Letter-Id: "
_NAME = re.compile(re.escape(MARK) + rb"(\S+)\r\n")

Place = tuple[int, int]
"""UIDVALIDITY and UID."""


@attrs.frozen
class Row:
    """One message as a fresh session sees it."""

    flags: frozenset[bytes]
    modseq: int


@attrs.frozen
class State:
    """One mailbox as a fresh session sees it: UID -> row."""

    name: bytes
    uidnext: int
    modseq: int
    rows: Mapping[int, Row]


class Records:
    """The books. ``mailboxes_deleted``: how many DELETE since the last audit were answered with OK, or not at all."""

    def __init__(self) -> None:
        self.mailboxes_deleted = 0
        self.doomed: set[Place] = set()
        self.names: dict[Place, bytes] = {}  # what lies there, as was read
        self._texts: dict[bytes, bytes] = {}
        self._promised: dict[Place, bytes | None] = {}  # what must be there; None: a copy of something not yet read
        self._used: set[Place] = set()  # ever promised or found
        self._highest: Counter[int] = Counter()  # UIDVALIDITY -> UID
        self._loose: Counter[bytes] = Counter()
        self._owed: set[bytes] = set()
        self._before: dict[int, State] = {}

    # --- what happens ---

    def write(self, name: bytes, text: bytes) -> None:
        """A message is about to be sent; ``text`` from :data:`MARK` on."""
        self._texts[name] = text

    def promise(self, place: Place, name: bytes | None) -> None:
        """APPENDUID or COPYUID named a place. Raises Broken if it was ever another's."""
        if place in self._used:
            raise Broken(f"UID {place} was used twice")
        self._used.add(place)
        self._highest[place[0]] = max(place[1], self._highest[place[0]])
        self._promised[place] = name

    def copied(self, sources: Iterable[Place], targets: Iterable[Place], moved: bool) -> None:
        """COPYUID: each source, its copy."""
        for source, target in zip(sources, targets, strict=True):
            self.promise(target, self.name_at(source))
            if source in self.doomed:
                self.doomed.add(target)  # the copy has \\Deleted too
            if moved:
                self.doomed.add(source)

    def loosen(self, name: bytes | None, owed: bool = False) -> None:
        """One more of these may be found anywhere; ``owed``: must be."""
        if name is not None:
            self._loose[name] += 1
            if owed:
                self._owed.add(name)

    def name_at(self, place: Place) -> bytes | None:
        """Which message lies at a place, if we know."""
        return self.names.get(place) or self._promised.get(place)

    def read(self, place: Place, octets: bytes) -> None:
        """Somebody was shown the text of the message at a place. Raises Broken if it is another's."""
        found = _NAME.search(octets)
        if found is None or octets[found.start() :] != self._texts.get(found[1]):
            raise Broken(f"at {place} lies what nobody wrote: {octets[:300]!r}")
        if self.name_at(place) not in (None, found[1]):
            raise Broken(f"at {place} lies {found[1]!r} instead of {self.name_at(place)!r}")
        self.names[place] = found[1]

    # --- the audit ---

    def audit(self, states: Mapping[int, State]) -> None:
        """Compare with all mailboxes, by UIDVALIDITY, while nobody does anything; every text has been read. Raises Broken."""
        places = {(validity, uid) for validity, state in states.items() for uid in state.rows}
        for place in places:
            self._found(place)
        self._missing(places, states)
        for validity, state in states.items():
            self._numbers(validity, state)
        self._before = dict(states)
        self.doomed = {place for place in places if b"\\Deleted" in states[place[0]].rows[place[1]].flags}
        self.mailboxes_deleted = 0

    def _found(self, place: Place) -> None:
        name = self.names[place]
        self._owed.discard(name)
        if place in self._promised:
            self._promised[place] = name
            return
        if place in self._used:
            raise Broken(f"UID {place} came back with {name!r}")
        if not self._loose[name]:
            raise Broken(f"nobody put {name!r} at {place}")
        self._loose[name] -= 1
        self.promise(place, name)

    def _missing(self, places: set[Place], states: Mapping[int, State]) -> None:
        vanished = self._before.keys() - states.keys()
        if len(vanished) > self.mailboxes_deleted:
            raise Broken(f"mailboxes vanished: {[self._before[each].name for each in vanished]}")
        for place in self._promised.keys() - places:
            if place not in self.doomed and not self._in_deleted(place, states):
                raise Broken(f"{self.name_at(place)!r} at {place} is lost")
            del self._promised[place]
        unseen = sum(place not in self._used for place in self.doomed)
        if len(self._owed) > unseen:
            raise Broken(f"delivered and lost: {sorted(self._owed)}")
        self._owed.clear()

    def _in_deleted(self, place: Place, states: Mapping[int, State]) -> bool:
        return place[0] not in states and (place[0] in self._before or self.mailboxes_deleted > 0)

    def _numbers(self, validity: int, state: State) -> None:
        highest = self._highest[validity]
        before = self._before.get(validity, State(state.name, 1, 0, {}))
        if state.uidnext < before.uidnext or state.uidnext <= highest:
            raise Broken(f"{state.name!r}: UIDNEXT {state.uidnext} after {before.uidnext} and UID {highest}")
        if state.modseq < max([before.modseq, *(row.modseq for row in state.rows.values())]):
            raise Broken(f"{state.name!r}: HIGHESTMODSEQ {state.modseq} after {before.modseq}, or below a message's")
        for uid in state.rows.keys() & before.rows.keys():
            now, then = state.rows[uid], before.rows[uid]
            if now.modseq < then.modseq or (now.flags != then.flags and now.modseq == then.modseq):
                raise Broken(f"{state.name!r}: UID {uid} was {then} and is {now}")
        for uid in state.rows.keys() - before.rows.keys():
            if uid < before.uidnext:
                raise Broken(f"{state.name!r}: UID {uid} is new, below the former UIDNEXT {before.uidnext}")
