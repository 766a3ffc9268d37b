"""``mailsvc config``: the sample file and the manual."""

import click

from mailsvc.app.initial import sample as sample_text
from mailsvc.app.sample import manual as manual_text
from mailsvc.app.sample import summary
from mailsvc.cli.words import Group, option, texts
from mailsvc.texts import LANGUAGES

__all__ = ["config"]


class _WithKeys(Group):
    """Ends its help with all keys of the configuration."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All keys and what they do."""
        with formatter.section(texts().say("cli.config-keys")):
            formatter.write_dl(summary(texts().language))


@click.group(cls=_WithKeys, help="cli.config-group")
def config() -> None:
    """Commands about the configuration file in general."""


_lang = option("--lang", type=click.Choice(LANGUAGES), help="cli.config-lang")


@config.command(help="cli.config-sample")
@_lang
def sample(lang: str | None) -> None:
    """Print the commented sample."""
    click.echo(sample_text(lang or texts().language), nl=False)


@config.command(help="cli.config-manual")
@_lang
def manual(lang: str | None) -> None:
    """Print the manual."""
    click.echo(manual_text(lang or texts().language), nl=False)
