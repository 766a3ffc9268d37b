"""Changing one's own password."""

from zope.interface import Attribute, Interface

from mailsvc.core.values import Account

__all__ = ["IPasswordChange"]


class IPasswordChange(Interface):
    """The avatar of somebody who has shown the old password."""

    account: Account = Attribute("Whose password it is.")

    async def change(password: bytes) -> None:
        """Replace it. Raises BAD_REQUEST with the rule that the new one breaks as text, FORBIDDEN, NOT_NOW."""
