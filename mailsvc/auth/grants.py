"""POP-before-SMTP: a log-in to read mail lets its address send for a while. No protocol knows of it; they publish what happens.

::

    LoggedIn, Active (bus) -> Granting: may this log-in give a grant? -> ProveGrant (store's owner) -> RelayFactsChanged in all processes

A log-in, each message read later in its session, and its QUIT are *proofs*; sending is none. Proofs of one session within a second are
written as one, the log-in and QUIT at once. What a crash takes with it is a proof of the last second; none is ever made up.

How long a proof counts is measured on both clocks of the machine, so setting one back lengthens nothing.
"""

import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.auth.relay_addresses import network_of
from mailsvc.auth.relay_rules import LOOPBACK, PopBeforeSmtp, Rule, standing
from mailsvc.bus import Bus
from mailsvc.core.clocks import Clocks, system_clocks
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.grants import IGrants
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.operations import EndGrants, Operation, ProveGrant
from mailsvc.core.secrets import Device, Scope
from mailsvc.core.values import Account, AccountFlag, Active, Doing, LoggedIn, Peer
from mailsvc.wire.limits import within

__all__ = ["GATHER", "Granting", "is_ours", "objection"]

log = Logger(namespace="mailsvc.relay")

Apply = Callable[[Sequence[Operation]], Awaitable[list[Any]]]
"""That of IStore."""

GATHER = 1.0
"""Seconds within which the proofs of one session are written as one."""

IDLE_EVERY = 30.0
"""Seconds between two proofs of a session in IDLE, where a rule lets IDLE renew."""

_READING = frozenset({"pop3", "imap"})
_SHOWN = frozenset({"USER", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})
"""Mechanisms that show what one logs in with to whoever can read the line."""

_RENEWS = frozenset({Doing.READING, Doing.LEAVING})
_IDLES = frozenset({Doing.NOOP, Doing.IDLE, Doing.AWAKE})
_ENDS = frozenset({Doing.LEAVING, Doing.GONE})


