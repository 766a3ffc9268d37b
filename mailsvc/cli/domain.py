"""``mailsvc domain``: the mail domains in the store, beside those that the configuration declares."""

from typing import Any

import click

from mailsvc.app.config import Config
from mailsvc.app.config_file import read
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.output import Column, Refused, as_json, print_table
from mailsvc.cli.params import DOMAIN
from mailsvc.cli.words import Group, option
from mailsvc.core.operations import AddDomain, RemoveDomain
from mailsvc.formats.address import canonical_domain
from mailsvc.texts import Sentence

__all__ = ["domain"]

_COLUMNS = (
    Column("name", "column.domain"),
    Column("aliases", "column.aliases"),
    Column("declared", "column.declared"),
)


@click.group(cls=Group, help="cli.domain")
def domain() -> None:
    """Commands about domains."""


@domain.command("add", help="cli.domain-add")
@click.argument("name", type=DOMAIN)
@option("--alias", "aliases", type=DOMAIN, multiple=True, help="cli.domain-alias")
@pass_app
def add(app: App, name: str, aliases: tuple[str, ...]) -> None:
    """Make a domain, or give one more host aliases."""
    with open_house(app.config()) as house:
        known = {one.name for one in house.domains()}
        if name in known and not aliases:
            raise Refused(Sentence("refused.exists", name=name))
        house.apply(name, AddDomain(name, aliases))


@domain.command("list", help="cli.domain-list")
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Print the domains, the default one first."""
    with open_house(app.config()) as house:
        declared = _declared(house.config)
        rows: list[dict[str, Any]] = [
            {"name": one.name, "aliases": one.aliases, "declared": one.name in declared} for one in house.domains()
        ]
    print_table(_COLUMNS, rows, as_json)


@domain.command("remove", help="cli.domain-remove")
@click.argument("name", type=DOMAIN)
@pass_app
def remove(app: App, name: str) -> None:
    """Remove a domain without accounts that the configuration does not declare."""
    config = app.config()
    place = _declared(config).get(name)
    if place is not None:
        line = read(config.file).line(("domain", place))
        raise Refused(Sentence("refused.declared", name=name, file=config.file, line=line))
    with open_house(config) as house:
        house.apply(name, RemoveDomain(name))


def _declared(config: Config) -> dict[str, int]:
    """The domains of the configuration, and which ``[[domain]]`` declares each."""
    return {canonical_domain(one.name): place for place, one in enumerate(config.domains)}
