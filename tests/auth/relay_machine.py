"""A model of who may relay, held against the real rules, desk, grants and store: whatever happens in whatever order.

Two processes share one store. The model knows proofs, and this: **mail goes out if and only if some rule allows it at that instant.**

- POP-before-SMTP: there is a proof (a log-in that counts, or a retrieval in its session) at this address, not older than the window on
  either clock, whose account still answers for mail, and from which nothing was taken since.
- a trusted network lets a sender through that exists here; a completed AUTH lets its account through.
"""

import shutil
import tempfile
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.task import Clock

from mailsvc.auth.grants import GATHER, Granting
from mailsvc.auth.relay_addresses import network_of
from mailsvc.auth.relay_desk import RelayDesk
from mailsvc.auth.relay_permission import Permission, Permits
from mailsvc.auth.relay_rules import PopBeforeSmtp, SenderPolicy, SmtpAuth, TrustedNetwork
from mailsvc.bus import Bus
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import (
    AddAccount,
    AddDevice,
    AddDomain,
    ChangeAccount,
    EndGrants,
    RemoveDevice,
    SetPassword,
)
from mailsvc.core.relay import RelayFactsChanged
from mailsvc.core.secrets import LOGIN, Scope
from mailsvc.core.values import AccountChanged, AccountFlag, Active, Doing, LoggedIn, NewsMissed, Peer
from mailsvc.directory import Directory, Grants, Secrets
from mailsvc.formats.address import Address
from mailsvc.store.connect import run
from mailsvc.store.direct import DirectStore
from mailsvc.testing.relay import FakeClocks

WINDOW, CEILING = 300, 1200
RULES = (
    TrustedNetwork(name="campus", networks=(ip_network("198.51.100.0/24"),), sender=SenderPolicy.OWN),
    PopBeforeSmtp(
        name="pop-before-smtp",
        window=WINDOW,
        ceiling=CEILING,
        prefix=64,
        shared=(ip_network("100.64.0.0/10"),),
    ),
    SmtpAuth(name="smtp-auth"),
)
ADDRESSES = (
    "203.0.113.9",
    "203.0.113.10",
    "2001:db8:1:2::5",
    "2001:db8:1:2::6",
    "100.64.0.7",
    "198.51.100.1",
    "127.0.0.1",
)
NOWHERE = {"100.64.0.7", "127.0.0.1"}
NAMES = ("alice", "bob", "carol")
SENDERS = (Address("alice", "example.test"), Address("nobody", "example.test"), Address("x", "elsewhere.test"), None)
DEVICE, READ_ONLY = 77, 78

PROCESSES = st.integers(0, 1)
PEOPLE = st.sampled_from(NAMES)
PLACES = st.sampled_from(ADDRESSES)
CREDENTIALS = st.sampled_from([LOGIN, LOGIN, DEVICE, READ_ONLY])


