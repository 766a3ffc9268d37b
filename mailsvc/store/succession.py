"""When the main process is killed: the owner that it leaves behind, and the one that the next main process starts.

Workers end in good order then, which takes a moment: a server elsewhere is just answering for a message, and what it says has to be
written down, or the message would be sent a second time. So an owner that has lost its parent serves them until they have gone, at most
:data:`LINGER` seconds. Whoever starts the server again does not wait for that: the new owner asks the old one to leave, and the workers
that are still there find the new one.
"""

import socket
import time
from collections.abc import Callable

from mailsvc.store import codec
from mailsvc.store.committer import LeaseTaken
from mailsvc.store.layout import Layout

__all__ = ["COURTESY", "LEAVE", "LINGER", "take_over"]

LINGER = 20.0
"""Seconds: as long as the queue's transactions get to end (:data:`mailsvc.queue.service.GRACE`)."""

COURTESY = 3.0
"""Seconds during which who sent the queue under the owner before may take its lock again, and nobody else: it may be sending still."""

LEAVE = "leave"
"""The request: granted by an owner whose parent is gone, and by no other."""

_ANSWER = 2.0  # seconds for an owner to say whether it leaves
_PATIENCE = 15.0  # seconds for it to go: what its disk is doing now has to end
_PAUSE = 0.01


def take_over(layout: Layout, take: Callable[[], None]) -> bool:
    """Call ``take``, which takes the lease; if an owner without a parent has it, after that has left. Raises what ``take`` raises.

    Returns whether one had it: then its workers may still be there.
    """
    deadline = time.monotonic() + _PATIENCE
    asked = False
    while True:
        try:
            take()
        except LeaseTaken:
            asked = asked or _leaves(layout)
            if not asked or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return asked


def _leaves(layout: Layout) -> bool:
    """Whether the owner that listens will leave."""
    buffer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_ANSWER)
            line.connect(layout.socket)
            line.sendall(codec.frame((1, LEAVE)))
            while data := line.recv(65536):
                buffer += data
                for number, kind, *_ in codec.frames(buffer):
                    if number == 1:
                        return bool(kind == "ok")
    except (OSError, codec.FrameError):
        pass
    return False
