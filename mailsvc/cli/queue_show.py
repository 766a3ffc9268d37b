"""``mailsvc queue list``, ``show`` and ``stats``: what waits, for whom, since when, why, and when next."""

import datetime
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Column, Refused, as_json, print_json, print_record, print_table
from mailsvc.cli.queue_choice import Choice, Entry, choosing
from mailsvc.cli.words import Command, option, texts
from mailsvc.core.queued import Attempt, Notify, QueuedMessage, QueuedRecipient, State
from mailsvc.store.connect import run
from mailsvc.texts import Sentence

__all__ = ["list_", "show", "stats"]

_LIST = (
    Column("queue_id", "queue.id"),
    Column("arrived", "queue.arrived"),
    Column("sender", "queue.sender"),
    Column("recipient", "queue.recipient"),
    Column("destination", "queue.destination"),
    Column("state", "queue.state"),
    Column("attempts", "queue.attempts", right=True),
    Column("next", "queue.next"),
    Column("reason", "queue.reason"),
)
_MESSAGE = (
    Column("queue_id", "queue.id"),
    Column("sender", "queue.sender"),
    Column("account", "column.address"),
    Column("arrived", "queue.arrived"),
    Column("size", "column.octets"),
    Column("body", "queue.body"),
    Column("utf8", "queue.utf8"),
    Column("ret", "queue.ret"),
    Column("envid", "queue.envid"),
)
_RECIPIENT = (
    Column("recipient", "queue.recipient"),
    Column("destination", "queue.destination"),
    Column("state", "queue.state"),
    Column("attempts", "queue.attempts", right=True),
    Column("next", "queue.next"),
    Column("notify", "queue.notify"),
    Column("orcpt", "queue.orcpt"),
    Column("reason", "queue.reason"),
)
_ATTEMPT = (
    Column("at", "queue.at"),
    Column("recipient", "queue.recipient"),
    Column("host", "queue.host"),
    Column("tls", "queue.tls"),
    Column("status", "queue.status"),
    Column("reply", "queue.reply"),
)
_AGES = (5, 10, 20, 40, 80, 160, 320, 640, 1280)  # minutes, as Postfix's qshape has them
_READ = 1024 * 1024


@click.command("list", cls=Command, help="cli.queue-list")
@choosing
@as_json
@pass_app
def list_(app: App, choice: Choice, as_json: bool) -> None:
    """Print what waits, a line for each recipient."""
    with open_house(app.config()) as house:
        rows = [_line(message, recipient) for message, recipient in choice.entries(house)]
    print_table(_LIST, rows, as_json)


@click.command("show", cls=Command, help="cli.queue-show")
@click.argument("queue_id", metavar="QUEUE-ID")
@option("--header", is_flag=True, help="cli.queue-header")
@option("--body", is_flag=True, help="cli.queue-body")
@as_json
@pass_app
def show(app: App, queue_id: str, header: bool, body: bool, as_json: bool) -> None:
    """Print the envelope and every attempt, or what is sent."""
    with open_house(app.config()) as house:
        message = run(house.store.queue.message(queue_id))
        if message is None:
            raise Refused(Sentence("queue.gone", name=queue_id))
        if header or body:
            for part in _octets(house, message, whole=body):
                click.echo(_harmless(part), nl=False)
            return
        recipients = run(house.store.queue.recipients(queue_id))
        attempts = run(house.store.queue.attempts(queue_id))
        envelope = _envelope(house, message)
    _print(envelope, recipients, attempts, as_json)


def _print(envelope: dict[str, Any], recipients: list[QueuedRecipient], attempts: list[Attempt], as_json: bool) -> None:
    addresses = {one.id: one.address for one in recipients}
    tried = [_try(addresses[one.recipient], one) for one in attempts]
    rows = [_recipient(one) for one in recipients]
    if as_json:
        print_json({**envelope, "recipients": rows, "tries": tried})
        return
    print_record(_MESSAGE, envelope)
    click.echo()
    print_table(_RECIPIENT, rows)
    if tried:
        click.echo()
        print_table(_ATTEMPT, tried)


