"""Text made from the options: the commented configuration file, the manual, and the summary under ``--help``.

All three walk the same fields, so a key is explained in one place only, beside its field. The sample and the file that ``mailsvc init``
writes are the same text with other values: what is given stands as it is, everything else is a comment that shows the default.
"""

import enum
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mailsvc.app.config import Config
from mailsvc.app.presets import PRESETS, TABLES, changes
from mailsvc.app.structure import entry_type, keys_of, plain_type
from mailsvc.app.toml_text import default_text, value_text
from mailsvc.core.options import Duration, Network, ReadableFile, Size, help_of
from mailsvc.texts import Sentence, Texts

__all__ = ["manual", "render", "summary"]

_WIDTH = 120

# --- the commented file ---


def render(values: Mapping[str, Any], language: str, introduction: str = "") -> str:
    """A configuration file with these values (as ``tomllib`` would read them), every other key explained in a comment.

    :param introduction: a few lines for the top of the file.
    """
    heading = introduction or Texts(language).say("sample.introduction")
    blocks = [_comment(heading), *_keys(Config, values, language)]
    for key, field in keys_of(Config).items():
        blocks += _tables(key, field, values.get(key, ()), language)
    return "\n\n".join(blocks) + "\n"


def _tables(key: str, field: "attrs.Attribute[Any]", value: Any, language: str) -> Iterator[str]:
    """One table of the file, or all entries of an array of tables; only the first one is explained."""
    kind, entry = plain_type(field.type), entry_type(field.type)
    if attrs.has(kind):
        yield f"\n{_comment(help_of(field, language))}\n[{key}]"
        yield from _keys(kind, value or {}, language)
        for name, inner in keys_of(kind).items():
            yield from _tables(f"{key}.{name}", inner, (value or {}).get(name, ()), language)
    elif attrs.has(entry):
        yield "\n" + _comment(help_of(field, language))
        if not value:
            yield f"#[[{key}]]"
            yield from _keys(entry, {}, language)
        for index, table in enumerate(value):
            if index == 0:
                yield f"[[{key}]]"
                yield from _keys(entry, table, language)
            else:
                yield f"[[{key}]]\n" + "\n".join(f"{name} = {value_text(given)}" for name, given in table.items())


def _keys(cls: type, values: Mapping[str, Any], language: str) -> Iterator[str]:
    for key, field in keys_of(cls).items():
        if _is_plain(field):
            yield f"{_comment(help_of(field, language))}\n{_line(key, field, values)}"


def _line(key: str, field: "attrs.Attribute[Any]", values: Mapping[str, Any]) -> str:
    if key in values:
        return f"{key} = {value_text(values[key])}"
    return f"#{key} = {_shown(field)}"


def _shown(field: "attrs.Attribute[Any]") -> str:
    """The default, or, where that says little, an example."""
    default = _default(field)
    return default if default not in (None, '""', "[]", "0") else field.metadata["example"] or default or '""'


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for part in text.splitlines() for line in _wrap(part, _WIDTH - 2) or [""])


