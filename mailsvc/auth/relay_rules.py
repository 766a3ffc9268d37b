"""The rules of the relay decision: each a small frozen object that looks at facts and says yes, or why not.

Rules stand in a table; how it is made from the configuration is in :mod:`mailsvc.auth.relay_options`. A rule lets mail out if *all* that
it asks for is there: the networks it is for, what kind of proof it is named after, and a sender that it admits. Nothing is ever decided on
the sender alone, for anybody can write anybody's address. There is no kind of rule that says yes to everybody.
"""

import enum
from collections.abc import Iterator
from ipaddress import ip_network
from typing import ClassVar

import attrs

from mailsvc.core.options import Network
from mailsvc.core.relay import Grant, Limits, Miss, RelayDecision, RelayFacts
from mailsvc.core.values import Account, AccountFlag
from mailsvc.formats.address import Address
from mailsvc.wire.limits import within

__all__ = [
    "LOOPBACK",
    "NEVER_GRANTED",
    "ClientCertificate",
    "PopBeforeSmtp",
    "Rule",
    "SenderPolicy",
    "SmtpAuth",
    "TrustedNetwork",
    "standing",
]

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
NEVER_GRANTED = (
    ip_network("169.254.0.0/16"),  # link-local (RFC 3927)
    ip_network("fe80::/10"),
    ip_network("0.0.0.0/8"),
    ip_network("::/128"),
    ip_network("224.0.0.0/3"),
    ip_network("ff00::/8"),
)
"""Addresses that belong to nobody in particular, whatever the configuration says."""


class SenderPolicy(enum.Enum):
    """Which reverse-paths a rule admits."""

    ANY = "any"
    OWN = "own"
    DOMAIN = "own-domain"


def standing(account: Account | None) -> str:
    """Why an account answers for no mail now, ``""`` if it does."""
    if account is None:
        return "account-gone"
    if not account.enabled:
        return "account-disabled"
    return "sending-off" if account.flags & AccountFlag.NO_SEND else ""


@attrs.frozen(kw_only=True)
class Rule:
    """What all rules have in common.

    :ivar name: unique in the table; the ledger and ``relay explain`` show it. :ivar networks: it is for clients from there only;
    empty: from anywhere. :ivar sender: which senders it admits, in the envelope, and with ``check_from`` in From: as well.
    :ivar refusal: the administrator's own words for a sender that it does not admit. :ivar limits: for an hour.
    """

    kind: ClassVar[str]
    name: str
    networks: tuple[Network, ...] = ()
    sender: SenderPolicy = SenderPolicy.ANY
    check_from: bool = False
    refusal: str = ""
    limits: Limits = attrs.field(factory=Limits)

    def __call__(self, facts: RelayFacts, now: int) -> RelayDecision | Miss:
        """Yes, with all that belongs to it, or why this rule has nothing to say. ``now``: seconds since the epoch."""
        if self.networks and not within(facts.peer.address, self.networks):
            return Miss(self.name, "other-network")
        miss: Miss | None = None
        for found in self._candidates(facts, now):
            if isinstance(found, RelayDecision):
                if self.admits(facts.sender, facts.own, facts.sender_domain, found.account_id):
                    return found
                found = Miss(self.name, "wrong-sender")
            miss = miss or found
        return miss or Miss(self.name, "nothing")

    def admits(self, sender: Address | None, own: frozenset[int], domain: str, account: int) -> bool:
        """Whether ``account`` (0: nobody) may send as ``sender``. ``own``, ``domain``: as in :class:`RelayFacts`.

        The null sender is everybody's: reports of receipt must have it (RFC 8098 3); but somebody has to answer for it.
        """
        if self.sender is SenderPolicy.ANY:
            return True
        if sender is None:
            return bool(account)
        if self.sender is SenderPolicy.DOMAIN:
            return bool(domain)
        return account in own if account else bool(own)

    def _candidates(self, facts: RelayFacts, now: int) -> Iterator[RelayDecision | Miss]:
        """Who could answer for the mail, the likeliest first."""
        raise NotImplementedError

    def _allow(self, reason: str, facts: RelayFacts, account: Account | None, **more: str) -> RelayDecision:
        return RelayDecision(
            allowed=True,
            rule=self.name,
            kind=self.kind,
            account=account.address if account else "",
            account_id=account.id if account else 0,
            reason=reason,
            evidence=(("address", facts.peer.address), *more.items()),
            limits=self.limits,
        )


