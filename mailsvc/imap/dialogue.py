"""What of an IMAP command may be logged: no passwords, no literals (those are not part of the line), nothing of an unknown command."""

from mailsvc.imap.commands.table import VERBS

__all__ = ["shown"]

_LONGEST = 500
_SECRET = {"LOGIN": 0, "AUTHENTICATE": 1}
"""Command -> how many words of its arguments may be seen."""


def shown(line: bytes) -> str:
    """What of a line, or of the text of a command, may be logged."""
    words = line.split(b" ", 3)
    name = words[1].upper().decode("latin-1") if len(words) > 1 else ""
    if name in _SECRET:
        seen = 2 + _SECRET[name]
        return _text(b" ".join(words[:seen])) + (" ***" if len(words) > seen else "")
    if name in VERBS or name == "UID":
        return _text(line)
    return f"*** ({len(line)} octets)"


def _text(data: bytes) -> str:
    return data[:_LONGEST].decode("utf-8", "backslashreplace")
