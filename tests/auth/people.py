"""People and passwords for the tests of log-ins."""

import shutil
import tempfile
from pathlib import Path

from argon2 import PasswordHasher
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.auth import hashing
from mailsvc.auth.credentials import PasswordCredentials
from mailsvc.core.values import Peer

PEER = Peer("192.0.2.1", "pop3@[::]:110", "pop3", tls="TLSv1.3")

SECRET = "tanstaaf-渡辺"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
"""A real hash of SECRET that costs next to nothing."""


def typed(name: str, password: str | bytes = SECRET, *, domain: str = "", authzid: str = "") -> PasswordCredentials:
    """What somebody typed into a POP3 client."""
    peer = Peer("192.0.2.1", "pop3@[::]:110", "pop3", domain=domain, tls="TLSv1.3")
    return PasswordCredentials(username=name, password=password, authzid=authzid, peer=peer, mechanism="PLAIN")


def scratch(test: SynchronousTestCase, name: str) -> Path:
    """A path in a folder that goes when the test ends."""
    folder = tempfile.mkdtemp()
    test.addCleanup(shutil.rmtree, folder)
    return Path(folder, name)


class CountingHasher(PasswordHasher):
    """Verifies, and keeps what it verified against."""

    def __init__(self) -> None:
        usual = hashing._ARGON2
        super().__init__(usual.time_cost, usual.memory_cost, usual.parallelism)
        self.verified: list[str] = []

    def verify(self, stored: str | bytes, password: str | bytes) -> bool:
        """Count, then verify."""
        self.verified.append(str(stored))
        return super().verify(stored, password)


def count_verifications(test: SynchronousTestCase) -> list[str]:
    """The hashes that argon2 is asked to verify from now on."""
    counting = CountingHasher()
    test.patch(hashing, "_ARGON2", counting)
    return counting.verified
