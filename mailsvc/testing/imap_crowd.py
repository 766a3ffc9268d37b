"""A crowd of IMAP clients at the mailboxes of one account, doing at random whatever clients do, several at a time.

::

    crowd = Crowd(server, seed=7)
    crowd.run(steps=50_000)        raises Broken with the seed and the last lines of the log

A step is a command of one member; some begin before the others are answered, so that the two worker processes really work at once. Members
know only what untagged responses have told them (:mod:`~mailsvc.testing.imap_picture`). At every checkpoint, with everybody quiet, each
picture must become what a fresh session sees, and the books (:mod:`~mailsvc.testing.imap_records`) must agree with all mailboxes.
"""

import random
import smtplib
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from poplib import POP3, error_proto
from typing import Any

from mailsvc.testing.harness import RunningServer, wait_for
from mailsvc.testing.imap_client import Broken, IMAPClient, Lost, Response, Synchronizing
from mailsvc.testing.imap_picture import Entry, Picture
from mailsvc.testing.imap_records import MARK, Records, Row, State

__all__ = ["Crowd"]

ADDRESS = "alice@example.test"
STABLE = (b"INBOX", b"Archive")
SIDE = (b"side/a", b"side/b", b"&Tgtm+DBN-", b"side/&MLQw33ux-")
FLAGS = (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"$Forwarded", b"Work")
CROWDED = 60
"""Messages in a mailbox from which on members tidy up."""

PATIENCE = 20.0
"""Seconds in which a picture must become true."""

KEPT = 2000
"""Lines of the log that are kept."""

Step = Generator[Sequence[bytes | Synchronizing], list[Response], None]


class Member:
    """One client with its picture of the mailbox that it has selected."""

    def __init__(self, name: str, connection: socket.socket, log: Callable[[str], object]) -> None:
        self.client = IMAPClient(connection, lambda line: log(f"{name} {line}"))
        self.client.heard = self._heard
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


