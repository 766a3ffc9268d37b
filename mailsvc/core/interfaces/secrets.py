"""What an account can log in with. Only :mod:`mailsvc.auth` asks."""

from zope.interface import Interface

from mailsvc.core.secrets import Device, Verifier

__all__ = ["ISecrets"]


class ISecrets(Interface):
    """Reads of secrets. Answers are as of the last commit of any process: nothing is cached, so a revocation counts at once.

    All raise NOT_NOW if nothing can be read now. An account that does not exist has no secrets.
    """

    async def salt_key() -> bytes:
        """The key from which salts are made: the same in all processes, and for good."""

    async def verifiers(account: int, hash: str) -> list[Verifier]:
        """The SCRAM verifiers of an account, that of the login password first."""

    async def devices(account: int) -> list[Device]:
        """The device passwords of an account, oldest first, expired ones included."""

    async def nobodys_verifiers(count: int) -> list[Verifier]:
        """So many that do not exist, read like others: so that to have none takes as long as to have them."""

    async def nobodys_devices(count: int) -> list[Device]:
        """The same of devices."""

    async def all_devices() -> list[Device]:
        """Those of all accounts."""
