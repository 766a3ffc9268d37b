"""Open sessions of this process by account, so that they end when what opened them is taken away.

::

    realm -> opened(session, ...)      store's owner, after the commit -> AccountChanged -> changed() -> session.end("revoked")

Sessions are held weakly: one that is over needs no word. All of this is one turn of the reactor after the news, in every process.
"""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailsvc.auth.permissions import objection
from mailsvc.bus import Bus
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.login import ISession
from mailsvc.core.secrets import LOGIN
from mailsvc.core.values import Account, AccountChanged, NewsMissed, Peer

__all__ = ["Sessions"]

log = Logger(namespace="mailsvc.sessions")


@attrs.frozen
class _Opened:
    """How a session was opened."""

    credential: int
    protocol: str


class Sessions:
    """The sessions of one process."""

    def __init__(self, directory: IDirectory, end_on_password_change: bool = True) -> None:
        """:param end_on_password_change: whether sessions end that were opened by a login password that is changed."""
        self._directory = directory
        self._end_on_password_change = end_on_password_change
        self._open: dict[int, WeakKeyDictionary[ISession, _Opened]] = {}

    def listen(self, bus: Bus) -> None:
        """Hear of accounts that change, and of times when such news may have been lost."""
        bus.subscribe(AccountChanged, self._heard)
        bus.subscribe(NewsMissed, self._heard_nothing)

    def opened(self, session: ISession, account: Account, credential: int, peer: Peer) -> None:
        """Somebody has logged in. To be called in the same turn in which the account was read."""
        self._open.setdefault(account.id, WeakKeyDictionary())[session] = _Opened(credential, peer.protocol)

    async def changed(self, event: AccountChanged) -> None:
        """End the sessions that the account as it is now would not be given again, or that a revoked credential opened."""
        if event.account not in self._open:
            return
        sessions = self._open[event.account]
        if not sessions:  # all have ended by themselves
            del self._open[event.account]
        elif event.credential is None:
            await self._look_again(event.account)
        elif event.credential != LOGIN or self._end_on_password_change:
            self._end(event.account, [one for one, how in sessions.items() if how.credential == event.credential])

    async def look_again_at_all(self) -> None:
        """Compare all open sessions with what their accounts may do now."""
        for account in list(self._open):
            await self._look_again(account)

    async def _look_again(self, number: int) -> None:
        account = await self._directory.account(number)
        sessions = self._open.get(number) or WeakKeyDictionary()
        gone = account is None or not account.enabled
        self._end(
            number,
            [one for one, how in sessions.items() if gone or (account and objection(account, how.protocol))],
        )

    def _end(self, account: int, sessions: Iterable[ISession]) -> None:
        sessions = list(sessions)
        for session in sessions:
            self._open[account].pop(session, None)
            session.end("revoked")
        if sessions:
            log.info("{count} session(s) of account {account} ended: revoked", count=len(sessions), account=account)

    def _heard(self, event: AccountChanged) -> None:
        Deferred.fromCoroutine(self.changed(event)).addErrback(_failed)

    def _heard_nothing(self, event: NewsMissed) -> None:
        Deferred.fromCoroutine(self.look_again_at_all()).addErrback(_failed)


def _failed(failure: object) -> None:
    error = getattr(failure, "value", None)
    if isinstance(error, MailError):  # the store restarts: it will be looked at again when it is back
        log.warn("sessions of a changed account were not looked at: {error}", error=error)
    else:
        log.failure("sessions of a changed account were not looked at", failure)  # type: ignore[arg-type]