def is_ours(address: str) -> bool:
    """Whether this machine has the address: the system would then use it to reach itself. Nothing is sent."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False


def objection(rule: PopBeforeSmtp, account: Account, peer: Peer, ours: Callable[[str], bool] = is_ours) -> str:
    """Why this log-in gives no grant by a rule: a short stable name; ``""``: it does. Devices are asked apart from this."""
    if peer.protocol not in _READING:
        return "not-reading"
    if rule.networks and not within(peer.address, rule.networks):
        return "other-network"
    if rule.excludes(peer.address):
        return "shared-address"
    if not within(peer.address, LOOPBACK) and (peer.address == peer.host or ours(peer.address)):
        return "own-address"
    if rule.protected and peer.tls is None and peer.mechanism in _SHOWN:
        return "password-in-the-clear"
    return _account_objection(rule, account)


def _account_objection(rule: PopBeforeSmtp, account: Account) -> str:
    if reason := standing(account):
        return reason
    if not account.mailbox:
        return "no-mailbox"
    for flag, reason in ((AccountFlag.SHARED, "shared-log-in"), (AccountFlag.NO_POP_BEFORE_SMTP, "switched-off")):
        if account.flags & flag:
            return reason
    return "" if rule.everybody or account.flags & AccountFlag.POP_BEFORE_SMTP else "not-marked"


@attrs.define(eq=False)
class _Session:
    """What is remembered of a session that has logged in.

    :ivar owner: the account's address. :ivar begun: and ``seen``: its log-in and its last proof, on the clock that nobody sets.
    :ivar at: the last proof in seconds since the epoch. :ivar ends: when its device password does, 0: never.
    :ivar grant: the last grant it proved.
    """

    rule: PopBeforeSmtp
    account: int
    owner: str
    window: int
    credential: int
    peer: Peer
    network: str
    epoch: int
    ends: int
    begun: int
    seen: int = 0
    at: int = 0
    grant: str = ""
    idle: bool = False
    over: bool = False


class Granting(Service):
    """The log-ins of one process."""

    def __init__(
        self,
        reactor: Any,
        rules: Sequence[Rule],
        grants: IGrants,
        secrets: ISecrets,
        apply: Apply,
        clocks: Clocks | None = None,
        keep: int = 30 * 86400,
        ours: Callable[[str], bool] = is_ours,
    ) -> None:
        """:param apply: that of IStore. :param keep: seconds for which grants are kept that are over."""
        self._reactor = reactor
        self._rules = [rule for rule in rules if isinstance(rule, PopBeforeSmtp)]
        self._grants = grants
        self._secrets = secrets
        self._apply = apply
        self._clocks = clocks or system_clocks()
        self._keep = keep
        self._ours = ours
        self._sessions: WeakKeyDictionary[Any, _Session] = WeakKeyDictionary()
        self._late: dict[_Session, None] = {}
        self._soon: Any = None
        self._idling = LoopingCall(self._renew_idle)
        self._idling.clock = reactor

    def listen(self, bus: Bus) -> None:
        """Hear of log-ins, if any rule wants to know."""
        if self._rules:
            bus.subscribe(LoggedIn, self._logged_in)
            bus.subscribe(Active, self._active)

    def startService(self) -> None:
        """Look after idle sessions, if a rule lets them renew."""
        super().startService()
        if any(rule.renew_idle for rule in self._rules):
            self._idling.start(IDLE_EVERY, now=False)

    def stopService(self) -> "Deferred[None]":
        """Write what is left."""
        super().stopService()
        if self._idling.running:
            self._idling.stop()
        if self._soon is not None:
            self._soon.cancel()
        return Deferred.fromCoroutine(self._write_late())

    # --- log-ins ---

    def _logged_in(self, event: LoggedIn) -> None:
        if event.peer.protocol in _READING:
            Deferred.fromCoroutine(self._begin(event)).addErrback(_failed)

    async def _begin(self, event: LoggedIn) -> None:
        account, peer = event.account, event.peer
        reason = "no-rule"
        for rule in self._rules:
            reason = objection(rule, account, peer, self._ours)
            if not reason:
                break
        device = await self._device(event)
        if not reason and device is not None and not device.scopes & Scope.SEND:
            reason = "device-may-not-send"
        if reason:
            log.debug(
                "no POP-before-SMTP for {account} at {address}: {reason}",
                account=account.address,
                address=peer.address,
                reason=reason,
            )
            return
        session = _Session(
            rule,
            account.id,
            account.address,
            rule.window_of(account),
            event.credential,
            peer,
            network_of(peer.address, rule.prefix),
            await self._grants.epoch(account.id),
            device.expires if device else 0,
            self._clocks.steady(),
        )
        if event.session is not None:
            self._sessions[event.session] = session
        self._see(session)
        await self._prove(session)

    async def _device(self, event: LoggedIn) -> Device | None:
        """The device whose password was used."""
        if event.credential <= 0:
            return None
        devices = await self._secrets.devices(event.account.id)
        return next((device for device in devices if device.id == event.credential), None)

    # --- what sessions do ---

    def _active(self, event: Active) -> None:
        session = self._sessions.get(event.session)
        if session is None:
            return
        session.idle = event.doing is Doing.IDLE
        if event.doing in _ENDS:
            del self._sessions[event.session]
            self._leave(session, event.doing)
        elif event.doing in _RENEWS or (event.doing in _IDLES and session.rule.renew_idle):
            self._renew(session)

    def _leave(self, session: _Session, doing: Doing) -> None:
        session.over = True
        if session.rule.end_at_logout:
            self._late.pop(session, None)
            Deferred.fromCoroutine(self._end(session)).addErrback(_failed)
        elif doing in _RENEWS:
            self._late.pop(session, None)
            self._see(session)
            Deferred.fromCoroutine(self._prove(session)).addErrback(_failed)

    async def _end(self, session: _Session) -> None:
        """Now, or as soon as it is known which grant that is."""
        if session.grant:
            await self._apply([EndGrants(self._clocks.now, "logout", (session.grant,))])

    def _renew(self, session: _Session) -> None:
        """Now if the last proof was written a while ago, else together with others that follow."""
        quick = self._clocks.steady() - session.seen < GATHER * 1000
        if session in self._late:
            self._see(session)
        elif quick:
            self._see(session)
            self._write_soon(session)
        else:
            self._see(session)
            Deferred.fromCoroutine(self._prove(session)).addErrback(_failed)

    def _renew_idle(self) -> None:
        for session in list(self._sessions.values()):
            if session.idle:
                self._renew(session)

    def _see(self, session: _Session) -> None:
        session.seen, session.at = self._clocks.steady(), self._clocks.now

    def _write_soon(self, session: _Session) -> None:
        self._late[session] = None
        if self._soon is None:
            self._soon = self._reactor.callLater(GATHER, self._write_now)

    def _write_now(self) -> None:
        self._soon = None
        Deferred.fromCoroutine(self._write_late()).addErrback(_failed)

    async def _write_late(self) -> None:
        late, self._late = list(self._late), {}
        for session in late:
            await self._prove(session)

    # --- proofs ---

    def _good_for(self, session: _Session) -> int:
        """Seconds for which the last proof counts: the window, but no longer than the log-in's ceiling and the device's end."""
        left = session.rule.ceiling - (session.seen - session.begun) // 1000
        if session.ends:
            left = min(left, session.ends - session.at)
        return min(session.window, left)

    async def _prove(self, session: _Session) -> None:
        seconds = self._good_for(session)
        if seconds <= 0:
            return
        peer = session.peer
        proof = ProveGrant(
            secrets.token_hex(8),
            session.network,
            session.account,
            session.rule.name,
            session.credential,
            peer.protocol,
            peer.mechanism,
            peer.tls or "",
            session.epoch,
            session.at,
            session.at + seconds,
            self._clocks.boot,
            session.seen,
            session.seen + seconds * 1000,
            session.at - self._keep,
            peer.address,
        )
        try:
            (session.grant,) = await self._apply([proof])
        except MailError as error:
            if not error.temporary:
                raise
            log.warn("a proof of POP-before-SMTP was not written: {error}", error=error)
            if self.running:  # the store restarts: once more
                self._write_soon(session)
            return
        if session.over and session.rule.end_at_logout:
            await self._end(session)


def _failed(failure: Failure) -> None:
    error = failure.value
    if isinstance(error, MailError):
        log.warn("a proof of POP-before-SMTP was lost: {error}", error=error)
    else:
        log.failure("a proof of POP-before-SMTP was lost", failure)
