"""When and from where device passwords were used last, written now and then and many at a time: a log-in never waits for it."""

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mailsvc.auth.renewal import Apply
from mailsvc.core.errors import MailError
from mailsvc.core.operations import UseDevices
from mailsvc.core.secrets import Device
from mailsvc.core.values import Peer

__all__ = ["DeviceUsage"]

_log = Logger()

INTERVAL = 60.0
"""Seconds between two writes."""


class DeviceUsage(Service):
    """Collects uses, and writes the last one of each device."""

    def __init__(self, reactor: Any, apply: Apply) -> None:
        """:param reactor: a clock. :param apply: that of IStore."""
        self._reactor = reactor
        self._apply = apply
        self._uses: dict[int, tuple[int, str]] = {}
        self._loop = LoopingCall(self._write_soon)
        self._loop.clock = reactor

    def note(self, device: Device, peer: Peer) -> None:
        """A device password has opened something."""
        self._uses[device.id] = (int(self._reactor.seconds()), peer.address)

    def startService(self) -> None:
        """Write every minute."""
        super().startService()
        self._loop.start(INTERVAL, now=False)

    def stopService(self) -> "Deferred[None]":
        """Write what is left."""
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        return Deferred.fromCoroutine(self.write())

    async def write(self) -> None:
        """Write now. What the store does not take is kept for the next time."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._apply([UseDevices(tuple((device, when, address) for device, (when, address) in uses.items()))])
        except MailError as error:
            self._uses = uses | self._uses
            _log.warn("the last use of {count} device(s) was not written: {error}", count=len(uses), error=error)

    def _write_soon(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self.write())
