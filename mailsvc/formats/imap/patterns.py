"""LIST patterns: ``*`` is anything, ``%`` anything but the hierarchy delimiter (RFC 3501 6.3.8).

A pattern is matched by walking over the name once with the set of places in the pattern that are possible: time in proportion to both
lengths, whatever the pattern; a regular expression with many ``*`` would take exponential time.
"""

import re

from mailsvc.formats.imap.names import DELIMITER, INBOX

__all__ = ["Pattern", "join_reference"]


_RUN = re.compile(r"[%*]{2,}")


def join_reference(reference: str, pattern: str) -> str:
    """The canonical pattern of a LIST: the reference is a prefix, unless the pattern begins at the root (RFC 3501 6.3.8)."""
    return pattern if pattern.startswith(DELIMITER) else reference + pattern


class Pattern:
    """A LIST pattern, to be matched against whole canonical names."""

    def __init__(self, pattern: str) -> None:
        # A run of wildcards is as good as one: a star if it holds a star.
        pattern = _RUN.sub(lambda run: "*" if "*" in run[0] else "%", pattern)
        head, slash, rest = pattern.partition(DELIMITER)
        if slash and head.upper() == INBOX:
            pattern = INBOX + slash + rest
        self._exact = _Walk(pattern)
        # INBOX matches without regard to case (RFC 3501 6.3.8).
        self._inbox = _Walk(pattern.upper())

    def matches(self, name: str) -> bool:
        """Whether the pattern covers the whole name."""
        return (self._inbox if name == INBOX else self._exact).covers(name)


class _Walk:
    """Bit i of a number: a place in the pattern, of which the first i characters are used up."""

    def __init__(self, pattern: str) -> None:
        self._end = len(pattern)
        self._stars = _bits(pattern, "*")
        self._wild = self._stars | _bits(pattern, "%")
        self._masks = {char: _bits(pattern, char) for char in set(pattern) - {"*", "%"}}

    def covers(self, name: str) -> bool:
        places = self._through(1)
        for char in name:
            stay = places & (self._stars if char == DELIMITER else self._wild)
            places = self._through((places & self._masks.get(char, 0)) << 1 | stay)
            if not places:
                return False
        return bool(places >> self._end & 1)

    def _through(self, places: int) -> int:
        """Wildcards may stand for nothing; no two are neighbours, so one step is enough."""
        return places | (places & self._wild) << 1


def _bits(pattern: str, char: str) -> int:
    return sum(1 << at for at, each in enumerate(pattern) if each == char)
