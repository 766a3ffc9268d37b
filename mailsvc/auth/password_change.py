"""Changing one's own password: the rules of the domain, then hash and SCRAM verifiers in one commit.

All sessions that the old one opened end with that commit (:mod:`mailsvc.app.sessions`), in all processes.
"""

from collections.abc import Awaitable, Callable, Sequence

import attrs
from zope.interface import implementer

from mailsvc.auth.hashing import Hasher
from mailsvc.auth.password_rules import PasswordRules, fault
from mailsvc.auth.renewal import new_verifiers
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.interfaces.password import IPasswordChange
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.operations import Operation, SetPassword
from mailsvc.core.values import Account, Peer
from mailsvc.texts import Texts

__all__ = ["PasswordChange", "PasswordChanges"]


@attrs.frozen
class PasswordChanges:
    """Makes the avatars. ``rules``: those of a domain. ``apply``: that of IStore."""

    directory: IDirectory
    secrets: ISecrets
    hasher: Hasher
    apply: Callable[[Sequence[Operation]], Awaitable[object]]
    rules: Callable[[str], PasswordRules]

    async def avatar(self, account: Account | None, peer: Peer) -> tuple["PasswordChange", Callable[[], None]]:
        """For the realm. Raises FORBIDDEN for an account whose password is kept elsewhere."""
        assert account is not None  # nobody is anonymous here
        if not await self.directory.password_hash(account.id):
            raise MailError(
                Kind.FORBIDDEN, "password-elsewhere", "The password of this account is kept elsewhere; change it there"
            )
        return PasswordChange(account, self), lambda: None


@implementer(IPasswordChange)
@attrs.frozen
class PasswordChange:
    """See :class:`IPasswordChange`."""

    account: Account
    _changes: PasswordChanges

    async def change(self, password: bytes) -> None:
        """Replace the password."""
        changes, address = self._changes, self.account.address
        try:
            typed = password.decode("utf-8")
        except UnicodeDecodeError:
            raise MailError(Kind.BAD_REQUEST, "unfit-password", "A password is text in UTF-8") from None
        weakness = fault(typed, address, changes.rules(address.rpartition("@")[2]))
        if weakness is not None:
            text = Texts("en").tell(weakness)
            raise MailError(Kind.BAD_REQUEST, "weak-password", text[0].upper() + text[1:])
        hashed = await changes.hasher.hash(typed)
        verifiers = await new_verifiers(changes.secrets, changes.hasher, address, typed)
        await changes.apply([SetPassword(self.account.id, hashed, verifiers)])
