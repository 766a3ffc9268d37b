"""Names that people choose for their mailboxes: which may be had, and how a login gets one.

What only the store can tell (taken, in quarantine) it tells when the name is registered; everything else is a rule of the domain.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.operations import Operation, RegisterName
from mailsvc.core.values import Account
from mailsvc.formats.address import canonical_local
from mailsvc.texts import Sentence

__all__ = ["NameRefused", "NamingRules", "fault", "register"]


@attrs.frozen(kw_only=True)
class NamingRules:
    """The rules of one domain.

    :ivar pattern: regular expression that the whole name must match. :ivar reserved: names that nobody can have, in canonical form;
    ``words``: and such that no name may contain.
    """

    shortest: int
    longest: int
    pattern: str
    reserved: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


class NameRefused(MailError):
    """The name breaks a rule; ``sentence`` says which, for people."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(Kind.BAD_REQUEST, "name-refused", detail=sentence.key)
        object.__setattr__(self, "sentence", sentence)

    sentence: Sentence


def fault(name: str, rules: NamingRules) -> Sentence | None:
    """What is wrong with a name, None if nothing is."""
    name = canonical_local(name)
    if not rules.shortest <= len(name) <= rules.longest:
        return Sentence("name.length", shortest=rules.shortest, longest=rules.longest)
    if not re.fullmatch(rules.pattern, name):
        return Sentence("name.pattern", pattern=rules.pattern)
    if name in rules.reserved:
        return Sentence("name.reserved", name=name)
    if any(word in name for word in rules.words):
        return Sentence("name.words")
    return None


async def register(
    apply: Callable[[Sequence[Operation]], Awaitable[list[Any]]], account: Account, name: str, rules: NamingRules
) -> str:
    """Give a login its mailbox; returns the address. Raises NameRefused; EXISTS, IN_USE, NOT_FOUND, NOT_NOW.

    :param apply: that of IStore.
    """
    if refusal := fault(name, rules):
        raise NameRefused(refusal)
    (address,) = await apply([RegisterName(account.id, name)])
    return str(address)
