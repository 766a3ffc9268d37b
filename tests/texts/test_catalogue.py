"""The two catalogues and the code that speaks from them agree."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import mailsvc
from mailsvc.texts import LANGUAGES, Sentence, Texts, language_of
from mailsvc.texts.catalogue import _templates

ROOT = Path(mailsvc.__file__).parent
TEMPLATES = {language: _templates(language) for language in LANGUAGES}
ROOMS = {key.partition(".")[0] for key in TEMPLATES["en"]}


def fields(template: str) -> set[str]:
    """The named fields of a template."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def keys_in_code() -> Iterator[str]:
    """Every string in the code that has the form of a key of the catalogue."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                room, dot, rest = node.value.partition(".")
                if dot and room in ROOMS and rest.replace("-", "").replace(".", "").isalnum() and rest.islower():
                    yield node.value


def test_both_languages_have_the_same_sentences() -> None:
    """Nobody meets a sentence that exists in the other language only."""
    assert TEMPLATES["en"].keys() == TEMPLATES["ja"].keys()


@pytest.mark.parametrize("key", TEMPLATES["en"])
def test_both_languages_tell_the_same_facts(key: str) -> None:
    """A translation leaves no fact out."""
    assert fields(TEMPLATES["en"][key]) == fields(TEMPLATES["ja"][key])


def test_every_sentence_is_used_and_every_key_exists() -> None:
    """The code asks for no sentence that is missing, and the catalogue keeps none that nobody says."""
    assert set(keys_in_code()) == set(TEMPLATES["en"])


def test_sentences_say_their_facts() -> None:
    """Facts that are sentences themselves come out in the same language."""
    kind = Sentence("config.kind.integer")
    assert Texts("en").say("config.wrong-type", value='"x"', wanted=kind) == '"x" is not a whole number'
    assert Texts("ja").tell(Sentence("config.wrong-type", value='"x"', wanted=kind)) == '"x" は整数ではありません'


def test_facts_are_never_templates() -> None:
    """Braces in what a user typed stay as they are."""
    assert "{key}" in Texts().say("config.unreadable", reason="{key}")


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "ja_JP", "LANG": "C"}, "ja"),
    ],
)
def test_language_follows_the_locale(environment: dict[str, str], language: str) -> None:
    """LC_ALL, LC_MESSAGES, LANG decide in this order, as POSIX says."""
    assert language_of(environment) == language
