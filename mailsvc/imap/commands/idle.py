"""IDLE (RFC 2177): changes are told as they happen, until the client says DONE. Nothing else ends it."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from mailsvc.core.errors import MailError
from mailsvc.core.values import Doing
from mailsvc.formats.imap import responses
from mailsvc.formats.imap.commands import Command
from mailsvc.imap.selection import Selection
from mailsvc.imap.session import Session, log
from mailsvc.imap.verbs import AUTHENTICATED, Answer, Verb, after_login
from mailsvc.wire.connection import Gone

__all__ = ["CAPABILITIES", "VERBS"]

CAPABILITIES = after_login("IDLE")

LINE = 8192
"""Octets of what a client may send instead of DONE."""

MAX_ERRORS = 20
"""Lines that are not DONE after which the connection is closed."""

RETRY = 1.0
"""Seconds until the store is asked again that could not answer."""


async def _idle(session: Session, command: Command) -> Answer:
    session.send(responses.continuation(b"idling"))
    telling = _Telling(session, session.mbox) if session.mbox is not None else None
    session.idling = True
    session.factory.note(session, Doing.IDLE)
    try:
        await _done(session)
    finally:
        session.idling = False
        session.factory.note(session, Doing.AWAKE)
        if telling is not None:
            await telling.stop()
    return Answer("IDLE completed")


async def _done(session: Session) -> None:
    """Return when the client has said DONE. Raises Gone."""
    for _ in range(MAX_ERRORS):
        if (await session.receive_line(session.idle_timeout, LINE)).upper() == b"DONE":
            return
        session.send(responses.untagged("BAD", "Expected DONE"))
    session.hang_up("Too many errors")
    raise Gone


class _Telling:
    """Tells of changes while the command waits for DONE."""

    def __init__(self, session: Session, selection: Selection) -> None:
        self._session = session
        self._selection = selection
        self._over = False
        self._waiting: Deferred[None] | None = None
        self._running = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        """Finish what is being told, and no more."""
        self._over = True
        if self._waiting is not None:
            self._waiting.cancel()
        await self._running

    async def _run(self) -> None:
        try:
            while not self._over:
                await self._wait(self._selection.view.changed())
                await self._tell()
        except (CancelledError, Gone):
            pass  # the client has said DONE, or nothing more can be said to it
        except Exception:
            log.failure("IDLE of {peer} failed", peer=self._session.peer.address)
            self._session.hang_up("Something broke on the server")

    async def _wait(self, event: "Deferred[None]") -> None:
        self._waiting = event
        try:
            await event
        finally:
            self._waiting = None

    async def _tell(self) -> None:
        session, selection = self._session, self._selection
        if self._over:
            return
        try:
            await selection.announce(session, expunge=True)
            await session.drain()
        except MailError:
            await self._wait(deferLater(session.factory.clock, RETRY))
        if selection.view.deleted:
            session.hang_up("The selected mailbox was deleted")
            raise Gone


VERBS = (Verb("IDLE", _idle, AUTHENTICATED),)
