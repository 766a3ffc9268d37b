"""The border over the wire: who hands in, whether the size was announced, to whom: what is said, delivered, queued and reported."""

from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.trial.unittest import TestCase

from mailsvc.core.options import Size
from mailsvc.core.reports import Action
from mailsvc.delivery.options import BorderOptions
from mailsvc.testing.sockets import converse
from tests.smtp.dialogues import EHLO, LOG_IN
from tests.smtp.world import World

LIMIT = 1000
OK, BIG = "250", "552 5.3.4 …1000 bytes…a third…"
ALICE, BOB, OUT, FAR, BOTH, NEAR = (
    "alice@example.test",
    "bob@example.test",
    "x@example.com",
    "far@example.test",  # an alias of x@example.com
    "both@example.test",  # an alias of alice and y@example.com
    "x@near.test",  # elsewhere, but inside
)


@attrs.frozen
class Case:
    """One message.

    :ivar who: ``"stranger"``, ``"inside"`` (its address) or ``"user"`` (has logged in). :ivar announced: whether MAIL says SIZE.
    :ivar recipients: address -> reply. :ivar end: the reply after the data, ``""`` if it does not come to that.
    :ivar mailboxes, queued: where the message is afterwards. :ivar failed: of whom the sender is told that it did not go out.
    """

    about: str
    who: str
    announced: bool
    recipients: dict[str, str]
    end: str = ""
    mail: str = OK
    octets: int = 1400
    mailboxes: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


CASES = {
    # --- mail that enters ---
    "entering_announced": Case("SIZE over the limit is refused at MAIL.", "stranger", True, {}, mail=BIG),
    "entering_not_announced": Case("Without SIZE it is refused after the data.", "stranger", False, {ALICE: OK}, BIG),
    "entering_small": Case(
        "A message within the limit enters.", "stranger", True, {ALICE: OK}, OK, octets=700, mailboxes=(ALICE,)
    ),
    "entering_just_fits": Case(
        "The limit itself is allowed.", "stranger", False, {ALICE: OK}, OK, octets=LIMIT, mailboxes=(ALICE,)
    ),
    "entering_one_too_many": Case("One octet more is not.", "stranger", False, {ALICE: OK}, BIG, octets=LIMIT + 1),
    # --- mail that stays inside ---
    "from_inside_to_inside": Case(
        "Between people inside there is no such limit.", "inside", True, {ALICE: OK}, OK, mailboxes=(ALICE,)
    ),
    "user_to_inside": Case(
        "Who has logged in is inside, from wherever.", "user", True, {ALICE: OK, BOB: OK}, OK, mailboxes=(ALICE, BOB)
    ),
    "user_to_a_domain_inside": Case(
        "A domain of another server may be inside.", "user", True, {NEAR: OK}, OK, queued=(NEAR,)
    ),
    # --- mail that leaves ---
    "leaving_announced": Case(
        "SIZE known: 552 at RCPT for outside recipients, the others have their message.",
        "user",
        True,
        {OUT: BIG, ALICE: OK},
        OK,
        mailboxes=(ALICE,),
    ),
    "leaving_not_announced": Case(
        "Without SIZE and with nobody inside it is refused after the data.", "user", False, {OUT: OK}, BIG
    ),
    "leaving_small": Case(
        "A message within the limit leaves.",
        "user",
        True,
        {OUT: OK, ALICE: OK},
        OK,
        octets=700,
        mailboxes=(ALICE,),
        queued=(OUT,),
    ),
    "mixed": Case(
        "Without SIZE: delivered inside, and the sender is told who outside has not got it.",
        "user",
        False,
        {ALICE: OK, OUT: OK, NEAR: OK},
        OK,
        mailboxes=(ALICE,),
        queued=(NEAR,),
        failed=(OUT,),
    ),
    # --- aliases ---
    "alias_outside_announced": Case("An alias that only leads outside is refused at RCPT.", "user", True, {FAR: BIG}),
    "alias_outside_not_announced": Case("The same after the data.", "user", False, {FAR: OK}, BIG),
    "mixed_alias_announced": Case(
        "An alias with somebody inside is accepted, and the sender told of the one outside.",
        "user",
        True,
        {BOTH: OK},
        OK,
        mailboxes=(ALICE,),
        failed=("y@example.com",),
    ),
    "mixed_alias_small": Case(
        "A message within the limit goes to both.",
        "stranger",
        True,
        {BOTH: OK},
        OK,
        octets=700,
        mailboxes=(ALICE,),
        queued=("y@example.com",),
    ),
}


class BorderTests(TestCase):
    """One test for each case; they are added below."""

    timeout = 120

    async def run_case(self, case: Case) -> None:
        """Hand the message in over a socket, and look where it is."""
        from twisted.internet import reactor

        networks = BorderOptions().networks if case.who == "inside" else ()
        border = BorderOptions(message_size=Size(LIMIT), networks=networks, domains=("near.test",))
        world = World(clock=reactor, border=border)
        world.directory.alias(FAR, OUT)
        world.directory.alias(BOTH, ALICE, "y@example.com")
        await converse(script(case), world.factory, reactor, implicit=False)
        accounts = {account.id: account.address for account in await world.directory.accounts()}
        (delivered,) = world.store.delivered or [None]
        boxes = tuple(accounts[number] for number in delivered.accounts) if delivered else ()
        outgoing = delivered.outgoing.recipients if delivered and delivered.outgoing else ()
        told = [one for _, told in world.reports.told for one in told]
        self.assertEqual(boxes, case.mailboxes)
        self.assertEqual(tuple(one.address for one in outgoing), case.queued)
        self.assertEqual(
            [(one.address, one.action, one.limit) for one in told], [(a, Action.FAILED, LIMIT) for a in case.failed]
        )
        self.assertTrue(all(writer.aborted or delivered for writer in world.store.writers))


def script(case: Case) -> str:
    """The conversation."""
    size = f" SIZE={case.octets}" if case.announced else ""
    steps = [EHLO, LOG_IN if case.who == "user" else "", f"C: MAIL FROM:<alice@example.test>{size}", _says(case.mail)]
    for address, reply in case.recipients.items():
        steps += [f"C: RCPT TO:<{address}>", _says(reply)]
    if case.end:
        lines, rest = divmod(case.octets, 70)
        octets = f"{'x' * 68}\\r\\n" * lines + (f"{'y' * (rest - 2)}\\r\\n" if rest else "")
        steps += ["C: DATA", "S: 354 …", f'C= b"{octets}.\\r\\n"', _says(case.end)]
    return "\n".join(steps)


def _says(reply: str) -> str:
    return f"S: {reply}…" if reply == OK else f"S: {reply}"


def _test(case: Case) -> Callable[[BorderTests], Coroutine[Any, Any, None]]:
    async def test(self: BorderTests) -> None:
        await self.run_case(case)

    test.__doc__ = case.about
    return test


for _name, _case in CASES.items():
    setattr(BorderTests, f"test_{_name}", _test(_case))
