"""Plain tables to options: every value is checked against the type of its field, and every fault is kept, not raised.

:class:`Structure` fills an options class (see :mod:`mailsvc.core.options` for the kinds of fields) from a table of the file. Where a
value is wrong or missing, a stand-in takes its place so that the rest can still be checked; the result is used only if there was no
problem at all.
"""

import difflib
import enum
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import attrs

from mailsvc.app.config_file import ConfigFile, KeyPath, Problem, key_text
from mailsvc.auth.relay_options import RelayPreset, RuleKind
from mailsvc.core.options import Duration, Network, ReadableFile, Size
from mailsvc.texts import Sentence

__all__ = ["Structure", "Wrong", "entry_type", "homes_of", "keys_of", "plain_type", "scalar", "shown"]


class Wrong(Exception):
    """A value does not fit; ``sentence`` says why."""

    def __init__(self, key: str, /, **facts: Any) -> None:
        super().__init__(key)
        self.sentence = Sentence(key, **facts)


def shown(value: Any) -> str:
    """A value as the file would have it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def keys_of(cls: type) -> "dict[str, attrs.Attribute[Any]]":
    """The fields of an options class by their key in the file; fields without help text are not for the file."""
    attrs.resolve_types(cls)
    return {field.alias or field.name: field for field in attrs.fields(cls) if "en" in field.metadata}


def plain_type(kind: Any) -> Any:
    """The type without ``| None``."""
    if kind is Network or not isinstance(kind, types.UnionType | typing._UnionGenericAlias):  # type: ignore[attr-defined]
        return kind
    left = tuple(part for part in typing.get_args(kind) if part is not type(None))
    return Network if set(left) == {IPv4Network, IPv6Network} else left[0]


def entry_type(kind: Any) -> Any:
    """The type of the entries if ``kind`` is a tuple, else None."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else None


@attrs.define
class Structure:
    """Reads options out of one file.

    :ivar homes: where a key that stands in the wrong table belongs. :ivar problems: what was wrong, at most one for each key.
    """

    file: ConfigFile
    homes: Mapping[str, Sentence] = attrs.field(factory=dict)
    problems: dict[KeyPath, Problem] = attrs.field(factory=dict)

    def report(self, path: KeyPath, text: Sentence) -> None:
        """Note a problem; the first one about a key stays."""
        self.problems.setdefault(path, self.file.problem(path, text))

    def fill(self, cls: type, table: Any, path: KeyPath = ()) -> Any:
        """An instance of the options class ``cls`` from a table of the file."""
        if not isinstance(table, dict):
            self.report(path, Sentence("config.table-expected", header=f"[{key_text(path)}]"))
            table = {}
        keys = keys_of(cls)
        for unknown in table.keys() - keys.keys():
            self.report((*path, unknown), _unknown_key(unknown, keys, self.homes))
        return cls(**{key: self._field(field, table, (*path, key)) for key, field in keys.items()})

    def _field(self, field: "attrs.Attribute[Any]", table: dict[str, Any], path: KeyPath) -> Any:
        kind, key = plain_type(field.type), path[-1]
        if key in table:
            return self._value(kind, table[str(key)], path)
        if attrs.has(kind):
            return self.fill(kind, {}, path)
        if field.default is attrs.NOTHING:
            self.report(path, Sentence("config.missing"))
            return _stand_in(kind)
        default: Any = field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a function, as mypy sees it
            default = default.factory()
        return self._absolute(default) if isinstance(default, Path) else default

    def _value(self, kind: Any, value: Any, path: KeyPath) -> Any:
        entry = entry_type(kind)
        if attrs.has(kind):
            return self.fill(kind, value, path)
        if attrs.has(entry):
            return self._tables(entry, value, path)
        try:
            if entry is not None:
                return self._list(entry, value, path)
            return self._scalar(kind, value)
        except Wrong as wrong:
            self.report(path, wrong.sentence)
            return _stand_in(kind)

    def _tables(self, kind: type, value: Any, path: KeyPath) -> tuple[Any, ...]:
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return tuple(self.fill(kind, entry, (*path, index)) for index, entry in enumerate(value))
        self.report(path, Sentence("config.table-expected", header=f"[[{key_text(path)}]]"))
        return ()

    def _list(self, kind: Any, value: Any, path: KeyPath) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _unfit(value, "config.kind.list")
        return tuple(self._value(kind, entry, (*path, index)) for index, entry in enumerate(value))

    def _scalar(self, kind: Any, value: Any) -> Any:
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return _choice(kind, value)
        if kind in (Path, ReadableFile):
            return self._file(value, must_exist=kind is ReadableFile)
        return scalar(kind, value)

    def _absolute(self, name: str | Path) -> Path:
        """A file name is relative to the configuration file."""
        return self.file.path.absolute().parent / Path(name).expanduser()

    def _file(self, value: Any, must_exist: bool) -> Path:
        if not isinstance(value, str) or not value:
            raise _unfit(value, "config.kind.path")
        path = self._absolute(value)
        if must_exist:
            _try_reading(path)
        return path


