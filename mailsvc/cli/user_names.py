"""``mailsvc user register`` and its relatives: how logins come by mailboxes, lose them, and what becomes of the names."""

import datetime
import sys

import click

from mailsvc.app.rules import naming_rules
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Column, Refused, as_json, print_table
from mailsvc.cli.params import ADDRESS, DOMAIN
from mailsvc.cli.words import Command, option, texts
from mailsvc.core.operations import DropMailbox, RegisterName, ReleaseName
from mailsvc.core.values import Account
from mailsvc.directory.naming import fault
from mailsvc.texts import Sentence

__all__ = ["freed", "register", "release", "unregister"]

_FREED = (Column("address", "column.address"), Column("until", "column.until"))


@click.command("register", cls=Command, help="cli.user-register")
@click.argument("login", type=ADDRESS)
@click.argument("name")
@pass_app
def register(app: App, login: str, name: str) -> None:
    """Give a login its mailbox, by the rules that its owner would meet."""
    with open_house(app.config()) as house:
        account = house.account(login)
        domain = login.rpartition("@")[2]
        if refusal := fault(name, naming_rules(house.config, domain)):
            raise Refused(refusal)
        (address,) = house.apply(f"{name}@{domain}", RegisterName(account.id, name))
    click.echo(address)


@click.command("unregister", cls=Command, help="cli.user-unregister")
@click.argument("address", type=ADDRESS)
@option("--yes", is_flag=True, help="cli.assume-yes")
@pass_app
def unregister(app: App, address: str, yes: bool) -> None:
    """Remove the mailbox of a login."""
    with open_house(app.config()) as house:
        account = house.account(address)
        if not account.login:
            raise Refused(Sentence("refused.no-login", name=address))
        confirm_removal(account, yes)
        house.apply(address, DropMailbox(account.id, quarantine_of(house)))


@click.command("freed", cls=Command, help="cli.user-freed")
@click.argument("domain", type=DOMAIN, required=False, default=None)
@as_json
@pass_app
def freed(app: App, domain: str | None, as_json: bool) -> None:
    """Print the addresses in quarantine."""
    with open_house(app.config()) as house:
        names = house.read(house.directory.freed(domain or ""))
    rows = [{"address": one.address, "until": _date(one.until)} for one in names]
    print_table(_FREED, rows, as_json)


@click.command("release", cls=Command, help="cli.user-release")
@click.argument("address", type=ADDRESS)
@pass_app
def release(app: App, address: str) -> None:
    """End the quarantine of an address."""
    with open_house(app.config()) as house:
        house.apply(address, ReleaseName(address))


def confirm_removal(account: Account, yes: bool) -> None:
    """Ask before mail is removed for good, if there is somebody to ask."""
    if not yes and sys.stdin.isatty():
        question = texts().say("cli.user-remove-question", address=account.address, count=account.messages)
        click.confirm(question, abort=True, err=True)


def quarantine_of(house: House) -> int:
    """Seconds for which nobody may have the address of a removed mailbox."""
    return int(house.config.accounts.quarantine)


def _date(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
