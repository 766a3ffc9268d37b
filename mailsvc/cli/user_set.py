"""``mailsvc user set``: what an account may do, and what it tells about its owner."""

from collections.abc import Callable
from typing import Any

import attrs
import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.params import ADDRESS
from mailsvc.cli.words import Command, option
from mailsvc.core.operations import ChangeAccount, Operation, SetProfile
from mailsvc.core.values import NO_FLAGS, AccountFlag

__all__ = ["flag_names", "set_"]


@attrs.frozen
class _Switch:
    """A flag under the name of its option. ``forbids``: the flag is set when the option is off. ``opposite``: set when it is off."""

    name: str
    flag: AccountFlag
    forbids: bool
    help: str
    opposite: AccountFlag = NO_FLAGS


_SWITCHES = (
    _Switch("pop3", AccountFlag.NO_POP3, True, "cli.user-set-pop3"),
    _Switch("imap", AccountFlag.NO_IMAP, True, "cli.user-set-imap"),
    _Switch("send", AccountFlag.NO_SEND, True, "cli.user-set-send"),
    _Switch("web", AccountFlag.NO_WEB, True, "cli.user-set-web"),
    _Switch("password-change", AccountFlag.NO_PASSWORD_CHANGE, True, "cli.user-set-password-change"),
    _Switch("profile-change", AccountFlag.NO_PROFILE_CHANGE, True, "cli.user-set-profile-change"),
    _Switch(
        "pop-before-smtp",
        AccountFlag.POP_BEFORE_SMTP,
        False,
        "cli.user-set-pop-before-smtp",
        AccountFlag.NO_POP_BEFORE_SMTP,
    ),
    _Switch("shared", AccountFlag.SHARED, False, "cli.user-set-shared"),
    _Switch("hidden", AccountFlag.HIDDEN, False, "cli.user-set-hidden"),
    _Switch("host-admin", AccountFlag.HOST_ADMIN, False, "cli.user-set-host-admin"),
    _Switch("list-admin", AccountFlag.LIST_ADMIN, False, "cli.user-set-list-admin"),
    _Switch("system-admin", AccountFlag.SYSTEM_ADMIN, False, "cli.user-set-system-admin"),
)

_PROFILE = {
    "name": "cli.user-set-name",
    "organisation": "cli.user-set-organisation",
    "telephone": "cli.user-set-telephone",
    "reply-to": "cli.user-set-reply-to",
}


def flag_names(flags: AccountFlag) -> tuple[str, ...]:
    """Flags in the words of this command."""
    found = [f"no-{one.name}" if one.forbids else one.name for one in _SWITCHES if flags & one.flag]
    return (*found, *(f"no-{one.name}" for one in _SWITCHES if flags & one.opposite))


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for name, key in reversed(_PROFILE.items()):
        command = option(f"--{name}", metavar="TEXT", help=key)(command)
    for one in reversed(_SWITCHES):
        command = option(f"--{one.name}/--no-{one.name}", default=None, help=one.help)(command)
    return command


@click.command("set", cls=Command, help="cli.user-set")
@click.argument("address", type=ADDRESS)
@_options
@pass_app
def set_(app: App, /, address: str, **given: Any) -> None:
    """Change what is given; open sessions that are not allowed any more end."""
    on, off = NO_FLAGS, NO_FLAGS
    for one in _SWITCHES:
        wanted = given[one.name.replace("-", "_")]
        if wanted is not None:
            gained, lost = (one.flag, one.opposite) if wanted is not one.forbids else (one.opposite, one.flag)
            on, off = on | gained, off | lost
    told = {name: given[name] for name in (key.replace("-", "_") for key in _PROFILE) if given[name] is not None}
    with open_house(app.config()) as house:
        account = house.account(address)
        changes: list[Operation] = [ChangeAccount(account.id, set_flags=int(on), clear_flags=int(off))]
        if told:
            profile = attrs.evolve(house.read(house.directory.profile(account.id)), **told)
            changes.append(SetProfile(account.id, *attrs.astuple(profile)))
        house.apply(address, *changes)
