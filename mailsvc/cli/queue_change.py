"""``mailsvc queue hold``, ``release``, ``retry``, ``return``, ``remove``, ``reroute`` and ``flush``.

They work beside the scheduler: whatever it settles in the meantime stays settled, and the person is told how many that were. A try that
is under way is not interrupted.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import click

from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Refused, as_json, note, print_json
from mailsvc.cli.queue_choice import Choice, Entry, changing
from mailsvc.cli.words import Command, option, texts
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import ChangeQueued, Operation, Settle
from mailsvc.core.queued import Outcome, QueuedRecipient, State
from mailsvc.core.reports import Action, Told
from mailsvc.delivery.trace import make_queue_ids
from mailsvc.formats.address import canonical_domain
from mailsvc.ledger import record
from mailsvc.queue.journal import events
from mailsvc.queue.reports import Reports, original_of
from mailsvc.store.connect import run
from mailsvc.texts import Sentence

__all__ = ["flush", "hold", "release", "remove", "reroute", "retry", "return_"]

T = TypeVar("T")

_AT_ONCE = 500
"""Recipients in one transaction: others wait for it some milliseconds."""


@click.command("hold", cls=Command, help="cli.queue-hold")
@changing
@as_json
@pass_app
def hold(app: App, choice: Choice, as_json: bool) -> None:
    """Let it wait until it is released."""
    _change(app, choice, State.WAITING, as_json, held=True)


@click.command("release", cls=Command, help="cli.queue-release")
@changing
@as_json
@pass_app
def release(app: App, choice: Choice, as_json: bool) -> None:
    """End the hold; what is due already is tried at once."""
    _change(app, choice, State.HELD, as_json, held=False)


@click.command("retry", cls=Command, help="cli.queue-retry")
@changing
@as_json
@pass_app
def retry(app: App, choice: Choice, as_json: bool) -> None:
    """Try now."""
    _change(app, choice, State.WAITING, as_json, due=int(time.time()))


@click.command("reroute", cls=Command, help="cli.queue-reroute")
@click.argument("destination")
@changing
@as_json
@pass_app
def reroute(app: App, destination: str, choice: Choice, as_json: bool) -> None:
    """Send it by way of another destination, now."""
    target = canonical_domain(destination)
    _change(app, choice, None, as_json, destination=target, due=int(time.time()))


@click.command("flush", cls=Command, help="cli.queue-flush")
@click.argument("destinations", nargs=-1, metavar="[DESTINATION]...")
@option("--all", "everything", is_flag=True, help="cli.queue-all")
@as_json
@pass_app
def flush(app: App, destinations: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Try all that waits for these destinations now; that there is none is no fault."""
    if everything == bool(destinations):
        raise click.UsageError(texts().say("queue.which"))
    with open_house(app.config()) as house:
        if everything:
            ids = [one.id for _, one in Choice().entries(house)]
        else:
            ids = [one for name in destinations for one in run(house.store.queue.bound_for(canonical_domain(name)))]
        done = sum(_apply_change(house, part, due=int(time.time())) for part in _parts(ids))
    _tell(done, 0, as_json)


@click.command("remove", cls=Command, help="cli.queue-remove")
@changing
@option("--yes", is_flag=True, help="cli.assume-yes")
@as_json
@pass_app
def remove(app: App, choice: Choice, yes: bool, as_json: bool) -> None:
    """Forget it, without a word to anybody."""
    with open_house(app.config()) as house:
        entries = _chosen(house, choice)
        _confirm("queue.remove-question", entries, yes)
        _settle_all(house, entries, State.REMOVED, _no_reports, as_json)


@click.command("return", cls=Command, help="cli.queue-return")
@changing
@option("--yes", is_flag=True, help="cli.assume-yes")
@as_json
@pass_app
def return_(app: App, choice: Choice, yes: bool, as_json: bool) -> None:
    """Give it up, and tell the sender."""
    with open_house(app.config()) as house:
        entries = _chosen(house, choice)
        _confirm("queue.return-question", entries, yes)
        _settle_all(house, entries, State.FAILED, _reports(house), as_json)


def _chosen(house: House, choice: Choice, state: State | None = None) -> list[Entry]:
    """What was asked for, in this state only if one is given. Raises Refused if there is nothing."""
    entries = [entry for entry in choice.entries(house) if state is None or entry[1].state is state]
    if not entries:
        raise Refused(Sentence("queue.nothing"))
    return entries


