"""The worker's end of the connection to the owner: frames on a Twisted transport."""

from typing import Any, Protocol

from twisted.internet import protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.core.output import write_now
from mailsvc.store import codec

__all__ = ["Link", "Listener"]

_log = Logger()


class Listener(Protocol):
    """Who is told what the link hears."""

    def connected(self, link: "Link") -> None:
        """The owner said hello, in our version."""

    def disconnected(self, link: "Link") -> None:
        """The connection is gone."""

    def received(self, message: tuple[Any, ...]) -> None:
        """A message came."""


class Link(protocol.Protocol):
    """One connection to the owner."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._buffer = bytearray()
        self._greeted = False

    def write(self, data: bytes) -> None:
        """Send frames."""
        assert self.transport is not None
        write_now(self.transport, data)

    def dataReceived(self, data: bytes) -> None:
        """Hand on each complete message."""
        self._buffer += data
        try:
            for message in codec.frames(self._buffer):
                self._message(message)
        except codec.FrameError as error:
            _log.error("the store's owner speaks another language: {error}", error=error)
            assert self.transport is not None
            self.transport.abortConnection()  # type: ignore[attr-defined]  # all stream transports have it

    def _message(self, message: tuple[Any, ...]) -> None:
        if self._greeted:
            self._listener.received(message)
        elif message[:3] == (0, "hello", codec.VERSION):
            self._greeted = True
            self._listener.connected(self)
        else:
            raise codec.FrameError(f"expected the greeting of version {codec.VERSION}, got {message[:3]!r}")

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        """The owner is gone, or we are closing."""
        self._listener.disconnected(self)
