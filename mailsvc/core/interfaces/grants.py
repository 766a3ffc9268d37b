"""The grants of POP-before-SMTP as the store has them. They are changed by operations: ``ProveGrant``, ``EndGrants``, ``SpendGrant``."""

from collections.abc import Sequence

from zope.interface import Interface

from mailsvc.core.relay import Grant, Spent

__all__ = ["IGrants"]


class IGrants(Interface):
    """Reads; a few indexed rows for each question, as of the last commit. All of them raise NOT_NOW."""

    async def at(networks: Sequence[str]) -> list[Grant]:
        """The grants of these networks, the latest proof first: those that live, and some that are over."""

    async def find(account: int = 0, network: str = "", since: int = 0, most: int = 1000) -> list[Grant]:
        """Grants of an account, of a network, or of all, that were good at ``since`` or later; the latest proof first."""

    async def epoch(account: int) -> int:
        """A number that grows whenever something is taken from the account: what was proved before does not count after."""

    async def spent(subjects: Sequence[str], since: int) -> Spent:
        """The most that went out since then for one of these subjects (:func:`mailsvc.core.relay.account_subject`, a network)."""

    async def told(account: int) -> bool:
        """Whether the account has been told that somebody sends by its grants."""
