"""A fresh server directory for each test, and a way to run commands in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailsvc.cli.main import cli
from mailsvc.testing.harness import free_offset

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``mailsvc`` in an empty directory, in English, and check the exit code (0 unless said otherwise)."""
    monkeypatch.chdir(tmp_path)
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG", "MAILSVC_CONFIG"):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments: str, code: int = 0, stdin: str | bytes = "") -> Result:
        result = CliRunner().invoke(cli, arguments, input=stdin)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def house(run: Run) -> Run:
    """The same, in the directory of a mail server for example.test."""
    run("init", ".", "--domain", "example.test", "--port-offset", str(free_offset()))
    return run
