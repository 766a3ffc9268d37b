"""Recipients that were named several times in one transaction: each address once, with all that was asked for it. Pure.

Each RCPT has its own reply, and counts against the limit; what becomes of the message has nothing to do with how often an address was
named. An alias may lead to thousands, and a stranger may name it a thousand times.
"""

from collections.abc import Hashable, Iterable

import attrs

from mailsvc.core.interfaces.delivery import Recipient
from mailsvc.core.queued import Notify
from mailsvc.formats.address import canonical_domain

__all__ = ["each_once", "merged"]


def each_once(recipients: Iterable[Recipient]) -> list[Recipient]:
    """One recipient for each address, as it was named first: with that ORCPT, and the NOTIFY of all."""
    found: dict[Hashable, Recipient] = {}
    for one in recipients:
        first = found.setdefault(_key(one), one)
        if first.notify != one.notify:
            found[_key(one)] = attrs.evolve(first, notify=merged(first.notify, one.notify))
    return list(found.values())


def _key(recipient: Recipient) -> Hashable:
    """Whether the local parts of others differ by case only they know (RFC 5321 2.4)."""
    address = recipient.forward_path
    return address.canonical if recipient.is_ours else (address.local, canonical_domain(address.domain))


def merged(first: int, second: int) -> int:
    """NOTIFY of an address that was named twice: all that was asked for either time, so NEVER only if it was said both times."""
    wishes = {first, second} - {Notify.NEVER}
    if len(wishes) < 2:
        return max(wishes, default=first)
    one, other = (notify or Notify.FAILURE | Notify.DELAY for notify in wishes)  # RFC 3461 4.1: what silence means
    return int(one | other)
