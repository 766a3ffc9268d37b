"""What is wrong with ``[relay]`` beyond single keys. Whatever would make an open relay is refused here, in words."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mailsvc.app.config_file import KeyPath
from mailsvc.auth.relay_options import NEEDS_NETWORKS, RelayRuleOptions, RuleKind
from mailsvc.core.options import Network
from mailsvc.texts import Sentence

if TYPE_CHECKING:
    from mailsvc.app.config import Config

__all__ = ["relay_faults"]

Found = Iterator[tuple[KeyPath, Sentence]]

NARROWEST = {4: 8, 6: 16}
"""Bits that a trusted network has at least, by IP version: nobody's own network is larger."""

MOST_TEXT = 160


def relay_faults(config: "Config") -> Found:
    """A check of the configuration as a whole."""
    relay = config.relay
    if relay.preset in NEEDS_NETWORKS and not relay.networks:
        yield ("relay", "networks"), Sentence("config.relay-networks")
    yield from _too_wide(relay.networks, ("relay", "networks"))
    for key in ("url", "contact"):
        yield from _text(getattr(relay, key), ("relay", key))
    names = Counter(rule.name or rule.rule.value for rule in relay.rules)
    for index, rule in enumerate(relay.rules):
        path = ("relay", "rules", index)
        name = rule.name or rule.rule.value
        if names[name] > 1 and name in [one.name or one.rule.value for one in relay.rules[:index]]:
            yield (*path, "name"), Sentence("config.relay-name-twice", name=name)
        yield from _rule(rule, path)


def _rule(rule: RelayRuleOptions, path: KeyPath) -> Found:
    if rule.rule is RuleKind.TRUSTED_NETWORK:
        if not rule.networks:
            yield (*path, "networks"), Sentence("config.relay-networks")
        yield from _too_wide(rule.networks, (*path, "networks"))
    yield from _text(rule.refusal, (*path, "refusal"))
    if rule.ipv6_prefix not in (64, 128):
        yield (*path, "ipv6_prefix"), Sentence("config.relay-prefix", value=rule.ipv6_prefix)
    if rule.window < 1:
        yield (*path, "window"), Sentence("config.below", value=rule.window, least=1)
    if rule.ceiling < rule.window:
        yield (*path, "ceiling"), Sentence("config.relay-ceiling")


def _too_wide(networks: tuple[Network, ...], path: KeyPath) -> Found:
    for index, network in enumerate(networks):
        if network.prefixlen < NARROWEST[network.version]:
            yield (*path, index), Sentence("config.relay-wide", network=network)


def _text(text: str, path: KeyPath) -> Found:
    if not (text.isascii() and text.isprintable() and len(text) <= MOST_TEXT) and text:
        yield path, Sentence("config.relay-ascii", value=f'"{text}"', most=MOST_TEXT)
