"""Count the Received fields of a message while its header streams by (RFC 5321 6.3: that is how a loop is noticed)."""

__all__ = ["HopCounter"]

_FIELD = b"\nreceived:"
_KEEP = len(_FIELD) - 1  # a field name split over two pieces is found, a whole one never counted twice


class HopCounter:
    """Looks at pieces of any size and keeps ten octets of them."""

    def __init__(self) -> None:
        self.count = 0
        self.done = False  # the header is over: no need to feed more
        self._tail = b"\r\n"

    def feed(self, piece: bytes) -> None:
        """Look at the next piece of the message."""
        if self.done:
            return
        text = self._tail + piece
        end = text.find(b"\r\n\r\n")
        if end >= 0:
            text, self.done = text[: end + 2], True
        self.count += text.lower().count(_FIELD)
        self._tail = text[-_KEEP:]
