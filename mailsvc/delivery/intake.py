"""The bytes of one message on their way into the store, looked at as they pass.

Nothing is collected here: a piece goes to the body writer or nowhere. What is wrong with a message is remembered and said once, at the
end, for SMTP has no other place to say it; from the moment that something is known to be wrong, bytes are counted and dropped.

Lines may have :data:`MAX_LINE` octets. RFC 5321 4.5.3.1.6 wants 1,000 and asks for more where it can be had; what is longer has no line
structure at all and breaks other people's software.
"""

from collections.abc import Callable

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.store import IBodyWriter
from mailsvc.core.values import Body
from mailsvc.delivery.border import SizeLimit
from mailsvc.formats.dotdata import NewlineAudit
from mailsvc.formats.hops import HopCounter
from mailsvc.formats.newlines import NewlineRepair

__all__ = ["MAX_HOPS", "MAX_LINE", "Intake"]

MAX_LINE = 16_384
"""Octets of one line of a message."""

MAX_HOPS = 100
"""Received fields above which a message is running in circles (RFC 5321 6.3: "at least 100")."""


MAX_KEPT_HEADER = 65_536
"""Octets of a header that are kept."""


class Intake:
    """Takes the pieces of one message.

    :ivar size: octets so far. :ivar eight_bit: whether an octet beyond ASCII was among them.
    """

    def __init__(self, create: Callable[[], IBodyWriter], limit: SizeLimit, repair: bool = False) -> None:
        """:param create: makes the body writer, once there is something to write.
        :param repair: put line ends right instead of refusing them.
        """
        self.size = 0
        self.eight_bit = False
        self._create = create
        self._limit = limit
        self._repair = NewlineRepair() if repair else None
        self._writer: IBodyWriter | None = None
        self._audit = NewlineAudit(MAX_LINE)
        self._hops = HopCounter()
        self._beginning = bytearray()
        self._tail = b""
        self._failure: Exception | None = None

    def write(self, data: bytes) -> None:
        """Take the next piece. Never raises: what goes wrong is told by :meth:`close`."""
        if self._failure is not None:
            return
        try:
            self._take(self._repair.feed(data) if self._repair else data)
        except Exception as error:
            self._failure = error
            self.abort()

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self.size += len(data)
        self._limit.check(self.size)
        self._audit.feed(data)
        self.eight_bit = self.eight_bit or not data.isascii()
        if not self._hops.done:
            self._hops.feed(data)
            self._beginning += data[: MAX_KEPT_HEADER - len(self._beginning)]
        self._tail = data[-2:] if len(data) > 1 else self._tail[-1:] + data
        if self._writer is None:
            self._writer = self._create()
        self._writer.write(data)

    @property
    def header(self) -> bytes:
        """The header fields, the empty line not included; of a header over :data:`MAX_KEPT_HEADER` octets, what came first."""
        header, end, _ = self._text.partition(b"\r\n\r\n")
        return (header + end[:2])[2:]

    @property
    def header_is_whole(self) -> bool:
        """Whether :attr:`header` is all of it."""
        return len(self._beginning) == self.size or b"\r\n\r\n" in self._text

    @property
    def _text(self) -> bytes:
        """What was kept, after a line end: a message that begins with an empty line has no header."""
        return b"\r\n" + self._beginning

    async def close(self) -> Body:
        """The whole message has come. Raises TOO_BIG, BAD_CONTENT, NOT_NOW, or whatever went wrong on the way."""
        self.write(self._repair.finish() if self._repair else b"")
        if self.size and self._tail != b"\r\n":
            # BDAT may end in the middle of a line (RFC 3030 has no rule); everything that reads messages expects whole ones.
            self.write(b"\n" if self._tail.endswith(b"\r") else b"\r\n")
        if self._failure is not None:
            raise self._failure
        self._judge()
        writer, self._writer = self._writer or self._create(), None
        return await writer.close()

    def _judge(self) -> None:
        audit = self._audit
        if not audit.finish():
            reason, what = next(
                (reason, what)
                for count, reason, what in (
                    (audit.nul, "nul", "a NUL octet"),
                    (
                        audit.bare_cr or audit.bare_lf,
                        "bare-newline",
                        "a bare CR or LF (RFC 5321 2.3.8: lines end with CRLF)",
                    ),
                    (audit.long_lines, "long-line", f"a line of more than {MAX_LINE} octets"),
                )
                if count
            )
            raise MailError(Kind.BAD_CONTENT, reason, f"Message not taken, it contains {what}")
        if self._hops.count > MAX_HOPS:
            raise MailError(
                Kind.BAD_CONTENT, "mail-loop", "Message not taken, it has passed too many servers: a mail loop"
            )

    def abort(self) -> None:
        """Forget what was written."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()
