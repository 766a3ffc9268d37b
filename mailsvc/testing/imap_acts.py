"""What a client of a crowd may do: random commands of one member, and what they mean for the books.

Each is a generator: it yields the pieces of a command, and is given all responses, or has :class:`Lost` thrown into it: what was asked for
has then been done, or it has not.
"""

import random
import socket
from collections.abc import Callable, Generator, Iterable, Sequence

from mailsvc.testing.imap_client import Broken, IMAPClient, Lost, Response, Synchronizing
from mailsvc.testing.imap_picture import Entry, Picture
from mailsvc.testing.imap_records import MARK, Records

__all__ = ["STABLE", "Acts", "Member", "Step"]

STABLE = (b"INBOX", b"Archive")
SIDE = (b"side/a", b"side/b", b"&Tgtm+DBN-", b"side/&MLQw33ux-")
FLAGS = (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"$Forwarded", b"Work")
CROWDED = 60
"""Messages in a mailbox from which on members tidy up."""

Step = Generator[Sequence[bytes | Synchronizing], list[Response], None]


class Member:
    """One client with its picture of the mailbox that it has selected."""

    def __init__(self, name: str, connection: socket.socket, log: Callable[[str], object], kills: int) -> None:
        self.client = IMAPClient(connection, lambda line: log(f"{name} {line}"))
        self.client.heard = self._heard
        self.kills = kills  # of workers, before it came
        self.picture = Picture()
        self.box = b""
        self.read_only = False
        self.condstore = False
        self.idle = b""  # the tag of a running IDLE

    def _heard(self, response: Response) -> None:
        self.picture.hear(response, self.client.running)

    def stop_idling(self) -> None:
        """DONE. Raises Lost."""
        if self.idle:
            tag, self.idle = self.idle, b""
            self.client.send(b"DONE\r\n")
            self.client.finish(tag)

    def select(self, box: bytes, verb: bytes = b"SELECT") -> bool:
        """Select a mailbox and learn what is in it; False if there is none of that name. Raises Lost, Broken."""
        self.picture, self.box = Picture(), b""
        tagged = self.client.ask(verb + b" " + box)[-1]
        if tagged.name != b"OK":
            return False
        self.box, self.read_only = box, verb == b"EXAMINE"
        if len(self.picture):
            self.client.do(b"UID FETCH 1:* (FLAGS)")
        return True