class SmtpAuth(Rule):
    """Who has logged in on this very connection may relay, as long as the account is in good standing."""

    kind = "smtp-auth"

    def _candidates(self, facts: RelayFacts, now: int) -> Iterator[RelayDecision | Miss]:
        if facts.account is None:
            yield Miss(self.name, "not-authenticated")
        elif reason := standing(facts.account):
            yield Miss(self.name, reason)
        else:
            peer = facts.peer
            yield self._allow("authenticated", facts, facts.account, mechanism=peer.mechanism, tls=peer.tls or "")


class ClientCertificate(Rule):
    """Who shows a certificate that we trust may relay, if an address in it is an account's."""

    kind = "client-certificate"

    def _candidates(self, facts: RelayFacts, now: int) -> Iterator[RelayDecision | Miss]:
        if facts.certificate is None:
            yield Miss(self.name, "no-certificate")
        elif reason := standing(facts.certificate):
            yield Miss(self.name, reason)
        else:
            names = " ".join(facts.peer.certificate)
            yield self._allow("certificate", facts, facts.certificate, certificate=names, tls=facts.peer.tls or "")


class TrustedNetwork(Rule):
    """Who is in a network of ours may relay; nobody in particular answers for it."""

    kind = "trusted-network"

    def _candidates(self, facts: RelayFacts, now: int) -> Iterator[RelayDecision | Miss]:
        if self.networks:  # else it would be a rule for everybody
            yield self._allow("trusted-network", facts, None)


@attrs.frozen(kw_only=True)
class PopBeforeSmtp(Rule):
    """Who has read mail from the same address a few minutes ago may relay.

    :ivar window: seconds for which a proof counts. :ivar windows: the same by domain of the account (canonical name -> seconds).
    :ivar ceiling: seconds from a log-in after which its session renews nothing any more.
    :ivar everybody: whether all accounts gain grants, or only those that are marked for it.
    :ivar protected: only log-ins whose password could not be read on the way count.
    :ivar prefix: how many bits of an IPv6 address stand for the client: 128 or 64.
    :ivar renew_idle: NOOP and IDLE renew like a retrieval. :ivar end_at_logout: the grant ends with the session.
    :ivar shared: addresses that many people share, and those of proxies and the webmail. :ivar loopback: for tests.
    """

    kind = "pop-before-smtp"
    window: int = 300
    windows: tuple[tuple[str, int], ...] = ()
    ceiling: int = 3600
    everybody: bool = True
    protected: bool = True
    prefix: int = 128
    renew_idle: bool = False
    end_at_logout: bool = False
    shared: tuple[Network, ...] = ()
    loopback: bool = False

    def excludes(self, address: str) -> bool:
        """Whether an address tells too little of who is there to stand for anybody. A Unix socket (``""``) has none."""
        if not address or within(address, NEVER_GRANTED):
            return True
        if within(address, LOOPBACK):
            return not self.loopback
        return within(address, self.shared)

    def window_of(self, account: Account) -> int:
        """For how many seconds a proof of this account counts."""
        return dict(self.windows).get(account.address.rpartition("@")[2], self.window)

    def _candidates(self, facts: RelayFacts, now: int) -> Iterator[RelayDecision | Miss]:
        if self.excludes(facts.peer.address):
            yield Miss(self.name, "shared-address")
            return
        mine = [grant for grant in facts.grants if grant.rule == self.name]
        for grant in mine:
            if grant.holds(now):
                yield self._granted(grant, facts)
        yield self._over(mine[0], now) if mine else Miss(self.name, "no-grant")

    def _granted(self, grant: Grant, facts: RelayFacts) -> RelayDecision | Miss:
        """A grant is worth as much as its account is now."""
        account = facts.holder(grant)
        if reason := standing(account):
            return Miss(self.name, reason)
        assert account is not None  # the standing of None is bad
        if not account.mailbox:
            return Miss(self.name, "account-gone")
        found = self._allow(
            "granted",
            facts,
            account,
            grant=grant.id,
            protocol=grant.protocol,
            mechanism=grant.mechanism,
            tls=grant.tls,
            first=str(grant.first),
            last=str(grant.last),
        )
        return attrs.evolve(
            found, grant=grant.id, network=grant.network, expiry=grant.expiry, deadline=grant.deadline or None
        )

    def _over(self, grant: Grant, now: int) -> Miss:
        if grant.ended:
            return Miss(self.name, "grant-ended", grant.ended)
        return Miss(self.name, "grant-expired" if now >= grant.expiry else "clock-set-back", grant.expiry)
