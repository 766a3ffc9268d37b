"""The house around the code keeps its promises: what the README tells people to type is what CI runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mailsvc.cli.main import cli

ROOT = Path(__file__).parent.parent

UNINSTALLED = """
import pytest
@pytest.mark.need("no-such-program")
def test(): pass
"""


def test_readme_has_one_line_for_running_and_one_for_testing() -> None:
    """A newcomer copies one line to run the service and one to test it; CI finds the second by its shape."""
    lines = re.findall(r"^    (python3 -m venv .*)$", (ROOT / "README.rst").read_text(encoding="utf-8"), re.M)
    assert [line.rpartition("&& ")[2] for line in lines] == [
        ".venv/bin/mailsvc quickstart",
        ".venv/bin/python -m pytest",
    ]


def test_ci_takes_the_test_command_from_the_readme() -> None:
    """``.ci/run`` finds exactly the README's test command, so the two cannot drift apart."""
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    extraction = re.search(r"command=\$\((.*)\)", script)
    assert extraction is not None
    found = subprocess.run(["bash", "-c", extraction[1]], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found == "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -m pytest\n"


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_missing_program(ci: str, outcome: str, tmp_path: Path) -> None:
    """A program that is not installed skips a test on your machine and fails it in CI."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(UNINSTALLED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False
    )
    assert outcome in done.stdout


def _commands(group: click.Group, *above: str) -> Iterator[tuple[str, ...]]:
    """The words of each command below a group."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, *above, name)
        else:
            yield (*above, name)


@pytest.mark.parametrize("words", list(_commands(cli)), ids=" ".join)
def test_command_is_documented(words: tuple[str, ...]) -> None:
    """Every command of ``mailsvc`` stands in the reference of commands."""
    text = (ROOT / "docs/commands.rst").read_text(encoding="utf-8")
    *group, last = map(re.escape, words)
    assert re.search(rf"``(mailsvc )?{''.join(name + ' ' for name in group)}([a-z]+\|)*{last}\b", text)