class Acts:
    """Chooses what members do.

    :param choice: what is random. :param seed: part of the messages' names.
    """

    def __init__(self, records: Records, choice: random.Random, seed: int) -> None:
        self.records = records
        self._random = choice
        self._seed = seed
        self._written = 0

    def choose(self, member: Member) -> tuple[str, Step]:
        if not member.box:
            return "select", self._select(member)
        if len(member.picture) > CROWDED and not member.read_only:
            tidy: list[Callable[[Member], Step]] = [self._tidy, self._move, self._fetch_flags, self._expunge]
            act = self._random.choice(tidy)
        else:
            act = self._random.choices(self._acts, self._weights)[0]
        return act.__name__.strip("_"), act(member)

    @property
    def _acts(self) -> list[Callable[[Member], Step]]:
        return [
            self._append, self._multiappend, self._store, self._copy, self._move, self._expunge, self._uid_expunge, self._fetch_flags,
            self._fetch_bodies, self._search, self._noop, self._idle, self._close, self._select, self._create, self._rename, self._delete,
            self._status,
        ]  # fmt: skip

    _weights = (9, 3, 16, 4, 4, 4, 3, 8, 8, 5, 8, 5, 1, 3, 2, 2, 2, 2)

    def text(self) -> tuple[bytes, bytes]:
        """A new message: its name and its text."""
        self._written += 1
        name = b"%d-%d" % (self._seed, self._written)
        size = self._random.choice([50, 500, 3000, 3000, 9000, 150_000 if self._random.random() < 0.05 else 50])
        lines = b"".join(b"%060d\r\n" % self._random.getrandbits(150) for _ in range(size // 62 + 1))
        text = MARK + name + b"\r\nSubject: a letter\r\n\r\n" + lines
        self.records.write(name, text)
        return name, text

    def target(self) -> bytes:
        return self._random.choice(STABLE * 3 + SIDE)

    def _append(self, member: Member) -> Step:
        return self._append_some(member, 1)

    def _multiappend(self, member: Member) -> Step:
        return self._append_some(member, self._random.randint(2, 4))

    def _append_some(self, member: Member, count: int) -> Step:
        letters = [self.text() for _ in range(count)]
        pieces: list[bytes | Synchronizing] = [b"APPEND " + self.target()]
        deleted = self._random.random() < 0.05
        for _, text in letters:
            flags = self._random.sample(FLAGS, self._random.randint(0, 2)) + [b"\\Deleted"] * deleted
            pieces[-1] += b" (" + b" ".join(flags) + b") "  # type: ignore[operator]
            if len(text) <= 4096 and self._random.random() < 0.7:
                pieces[-1] += b"{%d+}\r\n" % len(text) + text  # type: ignore[operator]
            else:
                pieces += [Synchronizing(text), b""]
        try:
            responses = yield pieces
        except Lost:
            for name, _ in letters:
                self.records.loosen(name)
            raise
        code = responses[-1].code
        if responses[-1].name != b"OK":
            return
        if code[0] != b"APPENDUID":
            raise Broken("APPEND without APPENDUID")
        for uid, (name, _) in zip(_numbers(code[2]), letters, strict=True):
            place = int(code[1]), uid
            self.records.promise(place, name)
            if deleted:
                self.records.doomed.add(place)

    def _some(self, member: Member) -> tuple[bytes, list[Entry]]:
        """A set of messages whose UIDs the member knows, by number or by UID (``b"UID STORE 3:5"`` is prefix, verb and set)."""
        entries = member.picture.entries
        known = [at for at, entry in enumerate(entries) if entry.uid is not None]
        if not known or len(known) != len(entries):
            return b"", []
        first = self._random.randrange(len(entries))
        last = min(len(entries) - 1, first + self._random.choice([0, 0, 1, 2, 5, 20]))
        chosen = entries[first : last + 1]
        if self._random.random() < 0.5:
            return b"%d:%d" % (first + 1, last + 1), chosen
        return b"UID %d:%d" % (chosen[0].uid or 0, chosen[-1].uid or 0), chosen

    def _command(self, verb: bytes, where: bytes, rest: bytes) -> bytes:
        uid, _, numbers = where.rpartition(b" ")
        return (b"UID " if uid else b"") + verb + b" " + numbers + b" " + rest

    def places(self, member: Member, entries: Iterable[Entry]) -> list[tuple[int, int]]:
        return [(member.picture.uidvalidity, entry.uid) for entry in entries if entry.uid is not None]

    def _store(self, member: Member) -> Step:
        where, entries = self._some(member)
        if not entries or member.read_only:
            yield from self._fetch_flags(member)
            return
        choice = self._random
        action = choice.choice([b"+", b"+", b"-", b""])
        flags = choice.sample(FLAGS, choice.randint(1, 2)) + [b"\\Deleted"] * (choice.random() < 0.15)
        if action != b"-" and b"\\Deleted" in flags:
            self.records.doomed.update(self.places(member, entries))
        silent = choice.random() < 0.5
        modseqs = [entry.modseq for entry in entries if entry.modseq]
        since = b"(UNCHANGEDSINCE %d) " % choice.choice(modseqs) if modseqs and choice.random() < 0.4 else b""
        rest = since + action + b"FLAGS" + (b".SILENT" if silent else b"") + b" (" + b" ".join(flags) + b")"
        member.picture.told.clear()
        responses = yield [self._command(b"STORE", where, rest)]
        tagged = responses[-1]
        if since:
            member.condstore = True
        if silent and (tagged.name == b"OK" or tagged.code[:1] in ([b"EXPUNGEISSUED"], [b"MODIFIED"])):
            failed = self._modified(member, tagged, where.startswith(b"UID"))
            member.picture.apply((entry for entry in entries if entry not in failed), action, flags)

    def _modified(self, member: Member, tagged: Response, by_uid: bool) -> set[Entry]:
        """The messages that UNCHANGEDSINCE has spared (RFC 7162 3.1.3)."""
        if tagged.code[:1] != [b"MODIFIED"]:
            return set()
        numbers = _numbers(tagged.code[1])
        if not by_uid:
            return {member.picture.entries[number - 1] for number in numbers}
        return {entry for entry in member.picture.entries if entry.uid in set(numbers)}

    def _tidy(self, member: Member) -> Step:
        """Mark the older half as deleted, and expunge."""
        entries = member.picture.entries[: len(member.picture) // 2]
        places = self.places(member, entries)
        if not places:
            yield from self._fetch_flags(member)
            return
        self.records.doomed.update(places)
        numbers = b",".join(b"%d" % uid for _, uid in places)
        yield [b"UID STORE " + numbers + b" +FLAGS (\\Deleted)"]
        yield [b"EXPUNGE"]

    def _copy(self, member: Member) -> Step:
        where, entries = self._some(member)
        if not entries:
            yield from self._fetch_flags(member)
            return
        places = self.places(member, entries)
        try:
            responses = yield [self._command(b"COPY", where, self.target())]
        except Lost:
            self._doubt(places)
            raise
        self._copied(member, [responses[-1]], moved=False)

    def _move(self, member: Member) -> Step:
        where, entries = self._some(member)
        target = self.target()
        if not entries or member.read_only or target == member.box:
            yield from self._fetch_flags(member)
            return
        places = self.places(member, entries)
        try:
            responses = yield [self._command(b"MOVE", where, target)]
        except Lost:
            self._doubt(places)
            self.records.doomed.update(places)
            raise
        self._copied(member, responses, moved=True)

    def _copied(self, member: Member, responses: Iterable[Response], moved: bool) -> None:
        for response in responses:
            if response.code[:1] == [b"COPYUID"]:
                validity, sources, targets = response.code[1:]
                here = member.picture.uidvalidity
                self.records.copied(
                    [(here, uid) for uid in _numbers(sources)],
                    [(int(validity), uid) for uid in _numbers(targets)],
                    moved,
                )

    def _doubt(self, places: Iterable[tuple[int, int]]) -> None:
        for place in places:
            self.records.loosen(self.records.name_at(place))

    def _expunge(self, member: Member) -> Step:
        yield [b"EXPUNGE"]

    def _uid_expunge(self, member: Member) -> Step:
        _, entries = self._some(member)
        if not entries:
            yield [b"NOOP"]
        else:
            yield [b"UID EXPUNGE %d:%d" % (entries[0].uid or 0, entries[-1].uid or 0)]

    def _fetch_flags(self, member: Member) -> Step:
        unknown = member.picture.unknown()
        items = b" (UID FLAGS MODSEQ)" if member.condstore else b" (UID FLAGS)"
        if unknown:
            yield [b"FETCH %d:%d" % (unknown[0], unknown[-1]) + items]
        elif len(member.picture):
            yield [b"FETCH %d" % self._random.randint(1, len(member.picture)) + items]
        else:
            yield [b"NOOP"]

    def _fetch_bodies(self, member: Member) -> Step:
        where, _ = self._some(member)
        if not where:
            yield from self._fetch_flags(member)
            return
        item = self._random.choice([b"BODY.PEEK[]", b"BODY.PEEK[]", b"BODY[]"])
        responses = yield [self._command(b"FETCH", where, b"(UID " + item + b")")]
        self.read(member, responses)

    def read(self, member: Member, responses: Iterable[Response]) -> None:
        """Each text must be that of its UID."""
        for response in responses:
            if response.name == b"FETCH" and b"BODY[]" in response.items:
                self.records.read((member.picture.uidvalidity, int(response.items[b"UID"])), response.items[b"BODY[]"])

    def _search(self, member: Member) -> Step:
        what = self._random.choice([b"ALL", b"UNSEEN", b"KEYWORD Work", b"HEADER Letter-Id 7", b"OR DELETED TEXT 99"])
        by_uid = self._random.random() < 0.5
        responses = yield [(b"UID SEARCH " if by_uid else b"SEARCH ") + what]
        numbers = [int(word) for r in responses if r.name == b"SEARCH" for word in r.text.split()[1:]]
        if not by_uid and numbers and numbers[-1] > len(member.picture):
            raise Broken(f"SEARCH found {numbers[-1]} of {len(member.picture)}")

    def _noop(self, member: Member) -> Step:
        yield [self._random.choice([b"NOOP", b"CHECK"])]

    def _status(self, member: Member) -> Step:
        yield [b"STATUS " + self.target() + b" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"]

    def _idle(self, member: Member) -> Step:
        """Begins IDLE and leaves it running."""
        client = member.client
        member.idle = client.begin(b"IDLE")
        while client.next().tag != b"+":
            pass
        yield from ()  # a generator without a command for others to finish

    def _close(self, member: Member) -> Step:
        yield [self._random.choice([b"CLOSE", b"UNSELECT"])]
        member.box = b""

    def _select(self, member: Member) -> Step:
        member.select(self.target(), self._random.choice([b"SELECT"] * 5 + [b"EXAMINE"]))
        yield from ()

    def _create(self, member: Member) -> Step:
        yield [b"CREATE " + self._random.choice(SIDE)]

    def _rename(self, member: Member) -> Step:
        yield [b"RENAME %b %b" % tuple(self._random.sample(SIDE, 2))]

    def _delete(self, member: Member) -> Step:
        self.records.mailboxes_deleted += 1  # also if the answer is lost
        responses = yield [b"DELETE " + self._random.choice(SIDE)]
        if responses[-1].name != b"OK":
            self.records.mailboxes_deleted -= 1
        elif any(response.code == [b"CLOSED"] for response in responses):
            member.picture, member.box = Picture(), b""


def _numbers(written: bytes) -> list[int]:
    """The numbers of a set, spelled out in its order."""
    found: list[int] = []
    for piece in written.split(b","):
        low, _, high = piece.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found
