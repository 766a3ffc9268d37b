"""``mailsvc log``: the log of a running server."""

import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.output import EXIT_NOT_NOW, Refused
from mailsvc.cli.words import Group
from mailsvc.store.connect import OwnerLink
from mailsvc.store.layout import Layout
from mailsvc.texts import Sentence
from mailsvc.wire.options import Protocol

__all__ = ["log"]

_LEVELS = ("debug", "info", "warn", "error")


@click.group(cls=Group, help="cli.log")
def log() -> None:
    """Commands about the log."""


@log.command("level", help="cli.log-level")
@click.argument("protocol", type=click.Choice([protocol.value for protocol in Protocol]))
@click.argument("level", type=click.Choice(_LEVELS))
@pass_app
def level(app: App, protocol: str, level: str) -> None:
    """Change what all processes of the running server log."""
    from mailsvc.app.rooms import LOG_LEVEL  # brings in the whole server, which other commands need not wait for

    config = app.config()
    try:
        with OwnerLink(Layout(str(config.store.path))) as link:
            link.announce(LOG_LEVEL, [protocol, level])
    except OSError:
        raise Refused(Sentence("refused.no-server", file=config.file), EXIT_NOT_NOW) from None
