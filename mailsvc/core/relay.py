"""Values of the relay decision: what is known, what is decided, and the grants that POP-before-SMTP gives.

They are here, below all rooms, because everybody shows the same decision: the reply, the log, the ledger, ``mailsvc relay explain``.
Times are whole seconds since the epoch (UTC). A *network* is text in CIDR form: ``"203.0.113.9/32"``, ``"2001:db8:1:2::/64"``.
"""

import attrs

from mailsvc.core.values import Account, Peer
from mailsvc.formats.address import Address

__all__ = [
    "Grant",
    "Limits",
    "Miss",
    "RelayDecision",
    "RelayFacts",
    "RelayFactsChanged",
    "Spent",
    "account_subject",
]


@attrs.frozen(kw_only=True)
class Grant:
    """That an account has lately shown itself at an address, and until when that counts.

    :ivar id: opaque; the only thing of it that may leave the house. :ivar rule: name of the rule by which it was given.
    :ivar credential: by which the account had logged in (``core.secrets``). :ivar protocol: ``"pop3"`` or ``"imap"``, ``"hand"``: given by
    hand (``BY_HAND``). :ivar tls: version, ``""`` for none.
    :ivar first: its first proof. :ivar last: its last. :ivar expiry: when it ends by itself. :ivar ended: when it was ended before that,
    0: it was not; ``why``: by what (``"revoked"``, ``"account"``, ``"password"``, ``"device"``,
    ``"logout"``, ``"clock"``).
    :ivar boot: which start of the machine ``deadline`` belongs to. :ivar deadline: the expiry on the clock that nobody sets
    (CLOCK_BOOTTIME, milliseconds).
    """

    id: str
    network: str
    account: int
    rule: str
    credential: int
    protocol: str
    mechanism: str
    tls: str
    first: int
    last: int
    expiry: int
    ended: int = 0
    why: str = ""
    boot: str = ""
    deadline: int = 0

    @property
    def proved(self) -> tuple[int, int]:
        """When the last proof was: by both clocks, for two may share a second."""
        return self.last, self.deadline - (self.expiry - self.last) * 1000

    def holds(self, now: int) -> bool:
        """Whether it is good at ``now``. A clock that was set back before its last proof ends it, for who knows how long it would last."""
        return not self.ended and self.last <= now < self.expiry


@attrs.frozen
class RelayFactsChanged:
    """Published in every process after a commit that changed what relay decisions depend on: grants, accounts, aliases, domains."""


@attrs.frozen(kw_only=True)
class Limits:
    """How much a permission is good for within an hour, for the account and for the address each; 0: no limit."""

    messages: int = 0
    recipients: int = 0


@attrs.frozen
class Spent:
    """What went out within the last hour."""

    messages: int = 0
    recipients: int = 0


def account_subject(account: int) -> str:
    """Under what name the mail of an account is counted; that of an address is counted under its network."""
    return f"account:{account}"


@attrs.frozen(kw_only=True)
class RelayFacts:
    """What is known of who hands in mail, as of one moment. Made at the edge (:mod:`mailsvc.auth.relay_desk`), judged by ``decide``.

    :ivar peer: the connection. :ivar account: whose log-in was completed on it, as the account is now; None: nobody's.
    :ivar certificate: whose address is in its client certificate; None: nobody's.
    :ivar sender: the reverse-path, None for ``<>``. :ivar own: ids of the accounts that the sender's address belongs to or leads to.
    :ivar sender_domain: the domain of ours that the sender's address is in, host aliases followed; ``""``: none.
    :ivar grants: those of this address, the latest proof first; some that are over among them, for the words of a refusal.
    :ivar holders: the accounts of the grants as they are now, those that are gone left out.
    """

    peer: Peer
    account: Account | None = None
    certificate: Account | None = None
    sender: Address | None = None
    own: frozenset[int] = frozenset()
    sender_domain: str = ""
    grants: tuple[Grant, ...] = ()
    holders: tuple[Account, ...] = ()

    def holder(self, grant: Grant) -> Account | None:
        """The account of a grant."""
        return next((account for account in self.holders if account.id == grant.account), None)


@attrs.frozen
class Miss:
    """Why one rule did not let mail out: ``reason`` is a short stable name, ``when`` a time that belongs to it, 0 for none."""

    rule: str
    reason: str
    when: int = 0


@attrs.frozen(kw_only=True)
class RelayDecision:
    """Whether mail may go to recipients elsewhere, and why.

    :ivar rule: name of the rule that decided, ``""`` if none did. :ivar kind: of which kind it is, such as ``"smtp-auth"``.
    :ivar account: address of the account that answers for the mail, ``""`` if nobody does; ``account_id``: its id, 0 for nobody.
    :ivar reason: a short stable name, such as ``"authenticated"``. :ivar evidence: what the rule saw, as (name, value) pairs.
    :ivar misses: of a refusal, why each rule said nothing, in the order of the table.
    :ivar limits: for an hour. :ivar grant: id of the grant, ``""`` for none; ``network``: where it is good.
    :ivar expiry: when the permission ends, None if it has no end of its own. :ivar deadline: the same on the clock that nobody sets.
    """

    allowed: bool
    rule: str = ""
    kind: str = ""
    account: str = ""
    account_id: int = 0
    reason: str
    evidence: tuple[tuple[str, str], ...] = ()
    misses: tuple[Miss, ...] = ()
    limits: Limits = Limits()
    grant: str = ""
    network: str = ""
    expiry: int | None = None
    deadline: int | None = None
