"""Where the facts of a relay decision are gathered: the edge between what is known here and there, and the pure ``decide``.

::

    connection, sender -> RelayDesk.facts (directory, grants, both clocks) -> decide -> RelayDecision

A decision is made anew when something has changed that it depends on: every commit that changes grants, accounts, aliases or domains is
told to all processes (RelayFactsChanged) before whoever asked for it hears that it is done, and moves this desk's *generation* on. While
it stands, and as long as the store can tell us of changes at all, an earlier decision holds until its expiry.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailsvc.auth.relay import decide
from mailsvc.auth.relay_addresses import networks_of
from mailsvc.auth.relay_rules import ClientCertificate, PopBeforeSmtp, Rule, SenderPolicy, SmtpAuth
from mailsvc.bus import Bus
from mailsvc.core.clocks import Clocks, system_clocks
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.grants import IGrants
from mailsvc.core.operations import EndGrants, Operation
from mailsvc.core.relay import Grant, RelayDecision, RelayFacts, RelayFactsChanged
from mailsvc.core.values import Account, AccountChanged, NewsMissed, Peer
from mailsvc.formats.address import Address

__all__ = ["USUAL", "Asked", "RelayDesk"]

log = Logger(namespace="mailsvc.relay")

Apply = Callable[[Sequence[Operation]], Awaitable[Any]]

USUAL: tuple[Rule, ...] = (SmtpAuth(name="smtp-auth"),)
"""The table of who has decided nothing: SMTP AUTH only, for everybody."""


@attrs.frozen(kw_only=True)
class Asked:
    """About whom the desk is asked.

    :ivar peer: the connection; its ``mechanism`` says that a log-in was completed on it, and only the portal puts that there.
    :ivar account: id of who logged in, 0: nobody.
    """

    peer: Peer
    account: int
    sender: Address | None


class RelayDesk:
    """The relay decisions of one process.

    :ivar rules: the table. :ivar generation: moves on when an earlier decision may not be true any more.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        directory: IDirectory,
        grants: IGrants,
        apply: Apply,
        clocks: Clocks | None = None,
        in_touch: Callable[[], bool] = lambda: True,
    ) -> None:
        """:param apply: that of IStore. :param in_touch: whether changes by others would be heard of now."""
        self.rules = tuple(rules)
        self.generation = 0
        self.clocks = clocks or system_clocks()
        self.grants = grants
        self._directory = directory
        self._apply = apply
        self._in_touch = in_touch
        self._by_grant = any(isinstance(rule, PopBeforeSmtp) for rule in self.rules)
        self._by_certificate = any(isinstance(rule, ClientCertificate) for rule in self.rules)
        self._by_sender = any(rule.sender is not SenderPolicy.ANY for rule in self.rules)

    @property
    def knows_strangers(self) -> bool:
        """Whether an account may answer for a client that has not logged in."""
        return self._by_grant or self._by_certificate

    def listen(self, bus: Bus) -> None:
        """Hear of changes, and of times when news of them may have been lost."""
        for event in (RelayFactsChanged, AccountChanged, NewsMissed):
            bus.subscribe(event, self.forget)

    def forget(self, event: object = None) -> None:
        """Something has changed: earlier decisions are not to be relied upon."""
        self.generation += 1

    def rule(self, name: str) -> Rule | None:
        """The rule of this name."""
        return next((rule for rule in self.rules if rule.name == name), None)

    # --- decisions ---

    async def decide(self, asked: Asked) -> RelayDecision:
        """May this client send mail to others, as of now? Raises NOT_NOW."""
        return decide(await self.facts(asked), self.clocks.now, self.rules)

    def still_good(self, decision: RelayDecision, generation: int, since: int) -> bool:
        """Whether a decision of an earlier ``generation``, made at ``since``, would be the same now."""
        now = self.clocks.now
        return (
            generation == self.generation
            and since <= now  # the clock was not set back
            and (decision.expiry is None or now < decision.expiry)
            and (decision.deadline is None or self.clocks.steady() < decision.deadline)
            and self._in_touch()
        )

    async def admits(self, rule: Rule, account: int, address: Address | None) -> bool:
        """Whether ``account`` may write ``address`` into From:; None: what stands there is no address. Raises NOT_NOW."""
        if address is None or rule.sender is SenderPolicy.ANY:
            return rule.sender is SenderPolicy.ANY
        own, domain = await self._sender(address)
        return rule.admits(address, own, domain, account)

    # --- facts ---

    async def facts(self, asked: Asked) -> RelayFacts:
        """All that the rules look at. Raises NOT_NOW."""
        grants = await self._grants(asked.peer.address) if self._by_grant else ()
        holders = [await self._directory.account(number) for number in {grant.account for grant in grants}]
        own, domain = await self._sender(asked.sender) if self._by_sender else (frozenset[int](), "")
        return RelayFacts(
            peer=asked.peer,
            account=await self._directory.account(asked.account) if asked.account and asked.peer.mechanism else None,
            certificate=await self._certified(asked.peer) if self._by_certificate else None,
            sender=asked.sender,
            own=own,
            sender_domain=domain,
            grants=grants,
            holders=tuple(account for account in holders if account is not None),
        )

    async def _grants(self, address: str) -> tuple[Grant, ...]:
        """Those of an address, as both clocks see them."""
        found = await self.grants.at(networks_of(address))
        if not found:
            return ()
        now, steady = self.clocks.now, self.clocks.steady()
        over = tuple(grant.id for grant in found if grant.last > now and not grant.ended)
        if over:
            self._end(over, now)
        return tuple(self._by_both_clocks(grant, now, steady) for grant in found)

    def _by_both_clocks(self, grant: Grant, now: int, steady: int) -> Grant:
        """The grant, not lasting longer than the clock allows that nobody sets."""
        if grant.boot != self.clocks.boot or not grant.boot:
            return attrs.evolve(grant, deadline=0)
        if steady < grant.deadline:
            return grant
        return attrs.evolve(grant, expiry=min(grant.expiry, now))

    def _end(self, grants: tuple[str, ...], now: int) -> None:
        """The clock was set back before their last proof: they are over for good, in all processes."""
        log.warn("the clock was set back: {count} grant(s) of POP-before-SMTP end", count=len(grants))
        ending = self._apply([EndGrants(now, "clock", grants)])
        Deferred.fromCoroutine(_finished(ending)).addErrback(_failed)

    async def _certified(self, peer: Peer) -> Account | None:
        """The account whose address is in the client's certificate."""
        for name in peer.certificate:
            account = await self._directory.find_account(name)
            if account is not None:
                return account
        return None

    async def _sender(self, sender: Address | None) -> tuple[frozenset[int], str]:
        """Whose address the sender's is, and in which domain of ours."""
        if sender is None or not sender.domain or not await self._directory.is_local(sender.domain):
            return frozenset(), ""
        canonical = await self._directory.canonical(sender)
        try:
            accounts = (await self._directory.resolve(sender)).accounts
        except MailError as error:
            if error.temporary or error.kind is Kind.NOT_NOW:
                raise
            accounts = ()
        login = await self._directory.find_account(canonical)  # also one that has no mailbox
        ids = {account.id for account in (*accounts, *([login] if login else []))}
        return frozenset(ids), canonical.rpartition("@")[2]


async def _finished(ending: Awaitable[Any]) -> None:
    await ending


def _failed(failure: Failure) -> None:
    log.warn("grants could not be ended: {error}", error=failure.value)
