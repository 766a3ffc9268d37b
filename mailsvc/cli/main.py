"""The command itself: its common options, its commands, and the translation of errors into sentences and exit codes."""

from pathlib import Path
from typing import Any

import click

from mailsvc import __version__
from mailsvc.app.config import ConfigError
from mailsvc.app.initial import CannotCreate
from mailsvc.cli.alias import alias
from mailsvc.cli.check import check
from mailsvc.cli.config import config
from mailsvc.cli.context import App
from mailsvc.cli.device import device
from mailsvc.cli.domain import domain
from mailsvc.cli.init import init
from mailsvc.cli.keys import keys
from mailsvc.cli.log import log
from mailsvc.cli.output import EXIT_CONFIG, EXIT_NOT_NOW, Refused, note
from mailsvc.cli.queue import queue
from mailsvc.cli.quickstart import quickstart
from mailsvc.cli.relay import relay
from mailsvc.cli.relay_test import test as relay_test
from mailsvc.cli.store import backup, restore, store
from mailsvc.cli.throttle import throttle
from mailsvc.cli.trace import trace
from mailsvc.cli.user import user
from mailsvc.cli.words import Group, option, set_language, texts
from mailsvc.core.errors import MailError
from mailsvc.texts import LANGUAGES, Sentence

__all__ = ["cli", "main"]


class _Root(Group):
    """Turns what can go wrong into :class:`Refused`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            note(Sentence("config.heading", count=len(error.problems)))
            click.echo(error.say(texts()), err=True)
            ctx.exit(EXIT_CONFIG)
        except CannotCreate as error:
            raise Refused(error.sentence) from None
        except MailError as error:
            code = EXIT_NOT_NOW if error.temporary else 1
            raise Refused(Sentence("refused.other", error=error), code) from None
        except BrokenPipeError:
            raise  # click knows what to do
        except OSError as error:
            facts = {"name": error.filename or "", "reason": error.strerror or str(error)}
            raise Refused(Sentence("refused.system", **facts)) from None


@click.group(cls=_Root, help="cli.mailsvc", context_settings={"help_option_names": ["-h", "--help"]})
@option("-c", "--config", "file", type=click.Path(path_type=Path), metavar="FILE", help="cli.config")
@option(
    "--lang",
    type=click.Choice(LANGUAGES),
    callback=set_language,
    expose_value=False,
    is_eager=True,
    help="cli.lang",
)
@click.version_option(__version__, message="mailsvc %(version)s")
@click.pass_context
def cli(ctx: click.Context, file: Path | None) -> None:
    """The root of all commands."""
    ctx.obj = App(file)


for _command in (
    alias,
    backup,
    check,
    config,
    device,
    domain,
    init,
    keys,
    log,
    queue,
    quickstart,
    relay,
    restore,
    store,
    throttle,
    trace,
    user,
):
    cli.add_command(_command)
relay.add_command(relay_test)


def main() -> None:
    """Entry point of the ``mailsvc`` script."""
    cli(prog_name="mailsvc")
