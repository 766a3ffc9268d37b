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
import time
from collections import Counter, deque
from contextlib import suppress
from poplib import POP3, error_proto
from typing import Any

from mailsvc.testing.harness import RunningServer, wait_for
from mailsvc.testing.imap_acts import STABLE, Acts, Member, Step
from mailsvc.testing.imap_client import Broken, Lost, Response
from mailsvc.testing.imap_picture import Picture
from mailsvc.testing.imap_records import Records, Row, State

__all__ = ["Crowd"]

ADDRESS = "alice@example.test"
PATIENCE = 120.0
"""Seconds in which a picture must become true."""

KEPT = 2000
"""Lines of the log that are kept."""


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
        self._acts = Acts(self.records, self._random, seed)
        self._connected = self._kills = 0
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
            self._kills += 1
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
            name, step = self._acts.choose(member)
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
                member = Member(f"{self._connected}", self._server.connect("imap"), self._log.append, self._kills)
                member.client.do(b"LOGIN %s %s" % (ADDRESS.encode(), self._server.accounts[ADDRESS].encode()))
                found.append(member)
            return bool(found)

        wait_for(attempt, "somebody can log in")
        return found[0]

    def _reconnect(self, member: Member, lost: Lost) -> None:
        """Be there again. To lose the connection is right when the mailbox is gone or somebody killed the worker, and else it is not."""
        self.done["connections lost"] += 1
        if not lost.bye and member.kills == self._kills:
            raise Broken(f"connection closed without BYE: {member.box!r}")
        member.client.close()
        fresh = self._connect()
        self._members[self._members.index(member)] = fresh
        self._settle(fresh)

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

    # --- the others ---

    def _deliver(self) -> None:
        """By SMTP or LMTP."""
        self.done["deliver"] += 1
        name, text = self._acts.text()
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
            for _, uid in self._acts.places(member, picture.entries)
            if (picture.uidvalidity, uid) not in self.records.names
        ]
        if new:
            self._acts.read(
                member, member.client.do(b"UID FETCH " + b",".join(map(b"%d".__mod__, new)) + b" (BODY.PEEK[])")
            )
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
        """Until the picture is true: in IDLE of what it knows, otherwise of everything.

        An answer can bring new messages, of which nothing is known again.
        """
        deadline = time.monotonic() + PATIENCE
        while not _agree(member.picture, state) or (member.picture.unknown() and not member.idle):
            if time.monotonic() > deadline:
                raise Broken(_difference(member, state))
            if member.idle:
                member.client.poll(0.05)
            else:
                self._learn(member)
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
