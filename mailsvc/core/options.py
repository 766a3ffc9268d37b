"""How a room declares its options: a frozen attrs class whose fields carry their own help, in English and Japanese.

The configuration reader, the sample file, the manual and ``--help`` are all made from these fields
(``mailsvc.app.config`` gathers them), so a text stands in one place only.

Field types may be ``bool``, ``int`` (never negative), ``str``, ``Size``, ``Duration``, ``Network``, ``Path``, ``ReadableFile``, an
``enum.Enum`` with string values, ``tuple[..., ...]`` of those, any of them ``| None``, another options class (a table of the file), or a
tuple of options classes (an array of tables, named by the field's ``alias``).
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, NewType

import attrs

__all__ = ["Duration", "Network", "ReadableFile", "Size", "help_of", "option"]

Size = NewType("Size", int)
"""Octets; in the file a number, or text such as ``"10 MB"`` (k, M, G: powers of 1000; Ki, Mi, Gi: of 1024)."""

Duration = NewType("Duration", int)
"""Seconds; in the file a number, or text such as ``"5 min"`` (s, min, h, d)."""

Network = IPv4Network | IPv6Network
"""An address or a network in CIDR form."""


ReadableFile = NewType("ReadableFile", Path)
"""A file that must exist and be readable; like every ``Path`` it is relative to the configuration file and absolute once read."""


def option(default: Any = attrs.NOTHING, *, en: str, ja: str, example: str = "", **kwargs: Any) -> Any:
    """A field of an options class.

    :param default: the value when the file is silent; without one the key is required.
    :param en: what it does, one or two sentences. :param ja: the same in Japanese.
    :param example: TOML for the sample file where the default alone would not show how to write it.
    """
    return attrs.field(default=default, metadata={"en": en, "ja": ja, "example": example}, **kwargs)


def help_of(field: "attrs.Attribute[Any]", language: str) -> str:
    """The help text of a field in ``"en"`` or ``"ja"``."""
    return str(field.metadata[language])
