"""How a room declares its options: a frozen attrs class whose fields carry their own help, in English and Japanese.

The configuration reader, the sample file, the manual and ``--help`` are all made from these fields
(``mailsvc.app.config`` gathers them), so a text stands in one place only.

Field types may be ``bool``, ``int``, ``str``, ``Size``, ``Duration``, an ``enum.Enum`` with string values, ``tuple[...]`` of
those, ``tuple[Network, ...]``, or another options class.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Any, NewType

import attrs

__all__ = ["Duration", "Network", "Size", "help_of", "option"]

Size = NewType("Size", int)
"""Octets; in the file a number, or text such as ``"10 MB"`` (k, M, G: powers of 1000; Ki, Mi, Gi: of 1024)."""

Duration = NewType("Duration", int)
"""Seconds; in the file a number, or text such as ``"5 min"`` (s, min, h, d)."""

Network = IPv4Network | IPv6Network
"""An address or a network in CIDR form."""


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
