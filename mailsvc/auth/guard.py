"""The throttle at work: it stands before every source of passwords, and tells the other processes what it learns.

::

    portal.login -> admit(credentials): refused, or after a delay an Attempt -> the checkers -> failed() | succeeded() | undone()

An attempt whose place was blocked while it was judged is refused whatever came of it: hundreds of guesses at the same moment yield no
more answers than one after the other. The same steps are taken, and the same words said, for names that nobody has.

What is told to the others goes by the bus, gathered for a second, so a thousand guesses a second are one message of bounded size; it
is only ever added, so the order does not matter, and a lost message costs a little precision. Nothing is written to a disk.
"""

import hmac
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mailsvc.auth.credentials import ClientCredentials, PasswordCredentials
from mailsvc.auth.names import claimed
from mailsvc.auth.options import ThrottleOptions
from mailsvc.auth.throttle import Block, Limit, Throttle
from mailsvc.bus import Announcement, Bus
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.values import Peer

__all__ = ["CLEAR", "HELLO", "NEWS", "STATE", "Attempt", "Guard", "make_throttle"]

log = Logger(namespace="mailsvc.throttle")

NEWS = "throttle-news"
"""Announced by each process: what failed, was refused and succeeded there within a second."""

CLEAR = "throttle-clear"
"""Announced by ``mailsvc throttle clear``: an address, a network, an account or ``""``."""

HELLO = "throttle-hello"
"""Announced by a process that has just begun."""

STATE = "throttle-state"
"""The answer of the main process: what is blocked and known."""

GATHER = 1.0
MOST_NEWS = 1000

_NAME = 255


def make_throttle(options: ThrottleOptions) -> Throttle:
    """The state that the options describe."""
    longest = float(options.longest_block)
    return Throttle(
        address=Limit(options.address_failures, 120.0, 60.0, longest),
        network=Limit(options.network_failures, 30.0, 60.0, min(longest, 900.0)),
        account=Limit(options.account_failures, 600.0, 60.0, min(longest, 900.0)),
        never=options.never_block,
        remember=float(options.remember),
    )


@attrs.frozen
class Attempt:
    """One log-in that is being judged."""

    _guard: "Guard"
    account: str
    address: str
    mark: bytes = attrs.field(repr=False)

    def failed(self) -> None:
        """The password was wrong. Raises NOT_NOW if a block has begun meanwhile: then nobody learns whether it was."""
        self._guard.still_open(self)
        self._guard.failed(self)

    def succeeded(self) -> None:
        """The password was right. Raises NOT_NOW if a block has begun meanwhile: then it was of no use."""
        self._guard.still_open(self)
        self._guard.succeeded(self)