class Crowd:
    """Members, deliveries, a person with POP3; and what is checked.

    :ivar records: the books. :ivar done: how often what was done. :ivar slowest: seconds until the last picture of a checkpoint was true.
    """

    def __init__(self, server: RunningServer, seed: int, members: int = 6) -> None:
        self.records = Records()
        self.done: Counter[str] = Counter()
        self.slowest = 0.0
        self._server = server
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - commands, not secrets
        self._log: deque[str] = deque(maxlen=KEPT)
        self._written = self._connected = 0
        first = self._connect()
        for box in STABLE[1:]:
            first.client.do(b"CREATE " + box)
        self._members = [first] + [self._connect() for _ in range(members - 1)]
        for member in self._members:
            self._settle(member)

    # --- life ---

    def run(self, steps: int, every: int = 100, kill_every: int = 0) -> None:
        """Do ``steps`` steps. ``every``: steps between checkpoints; ``kill_every``: steps between kills of a worker. Raises Broken."""
        try:
            self._run(steps, every, kill_every)
        except (Broken, TimeoutError, AssertionError) as error:
            log = "\n".join(self._log)
            raise Broken(f"seed {self._seed}, step {self.steps}: {error}\n{log}") from error

    @property
    def steps(self) -> int:
        """How many steps were done."""
        return self.done.total() - self.done["checkpoints"] - self.done["connections lost"]

    def _run(self, steps: int, every: int, kill_every: int) -> None:
        begun = self.steps
        checkpoint = kill = 0
        while (at := self.steps - begun) < steps:
            if kill_every and at // kill_every > kill:
                kill = at // kill_every
                self._burst(killing=True)
            self._burst()
            if at // every > checkpoint:
                checkpoint = at // every
                self.check()
        self.check()

    def _burst(self, killing: bool = False) -> None:
        """Several members begin at once; then all are answered."""
        choice = self._random
        members = choice.sample(self._members, choice.choice([1, 1, 2, 3, len(self._members)]))
        begun = [(member, *started) for member in members if (started := self._begin(member))]
        if killing:
            self._log.append("a worker is killed")
            self._server.kill(choice.choice(["worker", "worker 1"]))
        elif choice.random() < 0.15:
            choice.choice([self._deliver, self._deliver, self._pop3])()
        for member, step, tag in begun:
            self._finish(member, step, tag)
        if killing:
            self._come_back()

    def _begin(self, member: Member) -> tuple[Step, bytes] | None:
        try:
            if member.idle:
                self._listen(member)
                return None
            name, step = self._choose(member)
            self.done[name] += 1
            return step, member.client.begin(*next(step))
        except StopIteration:
            return None
        except Lost as lost:
            self._reconnect(member, lost)
            return None

    def _listen(self, member: Member) -> None:
        """Hear what is said in IDLE, and perhaps leave it."""
        self.done["idle: listen"] += 1
        while member.client.poll() is not None:
            pass
        if self._random.random() < 0.4:
            member.stop_idling()

    def _finish(self, member: Member, step: Step, tag: bytes) -> None:
        try:
            while True:
                responses = member.client.finish(tag)
                self._judge(responses[-1])
                member.picture.check_order()
                tag = member.client.begin(*step.send(responses))
        except StopIteration:
            pass
        except Lost as lost:
            with suppress(StopIteration, Lost):
                step.throw(lost)
            self._reconnect(member, lost)

    def _judge(self, tagged: Response) -> None:
        if tagged.name == b"BAD" or tagged.code[:1] == [b"SERVERBUG"]:
            raise Broken(f"answered {tagged.text!r}")

    # --- connections ---

    def _connect(self) -> Member:
        self._connected += 1
        found: list[Member] = []

        def attempt() -> bool:
            with suppress(OSError, Lost):
                member = Member(f"{self._connected}", self._server.connect("imap"), self._log.append)
                member.client.do(b"LOGIN %s %s" % (ADDRESS.encode(), self._server.accounts[ADDRESS].encode()))
                found.append(member)
            return bool(found)

        wait_for(attempt, "somebody can log in")
        return found[0]

    def _reconnect(self, member: Member, lost: Lost) -> None:
        """Be there again. To lose the connection is right when the mailbox is gone or somebody killed the worker, and else it is not."""
        self.done["connections lost"] += 1
        if not lost.bye and not self._killed_lately():
            raise Broken(f"connection closed without BYE: {member.box!r}")
        member.client.close()
        fresh = self._connect()
        self._members[self._members.index(member)] = fresh
        self._settle(fresh)

    def _killed_lately(self) -> bool:
        return "a worker is killed" in list(self._log)[-300:]

    def _settle(self, member: Member) -> None:
        if self._random.random() < 0.5:
            member.client.do(b"ENABLE CONDSTORE")
            member.condstore = True
        member.select(self._random.choice(STABLE))

    def _come_back(self) -> None:
        """Those whose worker was killed find it out."""
        wait_for(lambda: len(self._server.processes()) == 4, "the worker is back")
        for member in list(self._members):
            try:
                member.stop_idling()
                member.client.do(b"NOOP")
            except Lost as lost:
                self._reconnect(member, lost)
        self.check()

    # --- what a member may do ---

    def _choose(self, member: Member) -> tuple[str, Step]:
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

    def _text(self) -> tuple[bytes, bytes]:
        """A new message: its name and its text."""
        self._written += 1
        name = b"%d-%d" % (self._seed, self._written)
        size = self._random.choice([50, 500, 3000, 3000, 9000, 150_000 if self._random.random() < 0.05 else 50])
        lines = b"".join(b"%060d\r\n" % self._random.getrandbits(150) for _ in range(size // 62 + 1))
        text = MARK + name + b"\r\nSubject: a letter\r\n\r\n" + lines
        self.records.write(name, text)
        return name, text

    def _target(self) -> bytes:
        return self._random.choice(STABLE * 3 + SIDE)

    def _append(self, member: Member) -> Step:
        return self._append_some(member, 1)

    def _multiappend(self, member: Member) -> Step:
        return self._append_some(member, self._random.randint(2, 4))

    def _append_some(self, member: Member, count: int) -> Step:
        letters = [self._text() for _ in range(count)]
        pieces: list[bytes | Synchronizing] = [b"APPEND " + self._target()]
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

    def _places(self, member: Member, entries: Iterable[Entry]) -> list[tuple[int, int]]:
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
            self.records.doomed.update(self._places(member, entries))
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
        places = self._places(member, entries)
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
        places = self._places(member, entries)
        try:
            responses = yield [self._command(b"COPY", where, self._target())]
        except Lost:
            self._doubt(places)
            raise
        self._copied(member, [responses[-1]], moved=False)

    def _move(self, member: Member) -> Step:
        where, entries = self._some(member)
        target = self._target()
        if not entries or member.read_only or target == member.box:
            yield from self._fetch_flags(member)
            return
        places = self._places(member, entries)
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
        self._read(member, responses)

    def _read(self, member: Member, responses: Iterable[Response]) -> None:
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
        yield [b"STATUS " + self._target() + b" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"]

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
        member.select(self._target(), self._random.choice([b"SELECT"] * 5 + [b"EXAMINE"]))
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

    # --- the others ---

    def _deliver(self) -> None:
        """By SMTP or LMTP."""
        self.done["deliver"] += 1
        name, text = self._text()
        kind = self._random.choice(["smtp", "lmtp"])
        self._log.append(f"{kind}: delivers {name!r}")
        try:
            make: Any = smtplib.SMTP if kind == "smtp" else smtplib.LMTP
            with make(self._server.host, self._server.ports[kind], timeout=PATIENCE) as line:
                line.sendmail("writer@elsewhere.test", [ADDRESS], text)
        except smtplib.SMTPResponseException as error:
            if error.smtp_code >= 500:
                raise Broken(f"refused: {error}") from error
            self.records.loosen(name)
        except (OSError, smtplib.SMTPException):
            self.records.loosen(name)
        else:
            self.records.loosen(name, owed=True)

    def _pop3(self) -> None:
        """Somebody reads and deletes by POP3."""
        self.done["pop3"] += 1
        try:
            session = POP3(self._server.host, self._server.ports["pop3"], timeout=PATIENCE)
            session.user(ADDRESS)
            session.pass_(self._server.accounts[ADDRESS])
            places = [_place(line) for line in session.uidl()[1]]
            for number in sorted(self._random.sample(range(1, len(places) + 1), min(3, len(places)))):
                place = places[number - 1]
                self.records.read(place, b"\r\n".join([*session.retr(number)[1], b""]))
                self._log.append(f"pop3: deletes {place}")
                self.records.doomed.add(place)
                session.dele(number)
            session.quit()
        except error_proto as error:
            self._log.append(f"pop3: {error}")  # in use, or a message has gone meanwhile
        except OSError:
            if not self._killed_lately():
                raise

    # --- checkpoints ---

    def check(self) -> None:
        """With nobody doing anything: pictures, searches and books against what fresh sessions see. Raises Broken."""
        self.done["checkpoints"] += 1
        self._log.append("--- checkpoint")
        states = self._fresh()
        self.records.audit(states)
        begun = time.monotonic()
        for member in list(self._members):
            try:
                self._compare(member, states)
            except Lost as lost:
                self._reconnect(member, lost)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def _fresh(self) -> dict[int, State]:
        """Every mailbox, each by a SELECT of a new connection."""
        member = self._connect()
        member.client.log = lambda line: None
        listed = [r.text.split(b' "/" ', 1) for r in member.client.do(b'LIST "" *') if r.name == b"LIST"]
        names = [name.strip().strip(b'"') for attributes, name in listed if b"oselect" not in attributes]
        states = dict(self._state(member, name) for name in names)
        member.client.do(b"LOGOUT")
        member.client.close()
        return states

    def _state(self, member: Member, name: bytes) -> tuple[int, State]:
        member.picture = picture = Picture()
        answers = member.client.do(b"SELECT " + name)
        (modseq,) = (int(answer.code[1]) for answer in answers if answer.code[:1] == [b"HIGHESTMODSEQ"])
        if len(picture):
            member.client.do(b"FETCH 1:* (UID FLAGS MODSEQ)")
        picture.check_order()
        new = [
            uid
            for _, uid in self._places(member, picture.entries)
            if (picture.uidvalidity, uid) not in self.records.names
        ]
        if new:
            self._read(member, member.client.do(b"UID FETCH " + b",".join(map(b"%d".__mod__, new)) + b" (BODY.PEEK[])"))
        rows = {entry.uid or 0: Row(entry.flags or frozenset(), entry.modseq) for entry in picture.entries}
        if len(rows) != len(picture) or 0 in rows:
            raise Broken(f"{name!r}: {len(picture)} messages, {len(rows)} UIDs")
        return picture.uidvalidity, State(name, picture.uidnext, modseq, rows)

    def _compare(self, member: Member, states: dict[int, State]) -> None:
        if not member.box:
            return
        state = states.get(member.picture.uidvalidity)
        if state is None:
            self._is_shown_out(member)
            return
        self._converge(member, state)
        member.stop_idling()
        self._learn(member)
        self._converge(member, state)
        self._compare_modseqs(member, state)
        self._compare_search(member, state)

    def _is_shown_out(self, member: Member) -> None:
        """RFC 2180 3.4: whose mailbox was deleted cannot go on with it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if member.idle:
                member.client.poll(0.1)
            else:
                self._repeat(member)
        raise Broken(f"the mailbox {member.box!r} is deleted, and nobody says so")

    def _converge(self, member: Member, state: State) -> None:
        """Until the picture is true, of what it knows."""
        deadline = time.monotonic() + PATIENCE
        while not _agree(member.picture, state):
            if time.monotonic() > deadline:
                raise Broken(_difference(member, state))
            if member.idle:
                member.client.poll(0.05)
            else:
                self._repeat(member)

    def _repeat(self, member: Member) -> None:
        """NOOP again and again; where nothing is said, it is not worth two lines of the log."""
        if not member.client.do(b"NOOP"):
            for _ in range(2):
                self._log.pop()
            time.sleep(0.01)

    def _learn(self, member: Member) -> None:
        unknown = member.picture.unknown()
        if unknown:
            member.client.do(b"FETCH %b (UID FLAGS)" % b",".join(map(b"%d".__mod__, unknown)))

    def _compare_modseqs(self, member: Member, state: State) -> None:
        """Whoever asked for mod-sequences knows the last of each message of which it knows one (RFC 7162 3.1)."""
        wrong = [
            (entry.uid, entry.modseq, state.rows[entry.uid or 0].modseq)
            for entry in member.picture.entries
            if member.condstore and entry.modseq not in (0, state.rows[entry.uid or 0].modseq)
        ]
        if wrong:
            raise Broken(f"mod-sequences of {state.name!r} (UID, known, true): {wrong}")

    def _compare_search(self, member: Member, state: State) -> None:
        flag = self._random.choice([b"\\Flagged", b"\\Deleted", b"Work"])
        key = flag[1:] if flag.startswith(b"\\") else b"KEYWORD " + flag
        rows = enumerate(sorted(state.rows.items()), 1)
        expected = [(number, uid) for number, (uid, row) in rows if flag in row.flags]
        for at, prefix in enumerate([b"", b"UID "]):
            (found,) = (r for r in member.client.do(prefix + b"SEARCH " + key) if r.name == b"SEARCH")
            if [int(word) for word in found.text.split()[1:]] != [pair[at] for pair in expected]:
                raise Broken(f"{prefix!r} SEARCH {key!r}: {found.text!r} instead of {expected}")


def _numbers(written: bytes) -> list[int]:
    """The numbers of a set, spelled out in its order."""
    found: list[int] = []
    for piece in written.split(b","):
        low, _, high = piece.partition(b":")
        found += range(int(low), int(high or low) + 1)
    return found


def _place(line: bytes) -> tuple[int, int]:
    """The place that a line of UIDL names: our ids are UIDVALIDITY and UID."""
    validity, uid = line.split()[1].split(b".")
    return int(validity), int(uid)


def _agree(picture: Picture, state: State) -> bool:
    entries, uids = picture.entries, sorted(state.rows)
    return len(entries) == len(uids) and all(
        entry.uid in (None, uid) and entry.flags in (None, state.rows[uid].flags)
        for entry, uid in zip(entries, uids, strict=True)
    )


def _difference(member: Member, state: State) -> str:
    mine = {entry.uid: entry.flags for entry in member.picture.entries}
    true: dict[int | None, Any] = {uid: row.flags for uid, row in state.rows.items()}
    wrong = [(uid, mine.get(uid), true.get(uid)) for uid in mine.keys() | true.keys() if mine.get(uid) != true.get(uid)]
    kind = "IDLE" if member.idle else "NOOP"
    return f"the picture of {state.name!r} does not become true by {kind} (UID, picture, truth): {wrong}"
