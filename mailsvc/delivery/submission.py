"""What a submission server adds to people's own mail that lacks it: Date and Message-ID (RFC 6409 8.2, 8.3; RFC 5322 3.6).

Nothing of the message is changed: what is added stands in our prefix, before it.
"""

from mailsvc.formats.mime.fields import Fields

__all__ = ["missing_fields"]


def missing_fields(header: bytes, queue_id: str, hostname: str, date: str) -> bytes:
    """The fields to be added, with CRLFs; ``b""`` if nothing is missing. ``date``: rendered, that of now."""
    fields = Fields(header)
    added = ""
    if b"date" not in fields:
        added += f"Date: {date}\r\n"
    if b"message-id" not in fields:
        added += f"Message-ID: <{queue_id}@{hostname}>\r\n"
    return added.encode()
