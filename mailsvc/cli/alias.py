"""``mailsvc alias``: addresses whose mail goes to other addresses."""

import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.output import Column, as_json, print_table
from mailsvc.cli.params import ADDRESS, DOMAIN
from mailsvc.cli.words import Group
from mailsvc.core.operations import AddAlias, RemoveAlias

__all__ = ["alias"]

_COLUMNS = (Column("address", "column.address"), Column("targets", "column.targets"))


@click.group(cls=Group, help="cli.alias")
def alias() -> None:
    """Commands about aliases."""


@alias.command("add", help="cli.alias-add")
@click.argument("address", type=ADDRESS)
@click.argument("targets", type=ADDRESS, nargs=-1, required=True)
@pass_app
def add(app: App, address: str, targets: tuple[str, ...]) -> None:
    """Make an alias, or replace its targets."""
    with open_house(app.config()) as house:
        house.apply(address, AddAlias(address, targets))


@alias.command("list", help="cli.alias-list")
@click.argument("domain", type=DOMAIN, required=False, default=None)
@as_json
@pass_app
def list_(app: App, domain: str | None, as_json: bool) -> None:
    """Print the aliases."""
    with open_house(app.config()) as house:
        aliases = house.read(house.directory.aliases(domain or ""))
    print_table(_COLUMNS, [{"address": one.address, "targets": one.targets} for one in aliases], as_json)


@alias.command("remove", help="cli.alias-remove")
@click.argument("address", type=ADDRESS)
@pass_app
def remove(app: App, address: str) -> None:
    """Remove an alias."""
    with open_house(app.config()) as house:
        house.apply(address, RemoveAlias(address))
