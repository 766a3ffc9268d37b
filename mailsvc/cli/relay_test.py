"""``mailsvc relay test``: is a running server open? Tries what spammers try, from given addresses, as a stranger without any account."""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
import click

from mailsvc.cli.output import as_json, note, print_json
from mailsvc.cli.params import ADDRESS, DOMAIN
from mailsvc.cli.relay_probes import PROBES
from mailsvc.cli.relay_probing import Target, greeting, make_facts, probe
from mailsvc.cli.words import Command, option, texts
from mailsvc.texts import Sentence

__all__ = ["test"]

_STRANGERS = tuple(one for one in PROBES if one.listener == "smtp" and not one.password)


@click.command("test", cls=Command, help="cli.relay-test")
@option("--server", default="127.0.0.1", show_default=True, metavar="HOST", help="cli.relay-test-server")
@option("--port", type=click.IntRange(1, 65535), default=25, show_default=True, help="cli.relay-test-port")
@option("--from-address", "sources", multiple=True, metavar="IP", help="cli.relay-test-from")
@option("--domain", type=DOMAIN, default=None, help="cli.relay-test-domain")
@option("--recipient", type=ADDRESS, default="relay-test@example.com", show_default=True, help="cli.relay-test-to")
@option("--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="cli.relay-test-timeout")
@as_json
@click.pass_context
def test(
    context: click.Context,
    server: str,
    port: int,
    sources: tuple[str, ...],
    domain: str | None,
    recipient: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Print what was let through. Exit code 1 if anything was."""
    target = Target(host=server, port=port, timeout=timeout)
    tried = list(_tried(target, sources or ("",), domain, recipient))
    taken = [one for one in tried if one["taken"]]
    if as_json:
        print_json(tried)
    for one in () if as_json else taken:
        click.echo(texts().say("relay-test.taken", **one))
    key = "relay-test.open" if taken else "relay-test.closed"
    note(Sentence(key, server=server, port=port, tried=len(tried), taken=len(taken)))
    context.exit(bool(taken))


def _tried(target: Target, sources: Iterable[str], domain: str | None, recipient: str) -> Iterator[dict[str, Any]]:
    """Each probe from each address. Raises OSError if the server cannot be reached."""
    host, ip = greeting(target)
    local = domain or host.partition(".")[2] or host
    facts = make_facts(local, f"postmaster@{local}", host, ip, recipient)
    for source in sources:
        for one in _STRANGERS:
            verdict = probe(attrs.evolve(target, source=source), one, facts)
            yield {"source": source or ip, "probe": one.name, **attrs.asdict(verdict)}
