"""``mailsvc trace``: the whole story of a message, from the ledger. Works beside a running server and without one."""

import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import attrs
import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import open_house
from mailsvc.cli.output import as_json, note, print_json
from mailsvc.cli.params import ADDRESS, DURATION
from mailsvc.cli.times import moments
from mailsvc.cli.words import Command, option, texts
from mailsvc.core.ledger import Event, Query
from mailsvc.ledger.finding import find, whole
from mailsvc.ledger.story import tell
from mailsvc.texts import Sentence

__all__ = ["trace"]


@click.command("trace", cls=Command, help="cli.trace")
@click.argument("what")
@option("--since", type=DURATION, default=None, help="cli.trace-since")
@option("--limit", type=click.IntRange(1), default=100, show_default=True, help="cli.trace-limit")
@option("--as", "reader", type=ADDRESS, default=None, help="cli.trace-as")
@as_json
@click.pass_context
@pass_app
def trace(
    app: App, context: click.Context, what: str, since: int | None, limit: int, reader: str | None, as_json: bool
) -> None:
    """Print all that is known, the oldest first. Exit code 1 if there is nothing."""
    with open_house(app.config()) as house:
        account = house.account(reader).id if reader else 0
        begin = time.time() - since if since is not None else 0
        query = Query(text=what, account_id=account, since=begin, most=limit)
        ask = partial(find, house.store.connection())
        found = whole(ask, query) or ask(_by_client(query))
    if as_json:
        print_json([_plain(event) for event in reversed(found)])
    elif not found:
        note(Sentence("trace.nothing", what=what))
    when = moments(event.at for event in found)
    for event in () if as_json else reversed(found):
        first, *further = (texts().tell(sentence) for sentence in tell(event, when))
        click.echo("\n".join([first, *(f"    {line}" for line in further)]))
    context.exit(not found)


def _by_client(query: Query) -> Query:
    """The same about what a client at an IP address did."""
    return attrs.evolve(query, text="", address=query.text)


def _plain(event: Event) -> Mapping[str, Any]:
    """For programs: times as ISO 8601, pairs as objects, nothing that is empty."""
    found: dict[str, Any] = attrs.asdict(event, value_serializer=_value)
    return {key: value for key, value in found.items() if value not in ("", 0, None, [], {})}


def _value(instance: Any, field: "attrs.Attribute[Any] | None", value: Any) -> Any:
    if field is None:
        return value
    if field.name == "evidence":
        return dict(value)
    if field.name == "what":
        return value.value
    if field.name in ("at", "expiry") and value:
        return datetime.fromtimestamp(value).astimezone().isoformat()
    return value
