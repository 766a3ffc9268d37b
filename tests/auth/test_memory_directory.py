"""The directory in memory that other rooms test against."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.formats.address import Address
from mailsvc.testing.directory import MemoryDirectory


class MemoryDirectoryTests(SynchronousTestCase):
    """The same answers as the real one."""

    def setUp(self) -> None:
        self.directory = MemoryDirectory("example.test")
        self.tim = self.directory.add("tim@example.test")
        self.tom = self.directory.add("tom@example.test")

    def result(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What a coroutine that does not wait returns."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def refusal(self, address: Address) -> Kind:
        """With what an address is refused."""
        error = self.failureResultOf(Deferred.fromCoroutine(self.directory.resolve(address)), MailError).value
        assert isinstance(error, MailError)
        return error.kind

    def test_interface(self) -> None:
        """It is a directory."""
        verifyObject(IDirectory, self.directory)

    def test_aliases(self) -> None:
        """Aliases lead to accounts and elsewhere, each once, and loops end."""
        self.directory.alias(
            "all@example.test", "tim@example.test", "tom@example.test", "tim@example.test", "x@far.test"
        )
        self.directory.alias("loop@example.test", "loop@example.test", "all@example.test")
        self.directory.alias("circle@example.test", "circle@example.test")
        for name in ("all", "loop"):
            found = self.result(self.directory.resolve(Address(name, "Example.Test")))
            self.assertEqual(found.accounts, (self.tim, self.tom), name)
            self.assertIn(Address("x", "far.test"), found.outside)
        self.assertEqual(self.refusal(Address("circle", "example.test")), Kind.NO_SUCH_USER)

    def test_refusals(self) -> None:
        """Unknown and disabled recipients are told apart; a failing directory fails every question."""
        self.assertEqual(self.refusal(Address("nobody", "example.test")), Kind.NO_SUCH_USER)
        self.directory.change(self.tim, enabled=False)
        self.assertEqual(self.refusal(Address("tim", "example.test")), Kind.DISABLED)
        self.directory.failure = temporary("store-down")
        self.assertEqual(self.refusal(Address("tom", "example.test")), Kind.NOT_NOW)
