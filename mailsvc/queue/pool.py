"""Connections that are kept for a moment, so that the next message for the same lane need not greet, encrypt and log in again."""

from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults

from mailsvc.core.interfaces.outbound import IMailConnection

__all__ = ["Kept", "Pool"]


@attrs.define(eq=False)
class Kept:
    """A connection and how many messages it has carried. ``expiry``: the call that ends it when nobody wants it."""

    connection: IMailConnection
    uses: int = 0
    expiry: Any = None


class Pool:
    """The connections of one process to other servers: those that are idle, and those at work."""

    def __init__(self, reactor: Any, idle: float, uses: int) -> None:
        """:param idle: seconds for which one is kept. :param uses: messages that one may carry."""
        self._reactor = reactor
        self._idle = idle
        self._uses = uses
        self._kept: dict[str, list[Kept]] = {}
        self._busy: set[Kept] = set()
        self._leaving: set[Deferred[None]] = set()

    def take(self, lane: str) -> Kept | None:
        """The connection that was used last for a lane, if one is open. Give it back."""
        while kept := self._kept.get(lane):
            one = kept.pop()
            if not kept:
                del self._kept[lane]
            one.expiry.cancel()
            if one.connection.usable:
                self._busy.add(one)
                return one
            self._leave(one)
        return None

    def add(self, connection: IMailConnection) -> Kept:
        """A new connection, at work at once. Give it back."""
        one = Kept(connection)
        self._busy.add(one)
        return one

    def give_back(self, lane: str, one: Kept) -> None:
        """It has carried a message: keep it for the next, or say goodbye."""
        self._busy.discard(one)
        one.uses += 1
        if not one.connection.usable or one.uses >= self._uses or not self._idle:
            self._leave(one)
            return
        self._kept.setdefault(lane, []).append(one)
        one.expiry = self._reactor.callLater(self._idle, self._expire, lane, one)

    def drop(self, one: Kept) -> None:
        """It broke."""
        self._busy.discard(one)
        one.connection.abort()

    def _expire(self, lane: str, one: Kept) -> None:
        self._kept[lane].remove(one)
        if not self._kept[lane]:
            del self._kept[lane]
        self._leave(one)

    def _leave(self, one: Kept) -> None:
        """Say QUIT, which never takes long, and let nobody wait for it."""
        leaving = Deferred.fromCoroutine(one.connection.quit())
        self._leaving.add(leaving)
        leaving.addBoth(lambda _: self._leaving.discard(leaving))

    def abort(self) -> None:
        """Cut those at work: what they carry is put off."""
        for one in tuple(self._busy):
            one.connection.abort()

    async def close(self) -> None:
        """Say goodbye to all that are idle."""
        kept, self._kept = self._kept, {}
        for one in [one for each in kept.values() for one in each]:
            one.expiry.cancel()
            self._leave(one)
        await gatherResults([_settled(one) for one in self._leaving])


def _settled(deferred: "Deferred[None]") -> "Deferred[None]":
    """Fires when ``deferred`` has."""
    fired: Deferred[None] = Deferred()
    deferred.addBoth(lambda _: fired.callback(None))
    return fired
