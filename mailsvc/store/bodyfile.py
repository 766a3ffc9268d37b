"""The file of one large message: what stands where, and why.

=========== ==========================================================================================================
octets      content
=========== ==========================================================================================================
0-63        header: ``mailsvc-body 1 ``, the size of the body in 20 digits, spaces, a newline
64-...      the body, exactly as it was received
after that  facts as msgpack: addresses, mailbox, internal date, flags, our prefix, the envelope in the queue; may be missing or cut
=========== ==========================================================================================================

The facts are for the day when the index is lost: ``store rebuild`` finds out from them whose message it is. They are written by the
owner after the commit and are not synced (the kernel does that within half a minute): they are insurance, not part of the promise. The
header says where they begin, so a message whose last octets look like facts deceives nobody.
"""

import os
from typing import Any

import msgpack  # type: ignore[import-untyped]

__all__ = ["HEADER", "header", "label", "read_facts", "size_of"]

HEADER = 64
_MAGIC = b"mailsvc-body 1 "


def header(size: int) -> bytes:
    """The first octets of the file of a body of ``size`` octets: a line, so that the body begins a line for who looks at the file."""
    return (_MAGIC + b"%020d" % size).ljust(HEADER - 1) + b"\n"


def size_of(path: str) -> int | None:
    """The size of the body in a file; None if there is no such file, no valid header, or less in it than the header says."""
    try:
        with open(path, "rb", buffering=0) as file:
            return _size(file.read(HEADER), os.fstat(file.fileno()).st_size)
    except OSError:
        return None


def _size(head: bytes, length: int) -> int | None:
    digits = head[len(_MAGIC) :].strip()
    if not head.startswith(_MAGIC) or not digits.isdigit():
        return None
    size = int(digits)
    return size if length >= HEADER + size else None


def label(path: str, facts: dict[str, Any]) -> None:
    """Write the facts behind the body. Raises OSError."""
    with open(path, "r+b", buffering=0) as file:
        size = _size(file.read(HEADER), os.fstat(file.fileno()).st_size)
        if size is not None:
            os.pwrite(file.fileno(), msgpack.packb(facts), HEADER + size)


def read_facts(path: str) -> dict[str, Any]:
    """The facts of a file, empty if there are none that can be read."""
    size = size_of(path)
    if size is None:
        return {}
    try:
        with open(path, "rb") as file:
            file.seek(HEADER + size)
            facts = msgpack.unpackb(file.read(4 * 1024 * 1024))
    except Exception:  # whatever is wrong with them: there are no facts then
        return {}
    return facts if isinstance(facts, dict) else {}
