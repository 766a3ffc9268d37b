"""Where mail for one recipient goes, and whether it may: everything that can be known when the recipient is named.

Ours: the accounts that the directory leads to, with room for the message. Others': the relay decision. There is no queue yet, so where it
says yes the answer is "not now" (451), told apart from no (550). The postmaster of this host is ours by whatever name it is called.
"""

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.delivery.services import Sender, Services
from mailsvc.formats.address import Address, canonical_domain, canonical_local
from mailsvc.wire.limits import plain_address

__all__ = ["route"]

_POSTMASTER = Address("postmaster", "")


async def route(services: Services, sender: Sender, forward_path: Address) -> Recipient:
    """Judge one recipient. Raises NO_SUCH_USER, DISABLED, QUOTA, RELAY_DENIED, NOT_NOW."""
    address = _our_postmaster(services, sender, forward_path) or forward_path
    if not await services.directory.is_local(address.domain):
        raise await _outside(services, sender, forward_path)
    resolution = await services.directory.resolve(address)
    if resolution.outside:
        raise temporary("no-queue", f"{forward_path} leads to {resolution.outside[0]}")
    for account in resolution.accounts:
        if not account.has_room(sender.envelope.size):
            raise MailError(Kind.QUOTA, "mailbox-full", detail=account.address)
    return Recipient(forward_path, resolution.accounts)


def _our_postmaster(services: Services, sender: Sender, address: Address) -> Address | None:
    """The bare postmaster, if the address is that of this host: by its name or by an address literal (RFC 5321 4.5.1, 4.1.3)."""
    if canonical_local(address.local) != _POSTMASTER.local:
        return None
    if address.domain.startswith("["):
        literal = plain_address(address.domain[1:-1].lower().removeprefix("ipv6:"))
        return _POSTMASTER if literal and literal == sender.peer.host else None
    return _POSTMASTER if canonical_domain(address.domain) == canonical_domain(services.hostname) else None


async def _outside(services: Services, sender: Sender, forward_path: Address) -> MailError:
    """What to say about a recipient who is not ours."""
    # LMTP hands over what another server has accepted for people here; sending it on would make two servers of one loop.
    if sender.peer.protocol == "lmtp":
        return MailError(Kind.RELAY_DENIED, "lmtp-never-relays", "Not a recipient here, and LMTP does not relay")
    try:
        decision = await sender.permission.check(forward_path)
    except MailError as error:
        return error
    return temporary("no-queue", f"relay allowed by {decision.rule}")
