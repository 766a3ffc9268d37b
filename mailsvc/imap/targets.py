"""The one refusal that depends on what a mailbox is named for: as a target it could be made (RFC 3501 6.3.11, 6.4.7)."""

from collections.abc import Iterator
from contextlib import contextmanager

from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.imap.codes import Code
from mailsvc.imap.verbs import no

__all__ = ["into"]


@contextmanager
def into() -> Iterator[None]:
    """Within, a mailbox that is not found is one that the client may make and try again with."""
    try:
        yield
    except MailError as error:
        if error.kind is Kind.NOT_FOUND and error.reason == "no-such-target":
            raise no("No such mailbox", Code.TRYCREATE) from None
        raise
