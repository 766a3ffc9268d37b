"""``mailsvc throttle``: who is blocked for guessing passwords."""

import datetime
import secrets
from ipaddress import ip_address
from typing import Any

import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.output import EXIT_NOT_NOW, Column, Refused, as_json, print_record, print_table
from mailsvc.cli.params import ADDRESS
from mailsvc.cli.words import Group, texts
from mailsvc.core.errors import MailError
from mailsvc.store.connect import OwnerLink
from mailsvc.store.layout import Layout
from mailsvc.texts import Sentence

__all__ = ["throttle"]

_BLOCKS = (Column("kind", "column.kind"), Column("name", "column.blocked"), Column("until", "column.until"))
_VERDICT = (
    Column("until", "throttle.until"),
    Column("delay", "throttle.delay"),
    Column("known", "throttle.known"),
    Column("never", "throttle.never"),
)
_PATIENCE = 5.0


@click.group(cls=Group, help="cli.throttle")
def throttle() -> None:
    """Commands about guessing."""


@throttle.command("list", help="cli.throttle-list")
@as_json
@pass_app
def list_(app: App, as_json: bool) -> None:
    """Print the blocks."""
    rows = [{"kind": kind, "name": name, "until": _date(until)} for kind, name, until in _ask(app, "list")]
    print_table(_BLOCKS, rows, as_json)


@throttle.command("clear", help="cli.throttle-clear")
@click.argument("name", required=False, default="")
@pass_app
def clear(app: App, name: str) -> None:
    """End blocks and forget failures."""
    from mailsvc.auth.guard import CLEAR  # brings in Twisted, which other commands need not wait for

    with _link(app) as link:
        link.announce(CLEAR, name)


@throttle.command("test", help="cli.throttle-test")
@click.argument("client")
@click.argument("account", type=ADDRESS, required=False, default=None)
@as_json
@pass_app
def test(app: App, client: str, account: str | None, as_json: bool) -> None:
    """Print what would become of a log-in."""
    try:
        address = str(ip_address(client))
    except ValueError:
        raise click.BadParameter(texts().say("config.address", value=f'"{client}"')) from None
    until, delay, known, never = _ask(app, "test", address, account or "")
    print_record(_VERDICT, {"until": _date(until), "delay": round(delay, 1), "known": known, "never": never}, as_json)


def _ask(app: App, what: str, *arguments: str) -> Any:
    """The answer of the running server. Raises Refused if there is none."""
    from mailsvc.app.throttle_desk import ASK, TELL

    number = secrets.token_hex(8)
    try:
        with _link(app) as link:
            link.announce(ASK, [number, what, list(arguments)])
            return link.announced(TELL, lambda payload: payload[0] == number)[1]
    except (OSError, MailError):
        raise _no_server(app) from None


def _link(app: App) -> OwnerLink:
    try:
        return OwnerLink(Layout(str(app.config().store.path)), _PATIENCE)
    except OSError:
        raise _no_server(app) from None


def _no_server(app: App) -> Refused:
    return Refused(Sentence("refused.no-server", file=app.config().file), EXIT_NOT_NOW)


def _date(seconds: float) -> str:
    if not seconds:
        return ""
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
