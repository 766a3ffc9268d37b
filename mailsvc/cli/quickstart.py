"""``mailsvc quickstart``: a mail server to try, in the foreground, with everything on the screen that a client has to know."""

import datetime
import shlex
from collections.abc import Iterator, Sequence
from email.header import Header
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.table import Table

from mailsvc.app.config import Config, load
from mailsvc.app.initial import CONFIG_NAME, create
from mailsvc.app.quickstart import Demonstration, initial, remember, serve, start, taken
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Refused, plain_console
from mailsvc.cli.words import Command, texts
from mailsvc.core.operations import AddAccount
from mailsvc.net.certificates import Facts
from mailsvc.texts import Sentence
from mailsvc.wire.options import Protocol, TLSMode

__all__ = ["quickstart"]

_SERVICES = {
    Protocol.SMTP: "quickstart.incoming",
    Protocol.SUBMISSION: "quickstart.sending",
    Protocol.LMTP: "quickstart.lmtp",
    Protocol.POP3: "quickstart.reading",
    Protocol.IMAP: "quickstart.imap",
    Protocol.POPPASSD: "quickstart.poppassd",
}
_SECURITY = {
    TLSMode.NONE: "quickstart.none",
    TLSMode.STARTTLS: "quickstart.starttls",
    TLSMode.IMPLICIT: "quickstart.implicit",
}


@click.command(cls=Command, help="cli.quickstart")
@click.argument(
    "directory", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default="mailsvc-quickstart"
)
def quickstart(directory: Path) -> None:
    """Serve from ``directory``."""
    config = _prepare(directory)
    accounts = remember(directory)
    with open_house(config) as house:
        for account in accounts:
            _ensure(house, account)
    if busy := taken(config):
        ports = ", ".join(map(str, busy))
        raise Refused(Sentence("quickstart.taken", ports=ports, file=config.file))
    try:
        start(config)
    except ValueError as error:
        raise Refused(Sentence("refused.other", error=error)) from None
    _print_all(config, accounts)
    serve()


def _prepare(directory: Path) -> Config:
    """The configuration of the directory, made if it is missing."""
    path = directory / CONFIG_NAME
    if not path.exists():
        create(directory, initial(texts().language), datetime.datetime.now(datetime.UTC))
    return load(path)


def _ensure(house: House, account: Demonstration) -> None:
    if house.read(house.directory.find_account(account.address)) is None:
        hashed, verifiers = house.password(account.address, account.password)
        house.apply(account.address, AddAccount(account.address, "", hashed, verifiers=verifiers))


# --- the screen ---


def _print_all(config: Config, accounts: Sequence[Demonstration]) -> None:
    console = plain_console()
    say = texts().say
    console.print(say("quickstart.heading", domain=config.domains[0].name, file=config.file))
    console.print(_accounts(accounts))
    console.print(_settings(config))
    if config.tls.certificate:
        fingerprint = Facts.read(config.tls.certificate).fingerprint
        console.print(say("quickstart.fingerprint", fingerprint=fingerprint))
    for line in _ready_lines(config, accounts):
        console.print(line)
    if any(route.hold and "*" in route.domains for route in config.routes):
        console.print("\n" + say("quickstart.outside"))
    console.print("\n" + say("quickstart.ending", file=shlex.quote(str(config.file))))


def _accounts(accounts: Sequence[Demonstration]) -> Table:
    table = Table(texts().say("column.address"), texts().say("quickstart.password"), box=SIMPLE)
    for account in accounts:
        table.add_row(account.address, account.password)
    return table


def _settings(config: Config) -> Table:
    headings = ("quickstart.service", "quickstart.server", "quickstart.port", "quickstart.security")
    table = Table(*map(texts().say, headings), box=SIMPLE)
    for listener in config.listeners:
        name, security = texts().say(_SERVICES[listener.protocol]), texts().say(_SECURITY[listener.tls])
        table.add_row(name, _client_name(listener.address), str(listener.port or ""), security)
    return table


def _client_name(address: str) -> str:
    """What a client on this machine should call the server: a name of the certificate."""
    return "localhost" if address in ("127.0.0.1", "::1", "::", "0.0.0.0") else address


def _ready_lines(config: Config, accounts: Sequence[Demonstration]) -> Iterator[str]:
    """Commands to paste: one sends a Japanese message with an attachment, one reads it."""
    ports = {one.protocol: one.port for one in config.listeners if one.tls is TLSMode.STARTTLS}
    certificate = str(config.tls.certificate)
    if Protocol.SUBMISSION in ports:
        yield "\n" + texts().say("quickstart.send")
        yield "  " + shlex.join(_curl_send(ports[Protocol.SUBMISSION], certificate, *accounts))
        yield "  " + shlex.join(_swaks_send(ports[Protocol.SUBMISSION], *accounts))
    if Protocol.POP3 in ports:
        yield "\n" + texts().say("quickstart.read")
        yield "  " + shlex.join(_curl_read(ports[Protocol.POP3], certificate, accounts[1]))
    if Protocol.IMAP in ports:
        yield "  " + shlex.join(_curl_imap(ports[Protocol.IMAP], certificate, accounts[1]))


def _curl(certificate: str, account: Demonstration, url: str) -> list[str]:
    login = f"{account.address}:{account.password}"
    return ["curl", "-sS", "--ssl-reqd", "--cacert", certificate, "--user", login, url]


def _curl_send(port: int, certificate: str, sender: Demonstration, recipient: Demonstration) -> list[str]:
    return [
        *_curl(certificate, sender, f"smtp://localhost:{port}"),
        *("--mail-from", sender.address, "--mail-rcpt", recipient.address),
        *("-H", f"From: {sender.address}", "-H", f"To: {recipient.address}"),
        *("-H", f"Subject: {Header('こんにちは', 'utf-8').encode()}"),
        *("-F", "=はじめまして。;type=text/plain;charset=UTF-8;encoder=base64"),
        *("-F", f"file=@{certificate};encoder=base64"),
    ]


def _curl_read(port: int, certificate: str, account: Demonstration) -> list[str]:
    return _curl(certificate, account, f"pop3://localhost:{port}/1")


def _curl_imap(port: int, certificate: str, account: Demonstration) -> list[str]:
    return _curl(certificate, account, f"imap://localhost:{port}/INBOX;MAILINDEX=1")


def _swaks_send(port: int, sender: Demonstration, recipient: Demonstration) -> list[str]:
    return [
        *("swaks", "--server", f"localhost:{port}", "--tls", "--auth", "PLAIN"),
        *("--auth-user", sender.address, "--auth-password", sender.password),
        *("--from", sender.address, "--to", recipient.address),
    ]
