"""What is kept of a login password: its argon2id hash and its SCRAM verifiers, made at a change, and completed at a log-in.

A hash of another scheme or cost, and missing verifiers, are made anew when a password has just proved right: then, and only then, it is
known. A password that is changed at the same moment stays changed: the store compares.
"""

from collections.abc import Awaitable, Callable, Sequence

from mailsvc.auth.hashing import Hasher, prepared
from mailsvc.auth.verifiers import make_verifiers, salt_of
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.operations import Operation, SetPassword
from mailsvc.core.secrets import LOGIN, VerifierRow
from mailsvc.core.values import Account
from mailsvc.formats.sasl import HASHES

__all__ = ["Apply", "Renewal", "new_verifiers"]

Apply = Callable[[Sequence[Operation]], Awaitable[object]]
"""IStore.apply."""


async def new_verifiers(
    secrets: ISecrets, hasher: Hasher, address: str, password: str | bytes
) -> tuple[VerifierRow, ...]:
    """The verifiers of a new password of the account ``address``. Raises NOT_NOW; BAD_REQUEST if nobody could log in with it."""
    octets = prepared(password)
    if octets is None:
        raise MailError(Kind.BAD_REQUEST, "unfit-password")
    return await hasher.worker.run(make_verifiers, octets, salt_of(await secrets.salt_key(), address))


class Renewal:
    """Completes what is kept; an ``Upgrade`` of :class:`~mailsvc.auth.checkers.DirectoryChecker`."""

    def __init__(self, secrets: ISecrets, hasher: Hasher, apply: Apply) -> None:
        """:param secrets: what is kept now. :param apply: that of IStore."""
        self._secrets = secrets
        self._hasher = hasher
        self._apply = apply

    async def __call__(self, account: Account, stored: str, password: bytes) -> None:
        """Make what is missing or outdated. Raises MailError."""
        outdated = self._hasher.outdated(stored)
        if not outdated and await self._complete(account):
            return
        verifiers = await new_verifiers(self._secrets, self._hasher, account.address, password)
        hashed = await self._hasher.hash(password) if outdated else stored
        await self._apply([SetPassword(account.id, hashed, verifiers, expected=stored)])

    async def _complete(self, account: Account) -> bool:
        """Whether the login password has its verifiers."""
        for hash in HASHES:
            found = await self._secrets.verifiers(account.id, hash)
            if not found or found[0].credential != LOGIN:
                return False
        return True
