"""``mailsvc relay``: who may send mail to other servers, and why. Works beside a running server and without one."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import Any

import attrs
import click

from mailsvc.app.permits import relay_rules
from mailsvc.auth.relay_addresses import network_of, networks_of
from mailsvc.auth.relay_desk import Asked, RelayDesk
from mailsvc.auth.relay_explain import Situation, explain
from mailsvc.auth.relay_past import GrantsAt
from mailsvc.auth.relay_rules import PopBeforeSmtp, Rule
from mailsvc.cli.context import App, pass_app
from mailsvc.cli.house import House, open_house
from mailsvc.cli.output import Column, Refused, as_json, note, print_json, print_table
from mailsvc.cli.params import ADDRESS, DURATION
from mailsvc.cli.times import moment, moments
from mailsvc.cli.words import Group, option, texts
from mailsvc.core.clocks import Clocks, system_clocks
from mailsvc.core.ledger import Event, Query
from mailsvc.core.operations import EndGrants, ProveGrant
from mailsvc.core.relay import Grant, RelayDecision, account_subject
from mailsvc.core.secrets import BY_HAND
from mailsvc.core.values import Peer
from mailsvc.directory import Grants
from mailsvc.formats.address import Address, canonical_domain
from mailsvc.ledger.finding import find
from mailsvc.ledger.story import tell
from mailsvc.queue.options import find_relay_domain
from mailsvc.texts import Sentence

__all__ = ["relay"]

HOUR = 3600

RECENT = 600
"""Seconds for which ``explain`` looks back into the ledger if it is asked about now."""

MOST_RECORDED = 10


class _IP(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An IP address, in its usual form."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """An IPv4-mapped one as IPv4."""
        try:
            ip = ip_address(value)
        except ValueError:
            self.fail(texts().say("config.address", value=f'"{value}"'), param, ctx)
        return str(getattr(ip, "ipv4_mapped", None) or ip)


class _Time(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A local time: ``14:02`` (today), ``2026-11-22 14:02``, or with seconds. Without them the minute's last one, if it has come."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds since the epoch."""
        if isinstance(value, int):
            return value
        text = value if "-" in value else f"{datetime.now().astimezone().date()} {value}"
        try:
            seconds = int(datetime.fromisoformat(text).astimezone().timestamp())
            return seconds if text.count(":") > 1 else min(seconds + 59, max(seconds, system_clocks().now))
        except ValueError:
            self.fail(texts().say("cli.relay-time", value=value), param, ctx)


_GRANTS = (
    Column("id", "column.id"),
    Column("network", "column.network"),
    Column("account", "column.account"),
    Column("protocol", "column.protocol"),
    Column("mechanism", "column.mechanism"),
    Column("tls", "column.tls"),
    Column("first", "column.first"),
    Column("last", "column.last"),
    Column("expiry", "column.until"),
)
_RULES = (
    Column("name", "column.rule"),
    Column("kind", "column.kind"),
    Column("networks", "column.networks"),
    Column("sender", "column.sender"),
    Column("window", "column.window"),
)


@click.group("relay", cls=Group, help="cli.relay")
def relay() -> None:
    """Commands of the relay decision."""


@relay.command("status", help="cli.relay-status")
@as_json
@pass_app
def status(app: App, as_json: bool) -> None:
    """Print the rules and the grants that live."""
    config = app.config()
    rules = [_rule_row(rule) for rule in relay_rules(config)]
    with open_house(config) as house:
        clocks = system_clocks()
        grants = [_grant_row(house, grant) for grant in _living(house, clocks)]
    if as_json:
        print_json({"rules": rules, "grants": grants})
        return
    print_table(_RULES, rules)
    if grants:
        click.echo()
        print_table(_GRANTS, grants)
    else:
        note(Sentence("cli.relay-no-grants"))


def _living(house: House, clocks: Clocks) -> list[Grant]:
    found = house.read(Grants(house.store.connection).find(since=clocks.now))
    steady = clocks.steady()
    return [one for one in found if one.holds(clocks.now) and (one.boot != clocks.boot or steady < one.deadline)]


