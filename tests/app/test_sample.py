"""The sample file and the manual come from the options, and the copies in the repository are up to date."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from docutils.core import publish_doctree
from hypothesis import given
from hypothesis import strategies as st

import mailsvc
from mailsvc.app.config import Config
from mailsvc.app.config_file import ConfigFile, locate
from mailsvc.app.initial import Initial, sample, values
from mailsvc.app.sample import manual, render, summary
from mailsvc.app.structure import Structure
from mailsvc.app.toml_text import value_text
from mailsvc.texts import LANGUAGES

ROOT = Path(mailsvc.__file__).parent.parent

GENERATED = {
    "etc/mailsvc.toml": sample("en"),
    "etc/mailsvc.ja.toml": sample("ja"),
    "docs/configuration.rst": manual("en"),
    "docs/ja/configuration.rst": manual("ja"),
}


def without_empty(table: dict[str, Any]) -> dict[str, Any]:
    """A table without the tables that only hold comments."""
    return {key: value for key, value in table.items() if value != {}}


@pytest.mark.parametrize("name", GENERATED)
def test_repository_has_what_the_options_say(name: str) -> None:
    """Whoever changes an option regenerates sample and manual: ``mailsvc config sample|manual --lang en|ja``."""
    assert (ROOT / name).read_text() == GENERATED[name]


@pytest.mark.parametrize("language", LANGUAGES)
def test_sample_says_its_values(language: str) -> None:
    """Between its comments the sample has exactly the standard listeners."""
    assert without_empty(tomllib.loads(sample(language))) == values(Initial(domain="example.test", bind="::"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_comment_can_be_switched_on(language: str) -> None:
    """Removing the "#" of every example leaves a file of correct keys and types."""
    text = re.sub(r"^#(?=[a-z_]+ = |\[\[)", "", sample(language), flags=re.MULTILINE)
    structure = Structure(ConfigFile(Path("mailsvc.toml"), tomllib.loads(text), locate(text)))
    structure.fill(Config, structure.file.table)
    assert {problem.text.key for problem in structure.problems.values()} <= {"config.file-missing"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_is_explained_everywhere(language: str) -> None:
    """Sample, manual and help know the same keys."""
    names = [name for name, _ in summary(language)]
    assert len(names) == len(set(names)) > 30
    for name in names:
        key = name.rpartition(".")[2]
        assert re.search(rf"^#?{key} = ", sample(language), re.MULTILINE), name
        assert f"\n``{key}``\n" in manual(language), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_manual_is_correct_markup(language: str) -> None:
    """The manual is reStructuredText without a warning."""
    publish_doctree(manual(language), settings_overrides={"halt_level": 2, "report_level": 2})


PLAIN = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]))),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)),
    max_leaves=5,
)


@given(PLAIN)
def test_values_survive_being_written(value: object) -> None:
    """Whatever a value contains, TOML reads back the same."""
    assert tomllib.loads(f"key = {value_text(value)}") == {"key": value}


def test_a_file_with_given_values_has_no_others() -> None:
    """What was not given stays a comment."""
    assert without_empty(tomllib.loads(render({"workers": 2}, "en"))) == {"workers": 2}
