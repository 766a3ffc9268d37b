"""``mailsvc init``: a directory with configuration, certificate and store."""

import datetime
from ipaddress import ip_address
from pathlib import Path

import click

from mailsvc.app.config import load
from mailsvc.app.config_checks import domain_fault
from mailsvc.app.initial import LAST_OFFSET, Initial, create
from mailsvc.app.presets import PRESETS
from mailsvc.cli.house import open_house
from mailsvc.cli.params import DOMAIN, NETWORK
from mailsvc.cli.words import Command, option, texts
from mailsvc.core.options import Network

__all__ = ["init"]


def _ip(context: click.Context, parameter: click.Parameter, value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise click.BadParameter(texts().say("config.address", value=f'"{value}"'), context, parameter) from None


def _hostname(context: click.Context, parameter: click.Parameter, value: str) -> str:
    fault = domain_fault(value) if value else None
    if fault:
        raise click.BadParameter(texts().say("config.domain-name", value=value, reason=fault), context, parameter)
    return value


@click.command(cls=Command, help="cli.init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@option("--domain", type=DOMAIN, required=True, help="cli.init-domain")
@option("--hostname", default="", metavar="NAME", callback=_hostname, help="cli.init-hostname")
@option("--port-offset", type=click.IntRange(0, LAST_OFFSET), default=0, metavar="N", help="cli.init-port-offset")
@option("--bind", default="127.0.0.1", metavar="ADDRESS", callback=_ip, help="cli.init-bind")
@option("--allow-cleartext", type=NETWORK, multiple=True, metavar="NETWORK", help="cli.init-allow-cleartext")
@option("--preset", type=click.Choice(list(PRESETS)), default="modern", help="cli.init-preset")
def init(
    directory: Path,
    domain: str,
    hostname: str,
    port_offset: int,
    bind: str,
    allow_cleartext: tuple[Network, ...],
    preset: str,
) -> None:
    """Make a mail server's directory."""
    initial = Initial(
        domain=domain,
        hostname=hostname,
        port_offset=port_offset,
        bind=bind,
        cleartext=allow_cleartext,
        preset=preset,
        language=texts().language,
    )
    path = create(directory, initial, datetime.datetime.now(datetime.UTC))
    with open_house(load(path)):
        pass  # makes the store and the domain in it
    click.echo(texts().say("cli.init-done", path=path, domain=domain), err=True)