def _rule_row(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": rule.kind,
        "networks": [str(network) for network in rule.networks],
        "sender": rule.sender.value,
        "window": rule.window if isinstance(rule, PopBeforeSmtp) else "",
    }


def _grant_row(house: House, grant: Grant) -> dict[str, Any]:
    account = house.read(house.directory.account(grant.account))
    row = attrs.asdict(grant, filter=attrs.filters.include(*(column.key for column in _GRANTS)))
    times = {key: moment(row[key]) for key in ("first", "last", "expiry")}
    return {**row, **times, "account": account.address if account else str(grant.account)}


@relay.command("explain", help="cli.relay-explain")
@option("--ip", "address", type=_IP(), required=True, help="cli.relay-ip")
@option("--at", "at", type=_Time(), default=None, metavar="TIME", help="cli.relay-at")
@option("--from", "sender", default=None, metavar="ADDRESS", help="cli.relay-from")
@option("--to", "recipient", type=ADDRESS, default=None, metavar="ADDRESS", help="cli.relay-to")
@option("--account", "login", type=ADDRESS, default=None, metavar="ADDRESS", help="cli.relay-account")
@as_json
@pass_app
def explain_(
    app: App,
    address: str,
    at: int | None,
    sender: str | None,
    recipient: str | None,
    login: str | None,
    as_json: bool,
) -> None:
    """Decide as the server would, and say why."""
    config = app.config()
    with open_house(config) as house:
        if recipient is not None and (key := _unasked(house, recipient)):
            _print_unasked(key, recipient, as_json)
            return
        asked = Asked(
            peer=Peer(address, "explain", "smtp", mechanism="PLAIN" if login else ""),
            account=house.account(login).id if login else 0,
            sender=_address(sender) if sender else None,
        )
        situation = _situation(house, relay_rules(config), asked, at)
        recorded = _stories(_recorded(house, situation))
    lines = [texts().tell(sentence) for sentence in explain(situation, moment)]
    if as_json:
        print_json({**_decision_row(situation), "explanation": lines, "recorded": recorded})
        return
    if recorded:
        lines += ["", texts().say("explain.recorded"), *(line for story in recorded for line in story)]
    click.echo("\n".join(lines))


def _recorded(house: House, situation: Situation) -> list[Event]:
    """What the ledger knows of this client around that time (of late, if it is now), the oldest first."""
    since, until = (situation.at - 60, situation.at + 120) if situation.past else (situation.at - RECENT, 0)
    query = Query(address=situation.facts.peer.address, since=since, until=until, most=MOST_RECORDED)
    return list(reversed(find(house.store.connection(), query)))


def _stories(events: Sequence[Event]) -> list[list[str]]:
    when = moments(event.at for event in events)
    told = ([texts().tell(sentence) for sentence in tell(event, when)] for event in events)
    return [[f"  {first}", *(f"      {line}" for line in further)] for first, *further in told]


def _unasked(house: House, recipient: str) -> str:
    """The sentence that says why no rule is asked for this recipient, ``""`` if the rules are."""
    domain = canonical_domain(recipient.rpartition("@")[2])
    if house.read(house.directory.is_local(domain)):
        return "explain.local"
    return "explain.relay-domain" if find_relay_domain(house.config.relay_domains, domain) else ""


def _print_unasked(key: str, recipient: str, as_json: bool) -> None:
    line = texts().say(key, recipient=recipient)
    if as_json:
        print_json({"allowed": True, "reason": key.removeprefix("explain."), "explanation": [line]})
    else:
        click.echo(line)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError:
        raise click.BadParameter(texts().say("cli.address", value=text)) from None


async def _nothing(operations: object) -> list[Any]:
    return []


def _situation(house: House, rules: tuple[Rule, ...], asked: Asked, at: int | None) -> Situation:
    grants = Grants(house.store.connection)
    clocks = system_clocks()
    then = clocks.now if at is None else at
    if at is not None:  # what the other clock showed then nobody has written down; it only ever ends a grant earlier
        clocks = Clocks(wall=lambda: then, steady=lambda: 0, boot="")
    desk = RelayDesk(rules, house.directory, grants if at is None else GrantsAt(grants, at), _nothing, clocks)
    decision = house.read(desk.decide(asked))
    facts = house.read(desk.facts(asked))
    situation = Situation(decision=decision, facts=facts, rules=rules, at=then, past=at is not None)
    if decision.allowed:
        return _with_spent(house, grants, situation)
    return attrs.evolve(situation, elsewhere=tuple(_elsewhere(house, situation, asked)))


