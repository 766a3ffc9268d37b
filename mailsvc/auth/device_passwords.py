"""Device passwords: how they look, and how they are recognised when people type them their own way.

Seven groups of four letters, such as ``abcd-efgh-...``: 28 letters out of 24 (no l, no o) are 128.4 bits, typed on a phone without
changing the keyboard. Programs that hash what is typed (SCRAM, APOP, CRAM-MD5) need it as it is shown; where the password itself arrives,
capitals, spaces and missing hyphens do not matter.
"""

import re
import secrets

__all__ = ["generate", "normalised"]

_LETTERS = "abcdefghijkmnpqrstuvwxyz"
_GROUPS, _LENGTH = 7, 4
_FORM = re.compile(f"[{_LETTERS}]{{{_GROUPS * _LENGTH}}}")


def generate() -> str:
    """A new one."""
    return _grouped("".join(secrets.choice(_LETTERS) for _ in range(_GROUPS * _LENGTH)))


def normalised(typed: str) -> str | None:
    """The device password that somebody typed, as it was shown; None if it cannot be one."""
    letters = typed.lower().replace("-", "").replace(" ", "")
    return _grouped(letters) if _FORM.fullmatch(letters) else None


def _grouped(letters: str) -> str:
    return "-".join(letters[start : start + _LENGTH] for start in range(0, len(letters), _LENGTH))