class Process:
    """A serving process: its desk, what makes grants, and how it hears of the store."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.bus = Bus()
        store = world.store
        self.deaf = [store.bus.subscribe(kind, self.bus.publish) for kind in (RelayFactsChanged, AccountChanged)]
        self.directory = Directory(store.connection)
        clocks = world.clocks.clocks
        grants = Grants(store.connection)
        self.desk = RelayDesk(RULES, self.directory, grants, self.apply, clocks)
        self.desk.listen(self.bus)
        self.permits = Permits(self.desk)
        self.reactor = Clock()
        self.granting = Granting(
            self.reactor, RULES, grants, Secrets(store.connection), self.apply, clocks, ours=lambda address: False
        )
        self.granting.listen(self.bus)
        self.transactions: list[tuple[Permission, str, Address | None, str]] = []

    async def apply(self, operations: Any) -> list[Any]:
        return self.world.store.commit(operations)

    def kill(self) -> None:
        """Nobody says goodbye."""
        for unsubscribe in self.deaf:
            unsubscribe()


class World:
    """One store, two processes, two clocks."""

    def __init__(self) -> None:
        # Nothing here is about disks.
        self.path = tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.clocks = FakeClocks()
        self.patch = patch("mailsvc.store.context.time", SimpleNamespace(time=lambda: self.clocks.wall))
        self.patch.start()
        self.store = DirectStore(self.path)
        self.store.commit([AddDomain("example.test")])
        for name in NAMES:
            self.store.commit([AddAccount(f"{name}@example.test")])
        rows = self.store.connection().execute("SELECT address, id FROM account").fetchall()
        self.ids = {str(address).partition("@")[0]: int(str(number)) for address, number in rows}
        self.processes = [Process(self), Process(self)]

    def account(self, name: str) -> Any:
        return run(Directory(self.store.connection).account(self.ids[name]))

    def restart_store(self) -> None:
        """The owner dies and comes back: whoever was told nothing meanwhile is told that."""
        self.store.close()
        bus = self.store.bus
        self.store = DirectStore(self.path, bus)
        for process in self.processes:
            process.bus.publish(NewsMissed())

    def close(self) -> None:
        self.store.close()
        self.patch.stop()
        shutil.rmtree(self.path)


@attrs.define(eq=False)
class Proof:
    """That an account was seen at a network, on both clocks."""

    name: str
    network: str
    credential: int
    at: float
    steady: int
    good_for: int
    boot: str
    dead: bool = False


@attrs.define(eq=False)
class Visit:
    """A session, as the model knows it."""

    process: Process
    name: str
    address: str
    credential: int
    begun: int
    renews: bool = True


class Session:
    """What a protocol is to the bus."""


class RelayMachine(RuleBasedStateMachine):
    """See the module."""

    @initialize()
    def begin(self) -> None:
        """Nobody has shown themselves anywhere."""
        self.world = World()
        self.proofs: list[Proof] = []
        self.visits: dict[Session, Visit] = {}
        self.disabled: set[str] = set()
        self.mute: set[str] = set()
        self.excluded: set[str] = set()
        self.shared: set[str] = set()
        self.devices: set[tuple[str, int]] = set()

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "world"):
            self.world.close()

    # --- what people do ---

    @rule(
        process=PROCESSES,
        name=PEOPLE,
        address=PLACES,
        credential=CREDENTIALS,
        tls=st.sampled_from([True, True, True, False]),
        imap=st.booleans(),
    )
    def log_in(self, process: int, name: str, address: str, credential: int, tls: bool, imap: bool) -> None:
        """Somebody logs in to read mail, with a password or a device's, with or without TLS."""
        if name in self.disabled:
            return  # refused
        if credential != LOGIN:
            self._make_device(name, credential)
        host = self.world.processes[process]
        peer = Peer(address, "pop3@x", "imap" if imap else "pop3", tls="TLSv1.3" if tls else None, mechanism="USER")
        session = Session()
        number = self._number(name, credential)
        host.bus.publish(LoggedIn(self.world.account(name), peer, number, session))
        counts = (
            tls
            and address not in NOWHERE
            and name not in self.mute | self.excluded | self.shared
            and credential != READ_ONLY
        )
        if counts:
            visit = Visit(host, name, address, credential, self.world.clocks.steady)
            self.visits[session] = visit
            self._prove(visit)

    def _number(self, name: str, credential: int) -> int:
        return LOGIN if credential == LOGIN else credential * 100 + self.world.ids[name]

    def _make_device(self, name: str, credential: int) -> None:
        if (name, credential) not in self.devices:
            scopes = Scope.POP3 | Scope.IMAP | (Scope.SEND if credential == DEVICE else Scope(0))
            account = self.world.ids[name]
            self.world.store.commit(
                [AddDevice(account, self._number(name, credential), str(credential), int(scopes), 0, "key", b"mac")]
            )
            self.devices.add((name, credential))

    def _prove(self, visit: Visit) -> None:
        clocks = self.world.clocks
        good_for = min(WINDOW, CEILING - (clocks.steady - visit.begun) // 1000)
        network = network_of(visit.address, 64)
        self.proofs.append(
            Proof(visit.name, network, visit.credential, clocks.wall, clocks.steady, good_for, clocks.boot)
        )

    @precondition(lambda self: self.visits)
    @rule(data=st.data(), doing=st.sampled_from([Doing.READING, Doing.READING, Doing.NOOP, Doing.LEAVING, Doing.GONE]))
    def act(self, data: st.DataObject, doing: Doing) -> None:
        """A session reads a message, idles, says QUIT, or is cut off."""
        session = data.draw(st.sampled_from(list(self.visits)))
        visit = self.visits[session]
        visit.process.bus.publish(Active(session, doing))
        visit.process.reactor.advance(GATHER)
        if doing in (Doing.READING, Doing.LEAVING) and visit.renews:
            self._prove(visit)
        if doing in (Doing.LEAVING, Doing.GONE):
            del self.visits[session]

    # --- what administrators do ---

    @rule(name=PEOPLE)
    def change_password(self, name: str) -> None:
        """What the old password proved is worth nothing."""
        self.world.store.commit([SetPassword(self.world.ids[name], "new")])
        self._take_away(name, lambda proof: proof.credential == LOGIN)

    @rule(name=PEOPLE)
    def disable(self, name: str) -> None:
        """All of it ends, for good."""
        self.world.store.commit([ChangeAccount(self.world.ids[name], enabled=False)])
        self.disabled.add(name)
        self._take_away(name)

    @rule(name=PEOPLE)
    def enable(self, name: str) -> None:
        """What has ended stays ended."""
        self.world.store.commit([ChangeAccount(self.world.ids[name], enabled=True)])
        self.disabled.discard(name)

    @rule(name=PEOPLE, on=st.booleans())
    def set_sending(self, name: str, on: bool) -> None:
        """Sending is switched off or on."""
        self._flag(name, AccountFlag.NO_SEND, not on, self.mute)

    @rule(name=PEOPLE, on=st.booleans())
    def set_excluded(self, name: str, on: bool) -> None:
        """Its log-ins give no grants, or do again."""
        self._flag(name, AccountFlag.NO_POP_BEFORE_SMTP, on, self.excluded)

    @rule(name=PEOPLE, on=st.booleans())
    def set_shared(self, name: str, on: bool) -> None:
        """Several people use it."""
        self._flag(name, AccountFlag.SHARED, on, self.shared)

    def _flag(self, name: str, flag: AccountFlag, on: bool, names: set[str]) -> None:
        number = self.world.ids[name]
        change = ChangeAccount(number, set_flags=int(flag)) if on else ChangeAccount(number, clear_flags=int(flag))
        self.world.store.commit([change])
        if on:
            names.add(name)
            self._take_away(name)
        else:
            names.discard(name)

    @precondition(lambda self: self.devices)
    @rule(data=st.data())
    def revoke_device(self, data: st.DataObject) -> None:
        """A device is lost."""
        name, credential = data.draw(st.sampled_from(sorted(self.devices)))
        self.devices.remove((name, credential))
        self.world.store.commit([RemoveDevice(self.world.ids[name], self._number(name, credential))])
        self._take_away(name, lambda proof: proof.credential == credential)

    @rule(name=PEOPLE)
    def revoke_by_hand(self, name: str) -> None:
        """``mailsvc relay revoke``."""
        self.world.store.commit([EndGrants(int(self.world.clocks.wall), "revoked", account=self.world.ids[name])])
        self._take_away(name)

    def _take_away(self, name: str, which: Callable[[Proof], bool] = lambda proof: True) -> None:
        for proof in self.proofs:
            if proof.name == name and which(proof):
                proof.dead = True
        for visit in self.visits.values():
            if visit.name == name:
                visit.renews = False

    # --- what happens by itself ---

    @rule(seconds=st.sampled_from([1, 60, 150, 299, 300, 301, 1000]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.world.clocks.advance(seconds)

    @rule(seconds=st.sampled_from([-4000, -400, -30, 200, 4000]))
    def set_clock(self, seconds: int) -> None:
        """Somebody sets the clock."""
        self.world.clocks.wall += seconds
        now = self.world.clocks.wall
        for proof in [one for one in self.proofs if int(one.at) > now and not one.dead]:
            for other in self.proofs:  # all that stands under one grant
                if (other.name, other.network, other.credential) == (proof.name, proof.network, proof.credential):
                    other.dead = True

    @rule(process=PROCESSES)
    def kill_process(self, process: int) -> None:
        """kill -9: its sessions are gone, what was written stays."""
        self.world.processes[process].kill()
        gone = self.world.processes[process]
        self.world.processes[process] = Process(self.world)
        self.visits = {session: visit for session, visit in self.visits.items() if visit.process is not gone}

    @rule()
    def restart_store(self) -> None:
        """The owner dies and comes back."""
        self.world.restart_store()

    @rule()
    def reboot(self) -> None:
        """The machine starts anew: the second clock begins again."""
        self.world.clocks.boot += "'"
        self.world.clocks.advance(30)
        self.world.clocks.steady = 40_000
        self.visits.clear()
        for number in (0, 1):
            self.world.processes[number].kill()
            self.world.processes[number] = Process(self.world)
        self.world.restart_store()

    # --- what must be true ---

    def _allowed(self, address: str, sender: Address | None, login: str) -> bool:
        """What the model says."""
        if login and login not in self.disabled | self.mute:
            return True
        if address == "198.51.100.1" and sender == SENDERS[0]:
            return True
        return address not in NOWHERE and any(self._good(proof, address) for proof in self.proofs)

    def _good(self, proof: Proof, address: str) -> bool:
        clocks = self.world.clocks
        age = int(clocks.wall) - int(proof.at)
        steady_age = (clocks.steady - proof.steady) / 1000 if proof.boot == clocks.boot else 0
        return (
            not proof.dead
            and proof.network == network_of(address, 64)
            and proof.name not in self.disabled | self.mute
            and 0 <= age < proof.good_for
            and steady_age < proof.good_for
        )

    def _ask(self, process: Process, address: str, sender: Address | None, login: str) -> Permission:
        account = self.world.ids[login] if login else 0
        peer = Peer(address, "smtp@x", "smtp", mechanism="PLAIN" if login else "")
        permission = process.permits.permission(peer, account, sender)
        self._check(permission, address, sender, login)
        return permission

    def _check(self, permission: Permission, address: str, sender: Address | None, login: str) -> None:
        wanted = self._allowed(address, sender, login)
        assert self._answer(permission) == ("" if wanted else Kind.RELAY_DENIED), (wanted, address, sender, login)

    def _answer(self, permission: Permission) -> str | Kind:
        try:
            run(permission.check(Address("somebody", "elsewhere.test")))
        except MailError as error:
            return error.kind
        return ""

    @invariant()
    def everywhere(self) -> None:
        """From every address and in every process the answer is the model's, at every instant."""
        for process in self.world.processes:
            for address in ADDRESSES:
                self._ask(process, address, SENDERS[0], "")

    @rule(process=PROCESSES, address=PLACES, sender=st.sampled_from(SENDERS), login=st.sampled_from(["", "", *NAMES]))
    def send(self, process: int, address: str, sender: Address | None, login: str) -> None:
        """A transaction with a recipient elsewhere: it goes out if and only if some rule allows it now."""
        host = self.world.processes[process]
        permission = self._ask(host, address, sender, login)
        host.transactions = [*host.transactions[-3:], (permission, address, sender, login)]

    @rule(process=PROCESSES)
    def next_recipient(self, process: int) -> None:
        """One more recipient in each open transaction: what is true now counts, whatever was true for the one before."""
        for permission, address, sender, login in self.world.processes[process].transactions:
            self._check(permission, address, sender, login)
