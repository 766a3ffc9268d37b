"""What is kept of a message so that most of FETCH need not open it (delivery and APPEND call this once for each message)."""

import attrs

from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.envelope import envelope
from mailsvc.formats.mime.parts import Part, scan

__all__ = ["Description", "describe"]


@attrs.frozen
class Description:
    """The rendered items and the structure that they came from."""

    message: Part
    envelope: bytes
    bodystructure: bytes


def describe(data: bytes) -> Description:
    """ENVELOPE and BODYSTRUCTURE of a whole message. Never raises."""
    message = scan(data)
    return Description(message, envelope(message.fields), bodystructure(message))
