"""One connection of the owner: frames in, frames out, never blocking.

A client that does not read costs memory up to a limit and is dropped then; its requests that wait are carried out all the same.
"""

import selectors
import socket
from collections.abc import Callable
from typing import Any

from mailsvc.store import codec

__all__ = ["Peer"]

_READ = 1024 * 1024
_MAX_UNSENT = 64 * 1024 * 1024


class Peer:
    """A worker or a command at the other end of the socket.

    :ivar holds: how often it has asked that no file be removed.
    """

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        received: Callable[["Peer", tuple[Any, ...]], None],
        lost: Callable[["Peer"], None],
    ) -> None:
        self.holds = 0
        self._sock = sock
        self._selector = selector
        self._received = received
        self._lost = lost
        self._input = bytearray()
        self._output = bytearray()
        self._open = True
        self._wants = selectors.EVENT_READ
        sock.setblocking(False)
        selector.register(sock, self._wants, self._ready)

    def send(self, message: tuple[Any, ...]) -> None:
        """Queue a message; :meth:`flush` sends it."""
        self.send_packed(codec.frame(message))

    def send_packed(self, packed: bytes) -> None:
        """Queue a frame."""
        self._output += packed

    def flush(self) -> None:
        """Send what the socket takes now; the rest goes when it takes more."""
        if not self._open:
            return
        if self._output:
            try:
                del self._output[: self._sock.send(self._output)]
            except BlockingIOError:
                pass
            except OSError:
                self.close()
                return
        if len(self._output) > _MAX_UNSENT:
            self.close()
            return
        self._want(selectors.EVENT_READ | (selectors.EVENT_WRITE if self._output else 0))

    def close(self) -> None:
        """End the connection."""
        if self._open:
            self._open = False
            self._selector.unregister(self._sock)
            self._sock.close()
            self._lost(self)

    def _want(self, events: int) -> None:
        if events != self._wants:
            self._wants = events
            self._selector.modify(self._sock, events, self._ready)

    def _ready(self, mask: int) -> None:
        if not self._open:
            return
        if mask & selectors.EVENT_READ:
            self._read()
        self.flush()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ)
            if not data:
                raise ConnectionResetError
            self._input += data
            for message in codec.frames(self._input):
                self._received(self, message)
        except BlockingIOError:
            pass
        except (OSError, codec.FrameError):
            self.close()
