"""The low-space mark: asked before a message is taken, so that a full disk is a polite "later" and never half a message."""

import os
import time
from collections.abc import Callable

from mailsvc.core.errors import temporary
from mailsvc.store.layout import Layout
from mailsvc.store.reserve import is_short

__all__ = ["Space"]

_EVERY = 0.1  # seconds: a fast disk fills by tens of megabytes in that time, and statvfs takes 3 us


class Space:
    """Free space on the disk of ``path``, looked up ten times a second at most."""

    def __init__(self, path: str, low: int, now: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._reserve = Layout(path).reserve
        self._low = low
        self._now = now
        self._checked = float("-inf")
        self._free = 0
        self._short = False

    def check(self) -> None:
        """Raise MailError(NOT_NOW) below the mark, while the reserve is given up, or if the disk does not answer."""
        now = self._now()
        if now - self._checked >= _EVERY:
            self._checked = now
            self._free = self._measure()
            self._short = is_short(self._reserve)
        if self._short:
            raise temporary("low-disk", "what is free is kept for deleting")
        if self._free < self._low:
            raise temporary("low-disk", f"{self._free} octets free, the mark is {self._low}")

    def _measure(self) -> int:
        try:
            found = os.statvfs(self._path)
        except OSError:
            return -1
        return found.f_bavail * found.f_frsize
