"""Configured sources become a chain, or a clear message."""

from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase

from mailsvc.auth.hashing import Hasher
from mailsvc.auth.sources import make_chain
from mailsvc.testing.auth import InlineWorker
from mailsvc.testing.directory import MemoryDirectory
from tests.auth.people import CHEAP, scratch, typed


class SourcesTests(SynchronousTestCase):
    """The names of AuthOptions.sources and the checkers of ``--auth``."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory()
        self.directory.add("own@example.test", password_hash=CHEAP)
        self.directory.add("file@example.test")
        self.directory.add("plug@example.test")
        self.directory.add("further@example.test")
        self.hasher = Hasher(InlineWorker())

    def test_all_kinds_in_one_chain(self) -> None:
        """Own accounts, a passwd file, a Twisted checker by name and one given by --auth all let their people in."""
        path = scratch(self, "passwd")
        path.write_text(f"file:{CHEAP}\n")
        further = InMemoryUsernamePasswordDatabaseDontUse(further=b"f")
        chain = make_chain(("own", f"passwd:{path}", "memory:plug:p"), self.directory, self.hasher, [further])
        for name, password in (("own", None), ("file", None), ("plug", "p"), ("further", "f")):
            credentials = typed(name) if password is None else typed(name, password)
            self.assertEqual(self.successResultOf(chain.requestAvatarId(credentials)), f"{name}@example.test".encode())
        self.failureResultOf(chain.requestAvatarId(typed("plug", "f")), UnauthorizedLogin)

    def test_what_cannot_be_used(self) -> None:
        """Unknown kinds, bad arguments and checkers that are no use are named with the reason."""
        for name, says in (
            ("nonsense:x", "nonsense"),
            ("memory:odd", "memory"),
            ("unix", "/etc/shadow"),
            ("anonymous", "everybody"),
        ):
            error = self.assertRaises(ValueError, make_chain, (name,), self.directory, self.hasher)
            self.assertIn(says, str(error))

    def test_a_checker_of_another_kind(self) -> None:
        """A checker given by --auth must check names and passwords."""
        error = self.assertRaises(ValueError, make_chain, (), self.directory, self.hasher, [AllowAnonymousAccess()])
        self.assertIn("AllowAnonymousAccess", str(error))