class Guard:
    """The throttle of one process."""

    def __init__(
        self, reactor: Any, directory: IDirectory, throttle: Throttle, announce: Callable[[str, Any], None]
    ) -> None:
        """:param announce: tells the other processes (StoreClient.announce)."""
        self.throttle = throttle
        self._reactor = reactor
        self._directory = directory
        self._announce = announce
        self._me = secrets.token_hex(8)
        self._key = secrets.token_bytes(32)
        self._failed: Counter[tuple[str, str]] = Counter()
        self._weights: Counter[tuple[str, str]] = Counter()
        self._refused = 0
        self._succeeded: set[tuple[str, str]] = set()
        self._soon: Any = None

    def listen(self, bus: Bus) -> None:
        """Hear what the others tell."""
        bus.subscribe(NEWS, self._heard)
        bus.subscribe(CLEAR, self._heard_clear)
        bus.subscribe(STATE, self._heard_state)

    # --- for the portal ---

    async def admit(self, credentials: ClientCredentials) -> Attempt:
        """Return, perhaps after some seconds, when the attempt may be judged. Raises NOT_NOW while a block lasts."""
        account = await self._account(credentials.username, credentials.peer)
        attempt = Attempt(self, account, credentials.peer.address, self._mark(credentials))
        delay = self.still_open(attempt)
        if delay:
            await deferLater(self._reactor, delay)
            self.still_open(attempt)
        return attempt

    async def look(self, name: str, peer: Peer) -> None:
        """Before an exchange as ``name`` goes on. Raises NOT_NOW while a block lasts."""
        account = await self._account(name.encode("utf-8", "surrogatepass"), peer)
        self.still_open(Attempt(self, account, peer.address, b""))

    def still_open(self, attempt: Attempt) -> float:
        """The delay of an attempt. Raises NOT_NOW, with the end of the block in words."""
        verdict = self.throttle.ask(attempt.account, attempt.address, self._reactor.seconds())
        if verdict.until:
            self.throttle.refused()
            self._refused += 1
            self._tell_soon()
            raise _refusal(verdict.until, self._reactor.seconds())
        return verdict.delay

    def failed(self, attempt: Attempt) -> None:
        """Count a wrong password."""
        now = self._reactor.seconds()
        weight = self.throttle.failed(attempt.account, attempt.address, now, attempt.mark)
        self._failed[attempt.account, attempt.address] += 1
        self._weights[attempt.account, attempt.address] += round(weight * 100)
        self._tell_soon()

    def succeeded(self, attempt: Attempt) -> None:
        """Remember the place."""
        if self.throttle.succeeded(attempt.account, attempt.address, self._reactor.seconds()):
            self._succeeded.add((attempt.account, attempt.address))
            self._tell_soon()

    async def _account(self, username: bytes, peer: Peer) -> str:
        """The canonical address of whom the client says it is; what the name would be if nobody is."""
        if not username:
            return ""
        try:
            _, address = await claimed(self._directory, username, peer)
        except UnauthorizedLogin:
            return username.decode("utf-8", "replace")[:_NAME]
        return address[:_NAME]

    def _mark(self, credentials: ClientCredentials) -> bytes:
        """Tells the same wrong password from another one, in this process only; of what shows no password it cannot be told."""
        if not isinstance(credentials, PasswordCredentials):
            return b""
        return hmac.digest(self._key, credentials.password, "sha256")[:8]

    # --- between processes ---

    def _tell_soon(self) -> None:
        if self._soon is None:
            self._soon = self._reactor.callLater(GATHER, self.tell)

    def tell(self) -> None:
        """Tell the others now. More than :data:`MOST_NEWS` of one second are left out, the smallest first."""
        self._soon = None
        failed = [[*key, count, self._weights[key]] for key, count in self._failed.most_common(MOST_NEWS)]
        succeeded = [list(one) for one in self._succeeded][:MOST_NEWS]
        refused, self._refused = self._refused, 0
        for told in (self._failed, self._weights, self._succeeded):
            told.clear()
        self._announce(NEWS, {"from": self._me, "failed": failed, "refused": refused, "succeeded": succeeded})

    def _heard(self, announcement: Announcement) -> None:
        news = announcement.payload
        if news["from"] == self._me:
            return
        now = self._reactor.seconds()
        for account, address, count, hundredths in news["failed"]:
            self.throttle.failed(account, address, now, weight=hundredths / 100, count=count)
        self.throttle.refused(news["refused"])
        for account, address in news["succeeded"]:
            self.throttle.succeeded(account, address, now)

    def _heard_clear(self, announcement: Announcement) -> None:
        self.throttle.clear(str(announcement.payload))

    def _heard_state(self, announcement: Announcement) -> None:
        state = announcement.payload
        now = self._reactor.seconds()
        self.throttle.know([(account, place, when) for account, place, when in state["known"]])
        for kind, name, until in state["blocks"]:
            self.throttle.block(Block(kind, name, until), now)


def _refusal(until: float, now: float) -> MailError:
    end = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    wait = int(until - now) + 1
    return MailError(Kind.NOT_NOW, "throttled", f"Too many failed log-ins; try again after {end} (in {wait} s)")