def _unfit(value: Any, kind: str) -> Wrong:
    return Wrong("config.wrong-type", value=shown(value), wanted=Sentence(kind))


def _unknown_key(key: str, known: Iterable[str], homes: Mapping[str, Sentence]) -> Sentence:
    if key in homes:
        return Sentence("config.unknown-key-here", home=homes[key])
    close = difflib.get_close_matches(key, list(known), 1)
    return Sentence("config.unknown-key-suggestion", suggestion=close[0]) if close else Sentence("config.unknown-key")


def homes_of(cls: type) -> dict[str, Sentence]:
    """For each key of the options class ``cls`` and its tables, the table it belongs in; the top of the file comes first."""
    homes: dict[str, Sentence] = {}
    for name, field in keys_of(cls).items():
        kind, entry = plain_type(field.type), entry_type(field.type)
        if attrs.has(kind) or attrs.has(entry):
            header = Sentence("config.table", header=f"[[{name}]]" if entry else f"[{name}]")
            homes = {**dict.fromkeys(keys_of(entry or kind), header), **homes}
        else:
            homes[name] = Sentence("config.top")
    return homes


def _stand_in(kind: Any) -> Any:
    """Something of this type that later checks can look at without raising."""
    if entry_type(kind) is not None:
        return ()
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return next(iter(kind))
    return {bool: False, str: "", Path: Path(), ReadableFile: Path(), Network: ip_network("::1")}.get(kind, 0)


def _try_reading(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise Wrong("config.file-missing", path=path) from None
    except IsADirectoryError:
        raise Wrong("config.file-other", path=path) from None
    except OSError as error:
        raise Wrong("config.file-unreadable", path=path, reason=error.strerror) from None


# --- scalars ---

_UNITS = {"": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}
_TIMES = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _unfit(value, "config.kind.bool")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _unfit(value, "config.kind.text")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unfit(value, "config.kind.integer")
    if value < 0:
        raise Wrong("config.negative", value=value)
    return value


def _quantity(value: Any, pattern: str, units: dict[str, int], message: str) -> int:
    """A number, or a number in quotes with a unit."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(pattern, value.strip()) if isinstance(value, str) else None
    if match is None:
        raise Wrong(message, value=shown(value))
    return round(float(match[1]) * units[match[2]])


def _size(value: Any) -> int:
    return _quantity(value, r"(\d+(?:\.\d+)?) ?(|k|M|G|Ki|Mi|Gi)B?", _UNITS, "config.size")


def _duration(value: Any) -> int:
    return _quantity(value, r"(\d+(?:\.\d+)?) ?(s|min|h|d)", _TIMES, "config.duration")


def _network(value: Any) -> Network:
    if not isinstance(value, str):
        raise Wrong("config.network", value=shown(value))
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        raise Wrong("config.network", value=shown(value)) from None
    raise Wrong("config.network-host-bits", value=shown(value), network=network)


def _choice(kind: type[enum.Enum], value: Any) -> enum.Enum:
    choices = {member.value: member for member in kind}
    if isinstance(value, str) and value in choices:
        return choices[value]
    if value == "anyone" and kind in (RelayPreset, RuleKind):  # other servers have it; here it cannot be asked for
        raise Wrong("config.relay-anyone")
    close = difflib.get_close_matches(str(value), list(choices), 1)
    listed = ", ".join(map(shown, choices))
    if close:
        raise Wrong("config.choice-suggestion", value=shown(value), suggestion=shown(close[0]), choices=listed)
    raise Wrong("config.choice", value=shown(value), choices=listed)


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    bool: _bool,
    int: _integer,
    str: _text,
    Size: _size,
    Duration: _duration,
    Network: _network,
}


def scalar(kind: Any, value: Any) -> Any:
    """A value of one of the simple kinds: bool, int, str, Size, Duration, Network. Raises Wrong, which says what would be right."""
    return _SCALARS[kind](value)
