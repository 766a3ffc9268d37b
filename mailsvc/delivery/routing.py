"""Where mail for one recipient goes, and whether it may: everything that can be known when the recipient is named.

Ours: the accounts that the directory leads to, with room for the message, and the addresses elsewhere that an alias leads to, as the
administrator has decided. Others': a domain whose mail we take for another server, else the relay decision. The postmaster of this
host is ours by whatever name it is called.
"""

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.delivery.services import Sender, Services
from mailsvc.formats.address import Address, canonical_domain, canonical_local
from mailsvc.wire.limits import plain_address

__all__ = ["route"]

_POSTMASTER = Address("postmaster", "")

OUR_FIELDS = 1000
"""Octets that our own fields before a message may take. A mailbox with room for the message but not for them is full now, not after the
data: there it would be full for all other recipients too, at each further attempt."""


async def route(services: Services, sender: Sender, forward_path: Address) -> Recipient:
    """Judge one recipient. Raises NO_SUCH_USER, DISABLED, QUOTA, RELAY_DENIED, TOO_BIG, NOT_NOW."""
    address = _our_postmaster(services, sender, forward_path) or forward_path
    if await services.directory.is_local(address.domain):
        recipient = await _inside(services, sender, forward_path, address)
    else:
        await _check_relay(services, sender, forward_path)
        recipient = Recipient(forward_path, outside=(forward_path,))
    _check_border(services, sender, recipient)
    return recipient


async def _inside(services: Services, sender: Sender, forward_path: Address, address: Address) -> Recipient:
    """Where an address of ours leads."""
    resolution = await services.directory.resolve(address)
    size = sender.envelope.size
    for account in resolution.accounts:
        if not account.has_room(size and size + OUR_FIELDS):
            raise MailError(Kind.QUOTA, "mailbox-full", detail=account.address)
    return Recipient(forward_path, resolution.accounts, resolution.outside)


def _check_border(services: Services, sender: Sender, recipient: Recipient) -> None:
    """RFC 1870 6.2: a message whose announced size is too big for all who are behind a recipient is refused here."""
    size, border = sender.envelope.size, services.border
    if recipient.accounts or any(border.lets_out(address, size) for address in recipient.outside):
        return
    raise border.leaving.refusal()


def _our_postmaster(services: Services, sender: Sender, address: Address) -> Address | None:
    """The bare postmaster, if the address is that of this host: by its name or by an address literal (RFC 5321 4.5.1, 4.1.3)."""
    if canonical_local(address.local) != _POSTMASTER.local:
        return None
    if address.domain.startswith("["):
        literal = plain_address(address.domain[1:-1].lower().removeprefix("ipv6:"))
        return _POSTMASTER if literal and literal == sender.peer.host else None
    return _POSTMASTER if canonical_domain(address.domain) == canonical_domain(services.hostname) else None


async def _check_relay(services: Services, sender: Sender, forward_path: Address) -> None:
    """Whether a recipient who is not ours may be sent mail through us. Raises RELAY_DENIED, NO_SUCH_USER, NOT_NOW."""
    # LMTP hands over what another server has accepted for people here; sending it on would make two servers of one loop.
    if sender.peer.protocol == "lmtp":
        raise MailError(Kind.RELAY_DENIED, "lmtp-never-relays", "Not a recipient here, and LMTP does not relay")
    relay_domain = services.find_relay_domain(canonical_domain(forward_path.domain))
    if relay_domain is not None:
        relay_domain.check(forward_path)
    else:
        await sender.permission.check(forward_path)
