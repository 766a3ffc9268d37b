"""Passwords that were right a moment ago need not be hashed again.

What is remembered is an HMAC under a key that only this process knows, over account, stored hash and password: neither the memory of
another process nor a dump of the database says anything about it. The stored hash is read anew for each log-in and is part of what is
remembered, so a changed password is forgotten in all processes with the commit that changed it. Only successes are remembered, for a
limited time, and at most so many; whether the account may log in at all is looked at each time.
"""

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Verified"]


class Verified:
    """The memory of one process."""

    def __init__(self, size: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """:param size: how many passwords; 0: none. :param seconds: for how long."""
        self._key = secrets.token_bytes(32)
        self._size = size
        self._seconds = seconds
        self._now = now
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def knows(self, account: int, stored: str, password: bytes) -> bool:
        """Whether this password was right for this stored hash."""
        mark = self._mark(account, stored, password)
        until = self._until.get(mark)
        if until is None:
            return False
        if until <= self._now():
            del self._until[mark]
            return False
        self._until.move_to_end(mark)
        return True

    def remember(self, account: int, stored: str, password: bytes) -> None:
        """It was right."""
        if not self._size:
            return
        self._until[self._mark(account, stored, password)] = self._now() + self._seconds
        while len(self._until) > self._size:
            self._until.popitem(last=False)

    def _mark(self, account: int, stored: str, password: bytes) -> bytes:
        return hmac.digest(self._key, b"%d\0%b\0%b" % (account, stored.encode("utf-8"), password), "sha256")
