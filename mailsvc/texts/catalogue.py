"""Sentences by key and language.

Code that has something to say makes a :class:`Sentence`, a value of a key and facts; only the edge that talks to a person knows the
language and turns it into words with :class:`Texts`. The templates are in ``en.toml`` and ``ja.toml``, with named fields as of
``str.format``; a test holds the two files, and the code that uses them, to the same keys and fields.
"""

import functools
import os
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import attrs

__all__ = ["LANGUAGES", "Sentence", "Texts", "language_of"]

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
    """The catalogue in one language, ``"en"`` or ``"ja"``."""

    language: str = "en"

    def say(self, key: str, /, **facts: Any) -> str:
        """The sentence of this key with its fields filled in. Raises KeyError for an unknown key or a missing fact."""
        template = _templates(self.language)[key]
        return template.format_map({name: self._word(fact) for name, fact in facts.items()})

    def tell(self, sentence: Sentence) -> str:
        """The same for a :class:`Sentence`."""
        return self.say(sentence.key, **sentence.facts)

    def _word(self, fact: Any) -> Any:
        return self.tell(fact) if isinstance(fact, Sentence) else fact


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
