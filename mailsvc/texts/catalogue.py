"""Sentences by key and language.

Code that has something to say makes a :class:`Sentence`, a value of a key and facts; only the edge that talks to a person knows the
language and turns it into words with :class:`Texts`. The templates are in ``en.toml`` and ``ja.toml``, with named fields as of
``str.format``; a test holds the two files, and the code that uses them, to the same keys and fields.
"""

import functools
import os
import string
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

__all__ = ["LANGUAGES", "Sentence", "Texts", "language_of", "own_texts"]

LANGUAGES = ("en", "ja")


@attrs.frozen(init=False)
class Sentence:
    """Something to say, in no language yet. A fact that is itself a sentence is said in the same language.

    :ivar key: dotted key of the catalogue, such as ``"config.unknown-key"``. :ivar facts: what the template's fields stand for.
    """

    key: str
    facts: Mapping[str, Any] = attrs.field(hash=False)

    def __init__(self, key: str, /, **facts: Any) -> None:
        self.__attrs_init__(key, facts)


@attrs.frozen
class Texts:
    """The catalogue in one language, ``"en"`` or ``"ja"``.

    :ivar own: templates of the administrator, which take the place of ours (:func:`own_texts`).
    """

    language: str = "en"
    own: Mapping[str, str] = attrs.field(factory=dict, hash=False)

    def say(self, key: str, /, **facts: Any) -> str:
        """The sentence of this key with its fields filled in. Raises KeyError for an unknown key or a missing fact."""
        template = self.own.get(key) or _templates(self.language)[key]
        return template.format_map({name: self._word(fact) for name, fact in facts.items()})

    def tell(self, sentence: Sentence) -> str:
        """The same for a :class:`Sentence`."""
        return self.say(sentence.key, **sentence.facts)

    def _word(self, fact: Any) -> Any:
        return self.tell(fact) if isinstance(fact, Sentence) else fact


def own_texts(path: Path, language: str) -> Mapping[str, str]:
    """The administrator's own templates for a language, from a file like ours with a table for each language: ``[en.relay]``.

    Raises OSError; ValueError naming what is wrong in it: what is no TOML, a key that does not exist, a field that the sentence has not.
    """
    table = tomllib.loads(path.read_text("utf-8"))
    for name in table:
        if name not in LANGUAGES:
            raise ValueError(f"[{name}]")
    for each in LANGUAGES:
        for key, template in _flatten(table.get(each, {})):
            if not isinstance(template, str) or key not in _templates(each):
                raise ValueError(f"{each}.{key}")
            if not fields_of(template) <= fields_of(_templates(each)[key]):
                raise ValueError(f"{each}.{key}: {template}")
    return dict(_flatten(table.get(language, {})))


def fields_of(template: str) -> set[str]:
    """The named fields of a template. Raises ValueError for one with braces that do not fit."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language that the locale variables ask for (POSIX order: LC_ALL, LC_MESSAGES, LANG); English if they name neither."""
    names = (environment.get(variable, "") for variable in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return "ja" if chosen.startswith("ja") else "en"


@functools.cache
def _templates(language: str) -> dict[str, str]:
    text = resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    return dict(_flatten(tomllib.loads(text)))


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
