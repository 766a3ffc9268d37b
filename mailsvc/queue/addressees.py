"""Who is told what became of mail: its sender, or the postmaster of this host, or nobody.

Never a loop: a report has the null sender, and a failure of mail with the null sender is told to nobody but the postmaster of this host,
in a report with NOTIFY=NEVER, so many an hour. The same holds for a failure that a sender of ours should hear of who does not exist any
more (RFC 5321 4.5.1: postmaster is there for such things); delays and successes then interest nobody.
"""

from collections import deque
from collections.abc import Callable

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.values import Resolution
from mailsvc.formats.address import Address, canonical_domain, canonical_local
from mailsvc.formats.smtp import Malformed, rcpt_argument
from mailsvc.queue.report_words import Audience

__all__ = ["NOTICES", "Addressee", "Addressees"]

NOTICES = 20
"""Reports to postmaster an hour."""

_POSTMASTER = Address("postmaster", "")


@attrs.frozen
class Addressee:
    """Who is told, and where that is."""

    audience: Audience
    address: str
    place: Resolution

    @property
    def takes_utf8(self) -> bool:
        """Whether the report may hold UTF-8: in our mailboxes, or where the address needs SMTPUTF8 anyway."""
        return not self.place.outside or self.needs_utf8

    @property
    def needs_utf8(self) -> bool:
        """Whether it can only be sent with SMTPUTF8."""
        return not (self.address.isascii() and all(one.is_ascii for one in self.place.outside))


class Addressees:
    """Finds them."""

    def __init__(self, directory: IDirectory, hostname: str, now: Callable[[], float]) -> None:
        """:param hostname: our name. :param now: seconds since the epoch."""
        self._directory = directory
        self._hostname = hostname
        self._now = now
        self._notices: deque[float] = deque(maxlen=NOTICES)
        self.postmaster = f"{_POSTMASTER.local}@{hostname}"

    async def find(self, sender: str, failed: bool) -> Addressee | None:
        """Who is told; None: nobody. :param sender: ``""`` for the null sender. :param failed: whether there is a failure to tell."""
        place = await self._place(sender) if sender else None
        if place is not None:
            return Addressee(Audience.SENDER, sender, place)
        if not failed or not self._may_bother():
            return None
        audience = Audience.POSTMASTER_FOR_NOBODY if sender else Audience.POSTMASTER
        place = await self._place(_POSTMASTER.local)
        return Addressee(audience, self.postmaster, place) if place else None

    def _may_bother(self) -> bool:
        """Whether postmaster gets another notice within the hour."""
        now = self._now()
        if len(self._notices) == NOTICES and now - self._notices[0] < 3600:
            return False
        self._notices.append(now)
        return True

    async def _place(self, sender: str) -> Resolution | None:
        """Where mail to an address goes; None if it cannot go anywhere."""
        try:
            address = self._read(sender)
            if not await self._directory.is_local(address.domain):
                return Resolution(outside=(address,))
            return await self._directory.resolve(address)
        except Malformed:
            return None
        except MailError as error:
            if error.kind in (Kind.NO_SUCH_USER, Kind.NO_SUCH_DOMAIN, Kind.DISABLED):
                return None
            raise

    def _read(self, text: str) -> Address:
        address = rcpt_argument(f"TO:<{text}>".encode("utf-8", "replace"))[0]
        ours = canonical_domain(address.domain) == canonical_domain(self._hostname)
        return _POSTMASTER if ours and canonical_local(address.local) == _POSTMASTER.local else address
