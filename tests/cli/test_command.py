"""The command as a whole: where it finds its configuration, how it answers mistakes, both languages."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mailsvc.app.config import load
from mailsvc.cli.main import cli
from mailsvc.testing.harness import free_offset

from .conftest import Run


def test_init(run: Run, tmp_path: Path) -> None:
    """One line makes a directory that a server can start from."""
    done = run(
        "init", "mail", "--domain", "Example.test", "--hostname", "mx.example.test", "--port-offset", "20000",
        "--bind", "::1", "--allow-cleartext", "127.0.0.0/8", "--allow-cleartext", "::1", "--preset", "hokkaido",
    )  # fmt: skip
    assert done.stdout == ""
    assert "twistd -n mailsvc -c mail/mailsvc.toml" in done.stderr
    assert {path.name for path in (tmp_path / "mail").iterdir()} == {
        "mailsvc.toml", "certificate.pem", "key.pem", "store",
    }  # fmt: skip
    config = load(tmp_path / "mail/mailsvc.toml")
    assert (config.hostname, config.language.value) == ("mx.example.test", "ja")
    assert [(one.address, one.port) for one in config.listeners][:2] == [("::1", 20025), ("::1", 20587)]
    assert list(map(str, config.listeners[0].cleartext)) == ["127.0.0.0/8", "::1/128"]
    assert run("-c", "mail/mailsvc.toml", "domain", "list").stdout == "example.test\t\tyes\n"


def test_init_refuses_to_overwrite(house: Run, tmp_path: Path) -> None:
    """A second init in the same place changes nothing."""
    before = (tmp_path / "mailsvc.toml").read_bytes()
    assert house("init", ".", "--domain", "other.test", code=1).stderr.startswith("mailsvc.toml exists already")
    assert (tmp_path / "mailsvc.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bind", "localhost"), '"localhost" is not an address'),
        (("--hostname", "a..b"), '"a..b" is not a domain name'),
        (("--port-offset", "64541"), "64541 is not in the range 0<=x<=64540"),
        (("--allow-cleartext", "10.0.0.1/8"), "the network is 10.0.0.0/8"),
        (("--preset", "osaka"), "'osaka' is not one of"),
    ],
)
def test_init_refuses_nonsense(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A mistake on the command line is explained, and nothing is made."""
    assert said in run("init", "mail", "--domain", "example.test", *arguments, code=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_configuration_is_found(house: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-c comes before $MAILSVC_CONFIG, which comes before ./mailsvc.toml."""
    house("init", "second", "--domain", "second.test")
    assert "example.test" in house("domain", "list").stdout
    monkeypatch.setenv("MAILSVC_CONFIG", "second/mailsvc.toml")
    assert "second.test" in house("domain", "list").stdout
    assert "example.test" in house("-c", "mailsvc.toml", "domain", "list").stdout


def test_no_configuration_at_all(run: Run) -> None:
    """Whoever has none is told where it was looked for and how to make one."""
    refused = run("domain", "list", code=1)
    assert "mailsvc init DIR --domain DOMAIN" in refused.stderr


def test_wrong_configuration(house: Run, tmp_path: Path) -> None:
    """All problems come at once, with a code that scripts can tell apart."""
    path = tmp_path / "mailsvc.toml"
    path.write_text(
        path.read_text().replace(f"port = {free_offset() + 110}", "port = 99999").replace("hostname =", "hostnaem =")
    )
    refused = house("user", "list", code=78)
    assert refused.stdout == ""
    head, first, second = refused.stderr.splitlines()
    assert head.startswith("2 problem(s) in the configuration")
    assert first.endswith("hostnaem: is not a key of this configuration; did you mean hostname?")
    assert second.endswith("listener[5].port: 99999 is not a port; give a number from 1 to 65535")


def test_store_that_cannot_be_had(house: Run, tmp_path: Path) -> None:
    """A broken store is one sentence and the code for "try again"."""
    (tmp_path / "store/mail.db").write_bytes(b"this is no database" * 100)
    refused = house("user", "list", code=75)
    assert refused.stderr.startswith("the store cannot answer now (")
    assert "Traceback" not in refused.output


def test_sentences_in_japanese(house: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment or --lang choose the language of refusals."""
    assert house("--lang", "ja", "user", "show", "x@example.test", code=1).stderr == "x@example.test はありません\n"
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert house("user", "show", "x@example.test", code=1).stderr == "x@example.test はありません\n"
    assert house("--lang", "en", "user", "show", "x@example.test", code=1).stderr == "there is no x@example.test\n"


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command line without its arguments."""
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_explains_itself(run: Run, path: tuple[str, ...], language: str) -> None:
    """--help works everywhere, in both languages, and no key of the catalogue shows through."""
    text = run("--lang", language, *path, "--help").stdout
    assert "cli." not in text.replace("mailsvc.cli.", "")
    japanese = any("ぁ" <= letter <= "ん" for letter in text)
    assert japanese == (language == "ja")


def test_sample_and_manual(run: Run) -> None:
    """The sample is TOML, the manual is in the language that was asked for, and the help lists every key."""
    assert tomllib.loads(run("config", "sample").stdout)["listener"]
    assert run("config", "manual", "--lang", "ja").stdout.count("既定値") > 20
    assert "listener.idle_timeout" in run("config", "--help").stdout