@click.command("stats", cls=Command, help="cli.queue-stats")
@option("--by", type=click.Choice(["destination", "sender", "reason"]), default="destination", help="cli.queue-by")
@choosing
@as_json
@pass_app
def stats(app: App, by: str, choice: Choice, as_json: bool) -> None:
    """Print how many recipients wait, by age."""
    with open_house(app.config()) as house:
        counted = _count(choice.entries(house), _GROUPS[by], time.time())
    if as_json:
        groups = [{"name": name, "total": sum(ages), "ages": ages} for name, ages in counted]
        print_json({"minutes": _AGES, "groups": groups})
        return
    columns = (Column("name", _HEADINGS[by]), Column("total", "queue.total", right=True), *_age_columns())
    total = [sum(ages) for ages in zip(*(ages for _, ages in counted), strict=True)] or [0] * (len(_AGES) + 1)
    everything = (texts().say("queue.everything"), total)
    print_table(columns, [_ages(name, ages) for name, ages in (everything, *counted)])


_GROUPS: dict[str, Callable[[Entry], str]] = {
    "destination": lambda entry: entry[1].destination,
    "sender": lambda entry: entry[0].sender or "<>",
    "reason": lambda entry: _reason(entry[1]),
}
_HEADINGS = {"destination": "queue.destination", "sender": "queue.sender", "reason": "queue.reason"}


def _count(entries: Iterable[Entry], group: Callable[[Entry], str], now: float) -> list[tuple[str, list[int]]]:
    """For each group how many are how old: up to so many minutes each, and older ones. The largest group comes first."""
    counts: dict[str, list[int]] = {}
    for entry in entries:
        minutes = (now - entry[0].arrived) / 60
        ages = counts.setdefault(group(entry), [0] * (len(_AGES) + 1))
        ages[next((at for at, limit in enumerate(_AGES) if minutes < limit), len(_AGES))] += 1
    return sorted(counts.items(), key=lambda item: (-sum(item[1]), item[0]))


def _age_columns() -> Iterator[Column]:
    for at, minutes in enumerate(_AGES):
        yield Column(str(at), Sentence("queue.up-to", minutes=minutes), right=True)
    yield Column(str(len(_AGES)), Sentence("queue.over", minutes=_AGES[-1]), right=True)


def _ages(name: str, ages: list[int]) -> dict[str, Any]:
    return {"name": name, "total": sum(ages), **{str(at): number for at, number in enumerate(ages)}}


def _line(message: QueuedMessage, recipient: QueuedRecipient) -> dict[str, Any]:
    return {
        "queue_id": message.queue_id,
        "arrived": _date(message.arrived),
        "sender": f"<{message.sender}>",
        "size": message.size,
        **_recipient(recipient),
    }


def _recipient(one: QueuedRecipient) -> dict[str, Any]:
    return {
        "recipient": one.address,
        "destination": one.destination,
        "state": one.state.name.lower(),
        "attempts": one.attempts,
        "next": _date(one.due) if one.state is State.WAITING else "",
        "last": _date(one.at),
        "host": one.host,
        "reason": _reason(one),
        "notify": [flag.name.lower() for flag in Notify(one.notify) if flag.name],
        "orcpt": one.orcpt,
    }


def _envelope(house: House, message: QueuedMessage) -> dict[str, Any]:
    account = run(house.directory.account(message.account)) if message.account else None
    return {
        "queue_id": message.queue_id,
        "sender": f"<{message.sender}>",
        "account": account.address if account else "",
        "arrived": _date(message.arrived),
        "size": message.size,
        "body": message.body,
        "utf8": message.utf8,
        "ret": message.ret,
        "envid": message.envid,
    }


def _try(recipient: str, attempt: Attempt) -> dict[str, Any]:
    return {
        "at": _date(attempt.at),
        "recipient": recipient,
        "state": attempt.state.name.lower(),
        "host": attempt.host,
        "tls": attempt.tls,
        "status": attempt.status,
        "reply": attempt.reply,
    }


def _reason(one: QueuedRecipient) -> str:
    return f"{one.status} {one.reply}".strip()


def _octets(house: House, message: QueuedMessage, whole: bool) -> Iterator[bytes]:
    """What is sent, or only its header."""
    if not whole:
        (header,) = run(house.store.bodies.get_headers([message.content]))
        yield (header or b"")[message.skip :]
        return
    for offset in range(message.skip, message.size, _READ):
        yield run(house.store.bodies.get(message.content, offset, _READ))


def _harmless(part: bytes) -> bytes | str:
    """The octets as they are for a file or a program; on a terminal a stranger's control characters do nothing."""
    if not sys.stdout.isatty():
        return part
    text = part.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def _date(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds") if seconds else ""