def _wrap(text: str, width: int) -> list[str]:
    """Lines of at most ``width`` columns; Japanese, which has no spaces, is left whole."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


# --- the manual ---


def manual(language: str) -> str:
    """The reference of all keys as reStructuredText."""
    texts = Texts(language)
    parts = [texts.say("manual.comment"), _title(texts.say("manual.title"), "="), texts.say("manual.introduction")]
    parts += [_title(texts.say("manual.top"), "-"), *_entries(Config, texts)]
    for key, field in keys_of(Config).items():
        parts += _table_entries(key, field, texts)
    parts += [_title(texts.say("manual.presets"), "-"), texts.say("manual.presets-introduction"), *_presets(texts)]
    return "\n\n".join(parts) + "\n"


def _table_entries(key: str, field: "attrs.Attribute[Any]", texts: Texts) -> Iterator[str]:
    """A table, and those in it; nothing for a key with a value."""
    if _is_plain(field):
        return
    kind, entry = plain_type(field.type), entry_type(field.type)
    yield _title(f"[[{key}]]" if entry else f"[{key}]", "-")
    yield help_of(field, texts.language)
    yield from _entries(entry or kind, texts)
    for name, inner in keys_of(entry or kind).items():
        yield from _table_entries(f"{key}.{name}", inner, texts)


def _presets(texts: Texts) -> Iterator[str]:
    """Each preset: for whom it is and what it changes."""
    for preset in PRESETS:
        changed = [f"``{_place(place)}{key} = {value_text(value)}``" for place, key, value in changes(preset)]
        listed = (
            texts.say("manual.preset-changes", changes=", ".join(changed))
            if changed
            else texts.say("manual.preset-none")
        )
        yield f"``{preset}``\n    {texts.tell(_PRESETS[preset])} {listed}"


def _place(place: str) -> str:
    if place in TABLES:
        return f"[{place}] "
    return f"[[listener]] {place}: " if place else ""


_PRESETS = {
    "modern": Sentence("preset.modern"),
    "kyoto": Sentence("preset.kyoto"),
    "tohoku": Sentence("preset.tohoku"),
    "hokkaido": Sentence("preset.hokkaido"),
    "imail": Sentence("preset.imail"),
}


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * (2 * len(text))}"


def _entries(cls: type, texts: Texts) -> Iterator[str]:
    for key, field in keys_of(cls).items():
        if _is_plain(field):
            explanation = textwrap.indent(_restructured(help_of(field, texts.language)), "    ")
            yield f"``{key}``\n{explanation}\n\n    {_facts(field, texts)}"


def _restructured(text: str) -> str:
    """``like this`` for `this`."""
    return re.sub(r"`([^`]+)`", r"``\1``", text)


def _facts(field: "attrs.Attribute[Any]", texts: Texts) -> str:
    """Type, default and example of a key."""
    default, example = _default(field), field.metadata["example"]
    said = [texts.say("manual.type", kind=_kind(plain_type(field.type), texts))]
    if field.default is attrs.NOTHING:
        said.append(texts.say("manual.required"))
    elif default:
        said.append(texts.say("manual.default", value=default))
    if example and example != default:
        said.append(texts.say("manual.example", value=example))
    return texts.say("manual.space").join(said)


_KINDS: dict[Any, Sentence] = {
    bool: Sentence("config.kind.bool"),
    int: Sentence("config.kind.integer"),
    str: Sentence("config.kind.text"),
    Size: Sentence("manual.size"),
    Duration: Sentence("manual.duration"),
    Network: Sentence("manual.network"),
    Path: Sentence("manual.path"),
    ReadableFile: Sentence("manual.file"),
}


def _kind(kind: Any, texts: Texts) -> str:
    if entry := entry_type(kind):
        return texts.say("manual.list", kind=_kind(entry, texts))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return texts.say("manual.choice", choices=", ".join(f'``"{member.value}"``' for member in kind))
    return texts.tell(_KINDS[kind])


# --- the summary ---


def summary(language: str) -> Sequence[tuple[str, str]]:
    """Every key with its explanation, for ``--help``."""
    return [(name, help_of(field, language)) for name, field in _all_keys(Config, "")]


def _all_keys(cls: type, prefix: str) -> Iterator[tuple[str, "attrs.Attribute[Any]"]]:
    fields = keys_of(cls)
    yield from ((prefix + key, field) for key, field in fields.items() if _is_plain(field))
    for key, field in fields.items():
        if not _is_plain(field):
            yield from _all_keys(entry_type(field.type) or plain_type(field.type), f"{prefix}{key}.")


# --- about fields ---


def _is_plain(field: "attrs.Attribute[Any]") -> bool:
    """Whether a field is a key with a value, not a table."""
    return not attrs.has(plain_type(field.type)) and not attrs.has(entry_type(field.type))


def _default(field: "attrs.Attribute[Any]") -> str | None:
    """The default as TOML; None where there is none or only the system knows it."""
    if field.default in (attrs.NOTHING, None) or isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return None
    return default_text(plain_type(field.type), field.default)
