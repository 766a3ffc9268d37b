"""The delivery avatar: what a client may hand in, as far as it is known who it is (DESIGN ideas 1 and 3).

``app`` makes one :class:`Reception` for the process and registers ``reception.avatar`` with the realm for IDelivery.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.delivery import Envelope, IDelivery
from mailsvc.core.values import Account, Peer
from mailsvc.delivery.border import SizeLimit
from mailsvc.delivery.intake import Intake
from mailsvc.delivery.services import Sender, Services
from mailsvc.delivery.trace import make_queue_ids
from mailsvc.delivery.transaction import Transaction
from mailsvc.formats.address import Address
from mailsvc.wire.options import BareNewlines, ListenerOptions

__all__ = ["Delivery", "Reception"]


@implementer(IDelivery)
@attrs.frozen(kw_only=True)
class Delivery:
    """See :class:`~mailsvc.core.interfaces.delivery.IDelivery`."""

    peer: Peer
    account: Account | None
    _services: Services
    _options: ListenerOptions
    _next_id: Callable[[], str]

    async def mail(self, envelope: Envelope) -> Transaction:
        """Begin a transaction. Raises TOO_BIG, NOT_NOW."""
        sender = self._sender(envelope)
        limit = await self._limit(sender)
        limit.check(envelope.size)
        store = self._services.store
        store.check_ready()
        repair = self._options.bare_newlines is BareNewlines.NORMALISE
        return Transaction(
            self._services,
            sender,
            Intake(store.bodies.create, limit, repair),
            self._options.recipients,
            self._next_id,
        )

    async def _limit(self, sender: Sender) -> SizeLimit:
        """Asked at each MAIL: a grant may come, or end, while the connection lasts. Raises NOT_NOW."""
        listener = SizeLimit(self._options.message_size)
        limit = self._services.border.limit(listener.octets, self.peer)
        return listener if limit != listener and await sender.permission.answerer() else limit

    async def expand(self, address: Address) -> Sequence[Address]:
        """Whom mail for an address of ours reaches. Raises NO_SUCH_USER, DISABLED, RELAY_DENIED, NOT_NOW."""
        directory = self._services.directory
        if not await directory.is_local(address.domain):
            raise MailError(Kind.RELAY_DENIED, "not-ours", "Not an address of this server")
        resolution = await directory.resolve(address)
        return [*(Address.parse(account.address) for account in resolution.accounts), *resolution.outside]

    def _sender(self, envelope: Envelope) -> Sender:
        account = self.account.id if self.account else 0
        permission = self._services.permits.permission(self.peer, account, envelope.reverse_path, envelope.helo)
        return Sender(peer=self.peer, account=self.account, envelope=envelope, permission=permission)


class Reception:
    """Makes the delivery avatars of a process."""

    def __init__(self, services: Services, listeners: Mapping[str, ListenerOptions]) -> None:
        """:param listeners: options by ``ListenerOptions.name``, which is a peer's ``listener``."""
        self._services = services
        self._listeners = listeners
        self._next_id = make_queue_ids(services.now)

    def size_limit(self, peer: Peer) -> int:
        """Octets that a message of this client may have if it does not log in, 0 for no limit: what EHLO can promise."""
        options = self._listeners[peer.listener]
        if self._services.permits.desk.knows_strangers:
            return options.message_size  # by whom it is depends on MAIL
        return self._services.border.limit(options.message_size, peer).octets

    def avatar(self, account: Account | None, peer: Peer) -> tuple[Delivery, Callable[[], None]]:
        """The avatar and what ends it, for the realm."""
        options = self._listeners[peer.listener]
        delivery = Delivery(
            peer=peer,
            account=account,
            services=self._services,
            options=options,
            next_id=self._next_id,
        )
        return delivery, lambda: None
