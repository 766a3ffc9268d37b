"""What commands print: results, and refusals.

A table is drawn on a terminal; in a pipe it is one line per row with tabs between, and with ``--json`` a JSON text. Refusals are one
sentence on standard error and an exit code.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mailsvc.cli.words import option, texts
from mailsvc.texts import Sentence

__all__ = [
    "EXIT_CONFIG",
    "EXIT_NOT_NOW",
    "Column",
    "Refused",
    "as_json",
    "note",
    "plain_console",
    "print_json",
    "print_record",
    "print_table",
]

EXIT_NOT_NOW = 75  # EX_TEMPFAIL of sysexits.h
EXIT_CONFIG = 78  # EX_CONFIG

as_json = option("--json", "as_json", is_flag=True, help="cli.json")
"""The option ``--json`` of commands that print a result."""


class Refused(click.ClickException):
    """Ends a command with a sentence on standard error."""

    def __init__(self, sentence: Sentence, exit_code: int = 1) -> None:
        """:param sentence: why. :param exit_code: of the process; EXIT_NOT_NOW where the same command may work later."""
        super().__init__(texts().tell(sentence))  # now, while the command and so the language are known
        self.exit_code = exit_code  # type: ignore[misc]  # click means its subclasses to set it either way

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence."""
        click.echo(self.message, err=True)


def note(sentence: Sentence) -> None:
    """Tell the person something that is no result: on standard error."""
    click.echo(texts().tell(sentence), err=True)


@attrs.frozen
class Column:
    """A column of a table: the key of its values (and in JSON), its heading (a key of the catalogue, or a sentence with facts), and how
    it is aligned.
    """

    key: str
    heading: str | Sentence
    right: bool = False

    def title(self) -> str:
        """The heading in the person's language."""
        return texts().tell(self.heading) if isinstance(self.heading, Sentence) else texts().say(self.heading)


def print_json(value: Any) -> None:
    """A value as JSON for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], json_wanted: bool = False) -> None:
    """Rows for people, for a pipe, or as JSON."""
    if json_wanted:
        print_json(list(rows))
    elif sys.stdout.isatty():
        _draw(columns, rows)
    else:
        for row in rows:
            click.echo("\t".join(_cell(row[column.key]) for column in columns))


def print_record(columns: Sequence[Column], record: Mapping[str, Any], json_wanted: bool = False) -> None:
    """One thing: a line for each of its values, or JSON."""
    if json_wanted:
        print_json(record)
        return
    for column in columns:
        click.echo(f"{column.title()}: {_cell(record[column.key])}")


def plain_console() -> Console:
    """A terminal that shows words as they are: rich makes pictures of ``:AB:`` in a fingerprint, and styles of brackets."""
    return Console(highlight=False, soft_wrap=True, emoji=False, markup=False)


def _draw(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table()
    for column in columns:
        table.add_column(column.title(), justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[column.key])) for column in columns))
    plain_console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return texts().say("cli.yes" if value else "cli.no")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return str(value)
