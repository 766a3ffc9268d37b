"""Asking for mail that waits here for another server."""

from zope.interface import Interface

from mailsvc.core.values import Peer

__all__ = ["IRelease"]


class IRelease(Interface):
    """What ETRN may do (RFC 1985)."""

    def offered(peer: Peer) -> bool:
        """Whether this client may ask for anything at all."""

    async def release(node: str, below: bool, peer: Peer) -> int | None:
        """Try now what waits for a domain, and, if ``below``, for those below it.

        Result: for how many recipients; None if it was asked for a moment ago and is being sent already.
        Raises FORBIDDEN (not a domain whose mail this client may ask for), NOT_NOW.
        """
