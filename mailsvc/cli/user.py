"""``mailsvc user``: accounts."""

from typing import Any

import attrs
import click

from mailsvc.app.rules import password_rules
from mailsvc.auth.password_rules import fault
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Column, Refused, as_json, note, print_record, print_table
from mailsvc.cli.params import ADDRESS, DOMAIN, SIZE
from mailsvc.cli.passwords import ask_hash, ask_password, hash_stdin, password_stdin
from mailsvc.cli.user_audit import audit
from mailsvc.cli.user_names import confirm_removal, freed, quarantine_of, register, release, unregister
from mailsvc.cli.user_set import flag_names, set_
from mailsvc.cli.words import Group, option
from mailsvc.core.operations import AddAccount, ChangeAccount, RemoveAccount, SetPassword
from mailsvc.core.secrets import VerifierRow
from mailsvc.core.values import Account
from mailsvc.formats.address import Address
from mailsvc.texts import Sentence

__all__ = ["user"]

_COLUMNS = (
    Column("address", "column.address"),
    Column("login", "column.login"),
    Column("enabled", "column.enabled"),
    Column("messages", "column.messages", right=True),
    Column("octets", "column.octets", right=True),
    Column("quota", "column.quota", right=True),
)
_ALL_COLUMNS = (
    *_COLUMNS,
    Column("mailbox", "column.mailbox"),
    Column("flags", "column.flags"),
    Column("password", "column.password"),
    Column("name", "column.name"),
    Column("organisation", "column.organisation"),
    Column("telephone", "column.telephone"),
    Column("reply_to", "column.reply-to"),
)


@click.group(cls=Group, help="cli.user")
def user() -> None:
    """Commands about accounts."""


@user.command("add", help="cli.user-add")
@click.argument("address", type=ADDRESS)
@option("--login", default="", metavar="NAME", help="cli.user-login")
@option("--quota", type=SIZE, default=0, metavar="SIZE", help="cli.user-quota")
@option("--no-password", is_flag=True, help="cli.user-no-password")
@option("--no-mailbox", is_flag=True, help="cli.user-no-mailbox")
@password_stdin
@hash_stdin
@pass_app
def add(
    app: App,
    address: str,
    login: str,
    quota: int,
    no_password: bool,
    no_mailbox: bool,
    password_stdin: bool,
    hash_stdin: bool,
) -> None:
    """Make an account."""
    if "@" in login or not login.isprintable():
        raise Refused(Sentence("refused.login", name=login))
    with open_house(app.config()) as house:
        if house.read(house.directory.find_account(address)):
            raise Refused(Sentence("refused.exists", name=address))  # before anybody types a password
        # An address in a host alias is made in its domain, and the salt of SCRAM is made from the address that people get.
        canonical = house.read(house.directory.canonical(Address.parse(address)))
        hashed, verifiers = ("", ()) if no_password else _secret(house, canonical, password_stdin, hash_stdin)
        house.apply(address, AddAccount(address, login, hashed, quota, verifiers, not no_mailbox))


@user.command("list", help="cli.user-list")
@click.argument("domain", type=DOMAIN, required=False, default=None)
@as_json
@pass_app
def list_(app: App, domain: str | None, as_json: bool) -> None:
    """Print the accounts."""
    with open_house(app.config()) as house:
        accounts = house.read(house.directory.accounts(domain or ""))
    print_table(_COLUMNS, [_row(account) for account in accounts], as_json)


@user.command("show", help="cli.user-show")
@click.argument("address", type=ADDRESS)
@as_json
@pass_app
def show(app: App, address: str, as_json: bool) -> None:
    """Print one account."""
    with open_house(app.config()) as house:
        account = house.account(address)
        protected = bool(house.read(house.directory.password_hash(account.id)))
        profile = house.read(house.directory.profile(account.id))
    print_record(_ALL_COLUMNS, {**_row(account), "password": protected, **attrs.asdict(profile)}, as_json)


@user.command("passwd", help="cli.user-passwd")
@click.argument("address", type=ADDRESS)
@password_stdin
@hash_stdin
@pass_app
def passwd(app: App, address: str, password_stdin: bool, hash_stdin: bool) -> None:
    """Change a password."""
    with open_house(app.config()) as house:
        account = house.account(address)
        hashed, verifiers = _secret(house, account.address, password_stdin, hash_stdin)
        house.apply(address, SetPassword(account.id, hashed, verifiers))


@user.command("quota", help="cli.user-quota-command")
@click.argument("address", type=ADDRESS)
@click.argument("size", type=SIZE)
@pass_app
def quota(app: App, address: str, size: int) -> None:
    """Change a quota."""
    _change(app, address, quota=size)


@user.command("enable", help="cli.user-enable")
@click.argument("address", type=ADDRESS)
@pass_app
def enable(app: App, address: str) -> None:
    """Let an account log in and receive again."""
    _change(app, address, enabled=True)


@user.command("disable", help="cli.user-disable")
@click.argument("address", type=ADDRESS)
@pass_app
def disable(app: App, address: str) -> None:
    """Let an account neither log in nor receive; its mail stays."""
    _change(app, address, enabled=False)


@user.command("remove", help="cli.user-remove")
@click.argument("address", type=ADDRESS)
@option("--yes", is_flag=True, help="cli.assume-yes")
@pass_app
def remove(app: App, address: str, yes: bool) -> None:
    """Remove an account and all its mail."""
    with open_house(app.config()) as house:
        account = house.account(address)
        confirm_removal(account, yes)
        house.apply(address, RemoveAccount(account.id, quarantine_of(house)))


def _secret(house: House, address: str, password: bool, hashed: bool) -> tuple[str, tuple[VerifierRow, ...]]:
    """What to store; a hash from elsewhere gets its verifiers at the first log-in that shows the password."""
    if hashed:
        return ask_hash(), ()
    typed = ask_password(password)
    made = house.password(address, typed)
    weakness = fault(typed, address, password_rules(house.config, address.rpartition("@")[2]))
    if weakness:
        note(Sentence("password.weak", reason=weakness))  # the administrator may; who changes it himself may not
    return made


def _change(app: App, address: str, **changes: Any) -> None:
    with open_house(app.config()) as house:
        house.apply(address, ChangeAccount(house.account(address).id, **changes))


def _row(account: Account) -> dict[str, Any]:
    row = attrs.asdict(account)
    del row["id"]
    return {**row, "flags": flag_names(account.flags)}


for _command in (audit, freed, register, release, set_, unregister):
    user.add_command(_command)
