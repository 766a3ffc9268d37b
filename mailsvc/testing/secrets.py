"""Secrets in memory for tests: what accounts can log in with."""

from zope.interface import implementer

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.secrets import ISecrets
from mailsvc.core.secrets import ELSEWHERE, Device, Scope, Verifier
from mailsvc.formats.sasl import ScramKeys

__all__ = ["MemorySecrets"]


@implementer(ISecrets)
class MemorySecrets:
    """Filled by the test; ``failure``, if set, is raised by every question.

    :ivar kept: account -> its devices. :ivar known: (account, hash) -> its verifiers.
    """

    def __init__(self) -> None:
        self.kept: dict[int, list[Device]] = {}
        self.known: dict[tuple[int, str], list[Verifier]] = {}
        self.failure: MailError | None = None

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def salt_key(self) -> bytes:
        """Always the same."""
        self._check()
        return bytes(32)

    async def verifiers(self, account: int, hash: str) -> list[Verifier]:
        """The verifiers of an account."""
        self._check()
        return self.known.get((account, hash), [])

    async def devices(self, account: int) -> list[Device]:
        """The devices of an account."""
        self._check()
        return self.kept.get(account, [])

    async def nobodys_verifiers(self, count: int) -> list[Verifier]:
        """None that fits."""
        self._check()
        return [Verifier(ELSEWHERE, b"", 1, ScramKeys(bytes(32), bytes(32)))] * count

    async def nobodys_devices(self, count: int) -> list[Device]:
        """None that fits."""
        self._check()
        return [Device(0, 0, "", Scope.ALL, 0, 0, 0, "", "nobody", bytes(32), None)] * count

    async def all_devices(self) -> list[Device]:
        """All devices."""
        self._check()
        return [device for devices in self.kept.values() for device in devices]
