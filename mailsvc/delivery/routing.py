"""Where mail for one recipient goes, and whether it may: everything that can be known when the recipient is named.

Ours: the accounts that the directory leads to, with room for the message. Others': the relay decision. There is no queue yet, so where it
says yes the answer is "not now" (451), told apart from no (550).
"""

from mailsvc.auth.relay import RelayFacts
from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.values import Account
from mailsvc.delivery.services import Sender, Services
from mailsvc.formats.address import Address

__all__ = ["route"]


async def route(services: Services, sender: Sender, forward_path: Address) -> Recipient:
    """Judge one recipient. Raises NO_SUCH_USER, DISABLED, QUOTA, RELAY_DENIED, NOT_NOW."""
    if not await services.directory.is_local(forward_path.domain):
        raise await _outside(services, sender, forward_path)
    resolution = await services.directory.resolve(forward_path)
    if resolution.outside:
        raise temporary("no-queue", f"{forward_path} leads to {resolution.outside[0]}")
    for account in resolution.accounts:
        _check_room(account, sender.envelope.size)
    return Recipient(forward_path, resolution.accounts)


def _check_room(account: Account, size: int) -> None:
    if account.full or (account.quota and account.octets + size > account.quota):
        raise MailError(Kind.QUOTA, "mailbox-full", detail=account.address)


async def _outside(services: Services, sender: Sender, forward_path: Address) -> MailError:
    """What to say about a recipient who is not ours."""
    # LMTP hands over what another server has accepted for people here; sending it on would make two servers of one loop.
    if sender.peer.protocol == "lmtp":
        return MailError(Kind.RELAY_DENIED, "lmtp-never-relays", "Not a recipient here, and LMTP does not relay")
    account = sender.account and await services.directory.account(sender.account.id)  # as of now, not of the log-in
    facts = RelayFacts(
        peer=sender.peer,
        account=account,
        sender=sender.envelope.reverse_path,
        recipient=forward_path,
    )
    decision = services.decide(facts, int(services.now()))
    if decision.allowed:
        return temporary("no-queue", f"relay allowed by {decision.rule}")
    return MailError(Kind.RELAY_DENIED, decision.reason)
