"""Who may send mail to other servers through this one: one decision, by a table of rules.

Mail for our own recipients needs no permission; for each other recipient the delivery avatar asks :func:`decide`. It is pure: facts and
a time in, a :class:`RelayDecision` out, which reply, log and ledger all show. Rules stand in a table, the first that has something to
say decides, and if none has, the answer is no. There is no rule that says yes to everybody.

:class:`RelayChecker` is the same knowledge as a credentials checker: which account answers for what this connection may relay.
"""

from collections.abc import Callable, Sequence

import attrs
from twisted.cred.checkers import ANONYMOUS, ICredentialsChecker
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailsvc.auth.credentials import AvatarId
from mailsvc.core.interfaces.login import IConnection
from mailsvc.core.values import Account, Peer
from mailsvc.formats.address import Address

__all__ = ["RULES", "Limits", "RelayChecker", "RelayDecision", "RelayFacts", "Rule", "decide", "smtp_auth"]


@attrs.frozen(kw_only=True)
class RelayFacts:
    """What is known when a recipient elsewhere is named.

    :ivar peer: the connection. :ivar account: who logged in on it, as of now; None: nobody.
    :ivar sender: the reverse-path, None for ``<>``. :ivar recipient: the forward-path.
    """

    peer: Peer
    account: Account | None
    sender: Address | None
    recipient: Address


@attrs.frozen(kw_only=True)
class Limits:
    """How much a permission is good for; 0: no limit of its own."""

    messages: int = 0
    recipients: int = 0


@attrs.frozen(kw_only=True)
class RelayDecision:
    """Whether mail may go to a recipient elsewhere, and why.

    :ivar rule: name of the rule that decided, ``""`` if none did.
    :ivar account: address of the account that answers for the mail, ``""`` if nobody does.
    :ivar reason: a short stable name, such as ``"authenticated"``. :ivar evidence: what the rule saw, as (name, value) pairs.
    :ivar expiry: when the permission ends, None if it has no end of its own.
    """

    allowed: bool
    rule: str = ""
    account: str = ""
    reason: str
    evidence: tuple[tuple[str, str], ...] = ()
    limits: Limits = Limits()
    expiry: int | None = None


Rule = Callable[[RelayFacts, int], RelayDecision | None]
"""Decides, or returns None: nothing to say about these facts."""


def smtp_auth(facts: RelayFacts, now: int) -> RelayDecision | None:
    """Who has logged in on this very connection may relay, as long as the account is in good standing."""
    account = facts.account
    if account is None:
        return None
    return RelayDecision(
        allowed=account.enabled,
        rule="smtp-auth",
        account=account.address,
        reason="authenticated" if account.enabled else "account-disabled",
        evidence=(("address", facts.peer.address), ("mechanism", facts.peer.mechanism), ("tls", facts.peer.tls or "")),
    )


RULES: tuple[Rule, ...] = (smtp_auth,)

_NO_RULE = RelayDecision(allowed=False, reason="no-rule")


def decide(facts: RelayFacts, now: int, rules: Sequence[Rule] = RULES) -> RelayDecision:
    """May mail go to ``facts.recipient``, who is not ours? ``now``: seconds since the epoch."""
    return next((decision for rule in rules if (decision := rule(facts, now)) is not None), _NO_RULE)


@implementer(ICredentialsChecker)
class RelayChecker:
    """Credentials of a connection -> the account that answers for it.

    ANONYMOUS is no failure: whoever has not logged in still hands in mail for our own recipients.
    """

    credentialInterfaces = (IConnection,)

    def requestAvatarId(self, credentials: IConnection) -> "Deferred[AvatarId]":
        """The address of the account whose avatar a completed AUTH on this connection yielded, or ANONYMOUS."""
        avatar = credentials.authenticated
        return succeed(ANONYMOUS if avatar is None else avatar.account.address.encode("utf-8"))
