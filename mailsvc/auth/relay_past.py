"""The grants as they were at an earlier time, so that a decision of then can be made again by the same rules."""

from collections.abc import Sequence

import attrs
from zope.interface import implementer

from mailsvc.core.interfaces.grants import IGrants
from mailsvc.core.relay import Grant, Spent

__all__ = ["GrantsAt"]


@implementer(IGrants)
class GrantsAt:
    """Those that had begun by then; what ended or renewed them later has not happened yet.

    Between its first proof and its end a grant was good without a break: one that had lapsed was never renewed, but followed by another.
    """

    def __init__(self, grants: IGrants, at: int) -> None:
        """:param grants: as they are now. :param at: the earlier time, in seconds since the epoch."""
        self._grants = grants
        self._at = at

    async def at(self, networks: Sequence[str]) -> list[Grant]:
        """The grants of these networks, the latest proof first."""
        return [self._then(grant) for grant in await self._grants.at(networks) if grant.first <= self._at]

    async def find(self, account: int = 0, network: str = "", since: int = 0, most: int = 1000) -> list[Grant]:
        """Grants of an account or a network."""
        found = await self._grants.find(account, network, since, most)
        return [self._then(grant) for grant in found if grant.first <= self._at]

    def _then(self, grant: Grant) -> Grant:
        ended = grant.ended if grant.ended <= self._at else 0
        return attrs.evolve(grant, last=min(grant.last, self._at), ended=ended, why=grant.why if ended else "")

    async def epoch(self, account: int) -> int:
        """As it is now."""
        return await self._grants.epoch(account)

    async def spent(self, subjects: Sequence[str], since: int) -> Spent:
        """As far as it is still known."""
        return await self._grants.spent(subjects, since)

    async def told(self, account: int) -> bool:
        """As it is now."""
        return await self._grants.told(account)
