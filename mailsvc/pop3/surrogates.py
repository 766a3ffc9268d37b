"""Messages with UTF-8 header fields, for clients that have not said UTF8."""

from mailsvc.core.interfaces.maildrop import IMaildrop

__all__ = ["as_shown"]


async def as_shown(maildrop: IMaildrop, utf8: bool) -> IMaildrop:
    """The maildrop as this client may see it."""
    return maildrop
