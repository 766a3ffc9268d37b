"""Values as TOML text, as a person would write them."""

import enum
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mailsvc.core.options import Duration, Size

__all__ = ["default_text", "value_text"]

_SIZES = {1_000_000_000: "GB", 1_000_000: "MB", 1_000: "kB"}
_TIMES = {86400: "d", 3600: "h", 60: "min", 1: "s"}


def value_text(value: Any) -> str:
    """A plain value (text, number, truth value, list, table) as one line of TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{value_text(key)} = {value_text(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(value_text, value)) + "]"
    # A JSON text is a TOML basic string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def default_text(kind: Any, value: Any) -> str:
    """An option's default, of any type that options have, as one line of TOML: sizes and times with a unit."""
    if kind is Size and value:
        return _with_unit(value, _SIZES)
    if kind is Duration and value:
        return _with_unit(value, _TIMES)
    return value_text(_plain(value))


def _with_unit(value: int, units: Mapping[int, str]) -> str:
    fitting = (f'"{value // factor} {unit}"' for factor, unit in units.items() if value % factor == 0)
    return next(fitting, str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return str(value) if isinstance(value, Path) or not isinstance(value, str | int) else value