def _with_spent(house: House, grants: Grants, situation: Situation) -> Situation:
    decision, address = situation.decision, situation.facts.peer.address
    subjects = [decision.network or network_of(address, 64)]
    subjects += [account_subject(decision.account_id)] if decision.account_id else []
    spent = house.read(grants.spent(subjects, situation.at - HOUR))
    over = any(
        most and used >= most
        for most, used in (
            (decision.limits.messages, spent.messages),
            (decision.limits.recipients, spent.recipients),
        )
    )
    return attrs.evolve(situation, over=spent if over else None)


def _elsewhere(house: House, situation: Situation, asked: Asked) -> list[tuple[Grant, Any]]:
    """Living grants that the sender's account has at other addresses. Words only: nothing is decided on the sender."""
    account = house.read(house.directory.find_account(str(asked.sender))) if asked.sender is not None else None
    if account is None:
        return []
    here = networks_of(asked.peer.address)
    found = house.read(Grants(house.store.connection).find(account=account.id, since=situation.at))
    return [(one, account) for one in found if one.holds(situation.at) and one.network not in here][:3]


def _decision_row(situation: Situation) -> Mapping[str, Any]:
    decision: RelayDecision = situation.decision
    return {
        "allowed": decision.allowed and situation.over is None,
        "rule": decision.rule,
        "account": decision.account,
        "reason": "relay-limit" if situation.over is not None else decision.reason,
        "evidence": dict(decision.evidence),
        "misses": [{"rule": miss.rule, "reason": miss.reason} for miss in decision.misses],
        "grant": decision.grant,
        "expiry": decision.expiry,
        "at": situation.at,
    }


@relay.command("grant", help="cli.relay-grant")
@click.argument("address", type=_IP())
@click.argument("account", type=ADDRESS)
@option("--for", "seconds", type=DURATION, default=None, metavar="TIME", help="cli.relay-for")
@pass_app
def grant(app: App, address: str, account: str, seconds: int | None) -> None:
    """Give a grant by hand."""
    config = app.config()
    rule = next((one for one in relay_rules(config) if isinstance(one, PopBeforeSmtp)), None)
    if rule is None:
        raise Refused(Sentence("refused.relay-no-rule"))
    if rule.excludes(address):
        raise Refused(Sentence("explain.shared-address", address=address))
    clocks = system_clocks()
    with open_house(config) as house:
        found = house.account(account)
        lasting = rule.window_of(found) if seconds is None else seconds
        proof = ProveGrant(
            secrets.token_hex(8),
            network_of(address, rule.prefix),
            found.id,
            rule.name,
            BY_HAND,
            "hand",
            "",
            "",
            house.read(Grants(house.store.connection).epoch(found.id)),
            clocks.now,
            clocks.now + lasting,
            clocks.boot,
            clocks.steady(),
            clocks.steady() + lasting * 1000,
            address=address,
        )
        (made,) = house.apply(account, proof)
        if not made:
            raise Refused(Sentence("refused.relay-account", account=account))
    click.echo(made)


@relay.command("revoke", help="cli.relay-revoke")
@click.argument("what", metavar="ADDRESS|ACCOUNT|GRANT")
@pass_app
def revoke(app: App, what: str) -> None:
    """End grants, in all processes."""
    clocks = system_clocks()
    with open_house(app.config()) as house:
        grants = {one.id for one in _living(house, clocks)}
        if "@" in what:
            ends = [EndGrants(clocks.now, "revoked", account=house.account(what).id)]
        elif (address := _ip_or_none(what)) is not None:
            ends = [EndGrants(clocks.now, "revoked", network=network) for network in networks_of(address)]
        else:
            ends = [EndGrants(clocks.now, "revoked", ids=(what,))]
        ended = [one for result in house.apply(what, *ends) for one in result if one in grants]
    note(Sentence("cli.relay-revoked", count=len(ended)))


def _ip_or_none(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
