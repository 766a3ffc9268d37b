"""``mailsvc user audit``: whose password would be guessed first?"""

from collections.abc import Iterable
from pathlib import Path

import click

from mailsvc.auth.hashing import UnknownScheme, matches, prepared
from mailsvc.auth.password_rules import COMMON, guesses, read_words
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.output import Column, as_json, note, print_table
from mailsvc.cli.params import DOMAIN
from mailsvc.cli.words import Command, option
from mailsvc.texts import Sentence

__all__ = ["audit"]

_COLUMNS = (Column("address", "column.address"), Column("tries", "column.tries", right=True))


@click.command("audit", cls=Command, help="cli.user-audit")
@click.argument("domain", type=DOMAIN, required=False, default=None)
@option(
    "--words", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="cli.user-audit-words"
)
@as_json
@click.pass_context
@pass_app
def audit(app: App, context: click.Context, domain: str | None, words: Path | None, as_json: bool) -> None:
    """Try bad passwords against all accounts. Exit code 1 if one fits. The passwords themselves are not printed."""
    bad = sorted(read_words(words.read_text("utf-8")) if words else COMMON)
    found = []
    with open_house(app.config()) as house:
        accounts = house.read(house.directory.accounts(domain or ""))
        for account in accounts:
            stored = house.read(house.directory.password_hash(account.id))
            tries = _first_match(stored, guesses(account.address, account.login, bad)) if stored else 0
            if tries:
                found.append({"address": account.address, "tries": tries})
    print_table(_COLUMNS, found, as_json)
    note(Sentence("audit.done", count=len(accounts), weak=len(found)))
    context.exit(bool(found))


def _first_match(stored: str, candidates: Iterable[str]) -> int:
    """After how many tries the password is found, 0: not at all."""
    for number, candidate in enumerate(dict.fromkeys(candidates), 1):
        try:
            if (octets := prepared(candidate)) and matches(stored, octets):
                return number
        except UnknownScheme:
            return 0
    return 0
