"""What one mail transaction may send to other servers: asked at each recipient elsewhere, and once more when the message is there.

A recipient that was allowed stays allowed; a permission that is gained or lost meanwhile counts from the next one on, on the same
connection. The delivery avatar carries out what :meth:`Permission.operations` says in the transaction that accepts the message.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mailsvc.auth.relay_addresses import network_of
from mailsvc.auth.relay_desk import Asked, RelayDesk
from mailsvc.auth.relay_words import RelayWords
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.ledger import ILedger
from mailsvc.core.ledger import Event, Happening
from mailsvc.core.operations import Operation, SpendGrant
from mailsvc.core.relay import RelayDecision, account_subject
from mailsvc.core.values import Peer
from mailsvc.formats.address import Address
from mailsvc.formats.mime.addresses import parse_addresses
from mailsvc.formats.mime.fields import Fields

__all__ = ["Permission", "Permits"]

HOUR = 3600


class Permits:
    """Makes the permissions of a process."""

    def __init__(
        self,
        desk: RelayDesk,
        words: RelayWords | None = None,
        ledger: ILedger | None = None,
        first_use: Callable[[RelayDecision], None] = lambda decision: None,
    ) -> None:
        """:param ledger: told of each refusal. :param first_use: told when a grant of an account is used for the first time ever."""
        self.desk = desk
        self.words = words or RelayWords(rules=desk.rules)
        self.ledger = ledger
        self.first_use = first_use

    def permission(self, peer: Peer, account: int, sender: Address | None, helo: str = "") -> "Permission":
        """For one transaction. ``account``: id of who answers for the connection, 0: nobody."""
        return Permission(self, Asked(peer=peer, account=account, sender=sender), helo)


class Permission:
    """Of one transaction.

    :ivar decision: the last one that said yes, None while none has. :ivar recipients: how many were allowed.
    :ivar allowed: which decision allowed which recipient.
    """

    def __init__(self, permits: Permits, asked: Asked, helo: str) -> None:
        """:param asked: who hands in the message. :param helo: what the client calls itself, for the ledger."""
        self.decision: RelayDecision | None = None
        self.recipients = 0
        self.allowed: dict[Address, RelayDecision] = {}
        self._noted: MailError | None = None
        self._permits = permits
        self._desk = permits.desk
        self._asked = asked
        self._helo = helo
        self._current: RelayDecision | None = None
        self._generation = -1
        self._since = 0
        self._spent_recipients = 0

    async def check(self, recipient: Address) -> RelayDecision:
        """May mail go to this recipient elsewhere? Raises RELAY_DENIED, TOO_MANY (over a limit), NOT_NOW."""
        decision = self._current
        if decision is None or not self._desk.still_good(decision, self._generation, self._since):
            self._generation, self._since = self._desk.generation, self._desk.clocks.now
            decision = self._current = await self._desk.decide(self._asked)
            if decision.allowed:
                await self._check_limits(decision, recipient)
        if not decision.allowed:
            raise self._refused(self._permits.words.refusal(decision, self._asked.peer), decision, recipient)
        self._check_recipients(decision, recipient)
        self.decision = decision
        self.recipients += 1
        self.allowed[recipient] = decision
        return decision

    async def answerer(self) -> int:
        """The id of the account that answers for this client as of now, wherever its mail goes; 0: nobody. Raises NOT_NOW."""
        if not (self._asked.peer.mechanism or self._desk.knows_strangers):
            return 0
        return (await self._desk.decide(self._asked)).account_id

    async def check_from(self, header: bytes, whole: bool = True) -> None:
        """Hold From: to what the rule wants of the sender. Raises RELAY_DENIED, NOT_NOW.

        :param header: the fields of the message. :param whole: whether these are all; in what is not seen, there may be another From:.
        """
        decision = self.decision
        rule = self._desk.rule(decision.rule) if decision is not None else None
        if decision is None or rule is None or not rule.check_from:
            return
        addresses: Sequence[Address | None] = (whole and _from_addresses(header)) or (None,)
        for address in addresses:
            if not await self._desk.admits(rule, decision.account_id, address):
                refused = RelayDecision(allowed=False, rule=rule.name, reason="wrong-from", evidence=decision.evidence)
                error = self._permits.words.refusal(refused, self._asked.peer)
                raise self._refused(error, refused, None)

    def operations(self, recipients: int) -> Sequence[Operation]:
        """For the transaction that accepts the message; one of them may raise TOO_MANY.

        :param recipients: how many of those who were allowed it really goes to.
        """
        decision = self.decision
        if decision is None or not recipients or not (decision.grant or _limited(decision)):
            return ()
        return (
            SpendGrant(
                self._subjects(decision),
                self._desk.clocks.now,
                recipients,
                account=decision.account_id if decision.grant else 0,
                most_messages=decision.limits.messages,
                most_recipients=decision.limits.recipients,
            ),
        )

    def accepted(self, results: Sequence[Any]) -> None:
        """The message was accepted. ``results``: those of :meth:`operations`."""
        if self.decision is not None and any(results):
            self._permits.first_use(self.decision)

    def has_noted(self, error: MailError) -> bool:
        """Whether the ledger knows of this refusal from us."""
        return error is self._noted

    # --- limits ---

    def _subjects(self, decision: RelayDecision) -> tuple[str, ...]:
        """Under which names mail is counted: the account's, and that of the address."""
        address = self._asked.peer.address
        network = decision.network or (network_of(address, 64) if address else "")
        account = account_subject(decision.account_id) if decision.account_id else ""
        return tuple(filter(None, (account, network)))

    async def _check_limits(self, decision: RelayDecision, recipient: Address) -> None:
        self._spent_recipients = 0
        if not _limited(decision):
            return
        spent = await self._desk.grants.spent(self._subjects(decision), self._desk.clocks.now - HOUR)
        self._spent_recipients = spent.recipients
        if decision.limits.messages and spent.messages >= decision.limits.messages:
            raise self._too_much(decision, recipient)

    def _check_recipients(self, decision: RelayDecision, recipient: Address) -> None:
        most = decision.limits.recipients
        if most and self._spent_recipients + self.recipients >= most:
            raise self._too_much(decision, recipient)

    def _too_much(self, decision: RelayDecision, recipient: Address) -> MailError:
        self._current = None
        return self._refused(self._permits.words.too_much(decision), decision, recipient)

    # --- refusals ---

    def _refused(self, error: MailError, decision: RelayDecision, recipient: Address | None) -> MailError:
        if self._permits.ledger is not None:
            self._noted = error
            peer, sender = self._asked.peer, self._asked.sender
            self._permits.ledger.note(
                Event(
                    at=self._desk.clocks.wall(),
                    what=Happening.REFUSED,
                    account=decision.account,
                    account_id=decision.account_id,
                    listener=peer.listener,
                    address=peer.address,
                    helo=self._helo,
                    sender=str(sender) if sender is not None else "",
                    recipients=(str(recipient),) if recipient is not None else (),
                    reason=error.reason,
                    reply=error.text,
                    evidence=(("temporary", "yes"),) if error.temporary else (),
                    decision=decision,
                )
            )
        return error


def _limited(decision: RelayDecision) -> bool:
    return bool(decision.limits.messages or decision.limits.recipients)


def _from_addresses(header: bytes) -> list[Address]:
    """Those of From:, of all of them if there are several; each by itself, or a comment that does not end would hide the next."""
    found: list[Address] = []
    for one in (one for value in Fields(header).all(b"from") for one in parse_addresses(value)):
        if one.mailbox is not None and one.host is not None:  # else the begin or the end of a group
            found.append(Address(one.mailbox.decode("utf-8", "replace"), one.host.decode("utf-8", "replace")))
    return found
