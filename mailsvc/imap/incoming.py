"""An APPEND while it arrives: each message is checked before the client may send it, and goes straight to the store's writer.

Memory stays bounded: a large message goes to a file as it comes; small ones wait together for their transaction, up to :data:`HELD`.

Standards: RFC 3501 6.3.11, RFC 3502 (MULTIAPPEND), RFC 7889 (APPENDLIMIT), RFC 4469 (TOOBIG).
"""

from collections.abc import Callable

from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.interfaces.store import IBodyWriter
from mailsvc.formats.imap.append import Appending
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.reader import LiteralWanted
from mailsvc.imap.verbs import no

__all__ = ["Incoming"]

HELD = 67_108_864
"""Octets that all messages of one command may have together, unless the first alone has more."""

MOST = 10_000
"""Messages of one command."""


class Incoming:
    """The messages of one APPEND. ``writers``: one for each, in order."""

    def __init__(self, mailboxes: IMailboxes, utf8: bool, limit: int, alive: Callable[[], object]) -> None:
        """:param limit: octets of one message, 0: no limit. :param alive: called whenever octets come."""
        self.writers: list[IBodyWriter] = []
        self._mailboxes = mailboxes
        self._appending = Appending(utf8)
        self._utf8 = utf8
        self._limit = limit
        self._alive = alive
        self._octets = 0

    async def next(self, wanted: LiteralWanted) -> Callable[[bytes], object] | None:
        """Where the octets of a literal go; None: it is the mailbox's name. Raises Refused, BadSyntax, MailError."""
        if wanted.number == 1 and self._appending.mailbox is None and wanted.first is not None:
            self._appending.named(wanted.first.data or b"")
        message = self._appending.next(wanted)
        if message is None:
            return None
        if message.utf8 and not self._utf8:
            raise no("Enable UTF8=ACCEPT first")  # RFC 6855 4
        if message.literal.binary and not message.utf8:
            raise no("A message cannot be sent as a literal8", Code.UNKNOWN_CTE)  # RFC 3516 4.4
        if not self.writers:
            await self._check_mailbox()
        await self._check_size(wanted.literal.size)
        return self._create()

    async def _check_mailbox(self) -> None:
        assert self._appending.mailbox is not None
        if await self._mailboxes.find(self._appending.mailbox) is None:
            raise no("No such mailbox", Code.TRYCREATE)  # RFC 3501 6.3.11

    async def _check_size(self, size: int) -> None:
        if self._limit and size > self._limit:
            raise no(f"The largest message here has {self._limit} octets", Code.TOOBIG)
        self._octets += size
        if len(self.writers) >= MOST or (self.writers and self._octets > HELD):
            raise no("Too much for one command", Code.LIMIT)
        await self._mailboxes.check_space(self._octets)

    def _create(self) -> Callable[[bytes], object]:
        writer = self._mailboxes.bodies.create()
        self.writers.append(writer)

        def write(octets: bytes) -> None:
            self._alive()
            writer.write(octets)

        return write

    def abort(self) -> None:
        """Throw away what has arrived. Harmless after the messages were stored."""
        for writer in self.writers:
            writer.abort()
