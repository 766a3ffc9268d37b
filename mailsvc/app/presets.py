"""Starting points for ``mailsvc init --preset``: today's practice, and the habits of four mail services that administrators may come from.

Each preset changes what stands here and nothing else; why, is said in the manual (``preset.*`` of the catalogue).
"""

from typing import Any

__all__ = ["PRESETS", "TABLES", "changes"]

TABLES = ("border", "relay")
"""The places of a preset that are tables; others are protocols of listeners."""

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "modern": {},
    "kyoto": {"": {"language": "ja"}, "relay": {"preset": "kyoto"}},
    "tohoku": {"": {"language": "ja"}, "relay": {"preset": "tohoku"}},
    "hokkaido": {"": {"language": "ja"}, "border": {"message_size": "10 MB"}},
    "imail": {
        "": {"language": "ja"},
        "smtp": {"vrfy": ["127.0.0.0/8", "::1"]},
        "submission": {"bare_newlines": "normalise"},
    },
}
"""What each preset changes: at the top of the file (``""``), in a table of it, and in the listeners of a protocol."""


def changes(preset: str) -> list[tuple[str, str, Any]]:
    """What a preset changes, for the manual: table or protocol (or ``""``), key, value."""
    return [(place, key, value) for place, keys in PRESETS[preset].items() for key, value in keys.items()]