def _confirm(question: str, entries: Sequence[Entry], yes: bool) -> None:
    """Ask before mail is given up, if there is somebody to ask."""
    if not yes and sys.stdin.isatty():
        messages = len({message.queue_id for message, _ in entries})
        click.confirm(texts().say(question, recipients=len(entries), messages=messages), abort=True, err=True)


def _tell(done: int, settled: int, json_wanted: bool) -> None:
    if json_wanted:
        print_json({"changed": done, "settled": settled})
        return
    note(Sentence("queue.changed", count=done))
    if settled:
        note(Sentence("queue.settled", count=settled))


def _parts(things: Iterable[T], size: int = _AT_ONCE) -> Iterator[list[T]]:
    rest = iter(things)
    while part := list(islice(rest, size)):
        yield part


def _change(app: App, choice: Choice, state: State | None, json_wanted: bool, **changes: Any) -> None:
    with open_house(app.config()) as house:
        ids = [one.id for _, one in _chosen(house, choice, state)]
        done = sum(_apply_change(house, part, **changes) for part in _parts(ids))
    _tell(done, len(ids) - done, json_wanted)


def _apply_change(house: House, recipients: Sequence[int], **changes: Any) -> int:
    (done,) = house.apply("queue", ChangeQueued(tuple(recipients), **changes))
    return int(done)


# --- giving up ---

Report = Callable[[Sequence[Entry]], list[Operation]]
"""What to deliver in the transaction that settles these recipients of one message."""


def _settle_all(house: House, entries: Sequence[Entry], state: State, report: Report, json_wanted: bool) -> None:
    messages: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        messages[entry[0].queue_id].append(entry)
    done = sum(_settle(house, part, state, report) for part in _parts(messages.values(), 100))
    _tell(done, len(entries) - done, json_wanted)


def _settle(house: House, messages: Sequence[Sequence[Entry]], state: State, report: Report) -> int:
    """Settle the recipients of messages, those that the scheduler was faster with left out. Returns how many there were."""
    operations: list[Operation] = []
    for entries in messages:
        outcomes = tuple(_outcome(one, state) for _, one in entries)
        rows = events(entries[0][0], [one for _, one in entries], outcomes, time.time())
        operations += [Settle(outcomes), *record(house.config.ledger, rows), *report(entries)]
    try:
        house.store.apply(operations)
    except MailError as error:
        if error.kind is not Kind.NOT_FOUND or error.reason != "settled":
            raise
        if len(messages) > 1:
            return sum(_settle(house, [entries], state, report) for entries in messages)
        still_open = _still_open(house, messages[0])
        return _settle(house, [still_open], state, report) if still_open else 0
    return sum(map(len, messages))


def _still_open(house: House, entries: Sequence[Entry]) -> list[Entry]:
    message, _ = entries[0]
    states = {one.id: one.state for one in run(house.store.queue.recipients(message.queue_id))}
    return [entry for entry in entries if states.get(entry[1].id, State.SENT) < State.SENT]


def _outcome(one: QueuedRecipient, state: State) -> Outcome:
    reply = one.reply if state is State.FAILED and one.reply else "by hand"
    return Outcome(one.id, state, 0, int(time.time()), _final(one.status), reply, one.host, tried=False)


def _final(status: str) -> str:
    """The permanent form of the last status (RFC 3463 2: the class alone says that it is final)."""
    return f"5{status[1:]}" if status.startswith("4.") else "5.0.0"


def _no_reports(entries: Sequence[Entry]) -> list[Operation]:
    return []


def _reports(house: House) -> Report:
    bodies = house.store.bodies
    within = partial(record, house.config.ledger)
    reports = Reports(bodies, house.directory, house.config.hostname, make_queue_ids(time.time), within=within)

    def report(entries: Sequence[Entry]) -> list[Operation]:
        told = [_told(one) for _, one in entries]
        return run(reports.report(original_of(entries[0][0], bodies), told))

    return report


def _told(one: QueuedRecipient) -> Told:
    reply = one.reply or "given up by the administrator"
    status = _final(one.status)
    return Told(one.address, Action.FAILED, status, one.notify, one.orcpt, reply, one.host, one.at)
