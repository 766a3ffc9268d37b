"""``mailsvc device``: a password for each device, revocable alone."""

import datetime
import secrets
import time
from typing import Any

import click

from mailsvc.auth.device_passwords import generate
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.keys import current_key
from mailsvc.cli.output import Column, Refused, as_json, note, print_table
from mailsvc.cli.params import ADDRESS, DURATION
from mailsvc.cli.words import Group, option
from mailsvc.core.operations import AddDevice, RemoveDevice
from mailsvc.core.secrets import Device, Scope
from mailsvc.texts import Sentence

__all__ = ["device"]

_SCOPES = {"send": Scope.SEND, "pop3": Scope.POP3, "imap": Scope.IMAP, "dav": Scope.DAV}

_COLUMNS = (
    Column("account", "column.address"),
    Column("name", "column.device"),
    Column("scopes", "column.scopes"),
    Column("readable", "column.readable"),
    Column("created", "column.created"),
    Column("expires", "column.expires"),
    Column("used", "column.used"),
    Column("address", "column.used-from"),
)


@click.group(cls=Group, help="cli.device")
def device() -> None:
    """Commands about device passwords."""


@device.command("add", help="cli.device-add")
@click.argument("address", type=ADDRESS)
@click.argument("name")
@option("--scope", "scopes", type=click.Choice(list(_SCOPES)), multiple=True, help="cli.device-scope")
@option("--expires", type=DURATION, default=0, metavar="TIME", help="cli.device-expires")
@option("--readable", is_flag=True, help="cli.device-readable")
@pass_app
def add(app: App, address: str, name: str, scopes: tuple[str, ...], expires: int, readable: bool) -> None:
    """Make a device password and show it, this once."""
    config = app.config()
    key = current_key(config)
    if not name.strip() or not name.isprintable() or len(name) > 64:
        raise Refused(Sentence("refused.device-name"))
    password, number = generate(), secrets.randbits(62) | 1
    with open_house(config) as house:
        account = house.account(address)
        operation = AddDevice(
            account=account.id,
            device=number,
            name=name,
            scopes=sum(_SCOPES[scope] for scope in set(scopes)) or Scope.ALL.value,
            expires=int(time.time()) + expires if expires else 0,
            key=key.id,
            mac=key.mac(password.encode("ascii")),
            sealed=key.seal(password.encode("ascii"), account.id, number) if readable else None,
            verifiers=house.verifiers(account.address, password),
        )
        house.apply(name, operation)
    note(Sentence("device.shown-once", name=name, address=address))
    click.echo(password)


@device.command("list", help="cli.device-list")
@click.argument("address", type=ADDRESS, required=False, default=None)
@as_json
@pass_app
def list_(app: App, address: str | None, as_json: bool) -> None:
    """Print device passwords, without the passwords."""
    with open_house(app.config()) as house:
        names = {one.id: one.address for one in house.read(house.directory.accounts())}
        found = _devices(house, address) if address else house.read(house.secrets.all_devices())
    print_table(_COLUMNS, [_row(one, names.get(one.account, "")) for one in found], as_json)


@device.command("revoke", help="cli.device-revoke")
@click.argument("address", type=ADDRESS)
@click.argument("name")
@pass_app
def revoke(app: App, address: str, name: str) -> None:
    """Make a device password worthless."""
    with open_house(app.config()) as house:
        found = [one for one in _devices(house, address) if one.name == name]
        if not found:
            raise Refused(Sentence("refused.not-found", name=name))
        house.apply(name, RemoveDevice(found[0].account, found[0].id))


def _devices(house: House, address: str) -> list[Device]:
    return house.read(house.secrets.devices(house.account(address).id))


def _row(one: Device, account: str) -> dict[str, Any]:
    return {
        "account": account,
        "name": one.name,
        "scopes": [name for name, scope in _SCOPES.items() if scope & one.scopes],
        "readable": one.sealed is not None,
        "created": _time(one.created),
        "expires": _time(one.expires),
        "used": _time(one.used),
        "address": one.address,
    }


def _time(seconds: int) -> str:
    """In UTC; ``""`` for never."""
    if not seconds:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
