"""The passwd-style file: its lines, its changes, its faults."""

import os
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailsvc.auth.hashing import UnknownScheme
from mailsvc.auth.passwd import PasswdFileChecker, parse
from mailsvc.testing.auth import InlineWorker
from tests.auth.people import CHEAP, count_verifications, scratch, typed


def test_lines() -> None:
    """Comments, empty lines and further fields are passed over; locked passwords are none; Dovecot's scheme is taken off."""
    read = parse(
        f"# people\n\ntim:{CHEAP}\ntom:{{ARGON2ID}}{CHEAP}:1000:1000::/home/tom\nold:!\ngone:*\nshadow:x\nempty:\n"
    )
    assert read.hashes == {"tim": CHEAP, "tom": CHEAP, "old": "", "gone": "", "shadow": "", "empty": ""}
    assert read.problems == ()


def test_problems_have_line_numbers() -> None:
    """Lines that make no sense are named and passed over; of two lines for one name the first counts."""
    read = parse(f"tim:{CHEAP}\nnonsense\n:x\ntim:!\n")
    assert read.hashes == {"tim": CHEAP}
    assert read.problems == (
        "line 2: not name:hash",
        "line 3: not name:hash",
        "line 4: tim stands here twice; the first line counts",
    )


def test_hashes_are_not_shown() -> None:
    """A file that ends up in a log shows no hash."""
    assert CHEAP not in repr(parse(f"tim:{CHEAP}"))


class PasswdFileCheckerTests(SynchronousTestCase):
    """The file as a source."""

    def setUp(self) -> None:
        self.path = scratch(self, "passwd")
        self.checker = PasswdFileChecker(self.path, InlineWorker())
        self.write(f"tim:{CHEAP}\n渡辺:{CHEAP}\nold:$y$salt$hash\nlocked:!\n")

    def write(self, text: str) -> None:
        """Replace the file, as an editor does."""
        new = self.path.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(self.path)

    def ask(self, name: str, **kwargs: Any) -> Any:
        """Ask the checker."""
        return maybeDeferred(self.checker.requestAvatarId, typed(name, **kwargs))

    def test_interface(self) -> None:
        """It is a checker like any of Twisted's."""
        verifyObject(ICredentialsChecker, self.checker)

    def test_known_names(self) -> None:
        """The right password yields the name as it stands in the file."""
        self.assertEqual(self.successResultOf(self.ask("tim")), b"tim")
        self.assertEqual(self.successResultOf(self.ask("渡辺")), "渡辺".encode())

    def test_refusals_cost_the_same(self) -> None:
        """Wrong passwords, unknown and locked names are refused with one verification each."""
        verified = count_verifications(self)
        for name, password in (("tim", "wrong"), ("tom", "x"), ("locked", "x"), ("locked", "!")):
            verified.clear()
            self.failureResultOf(self.ask(name, password=password), UnauthorizedLogin)
            self.assertEqual(len(verified), 1)

    def test_a_changed_file_is_read_again(self) -> None:
        """A name that is added counts at the next log-in, one that is taken out does not."""
        self.assertEqual(self.successResultOf(self.ask("tim")), b"tim")
        self.write(f"tom:{CHEAP}\n")
        self.assertEqual(self.successResultOf(self.ask("tom")), b"tom")
        self.failureResultOf(self.ask("tim"), UnauthorizedLogin)

    def test_an_unchanged_file_is_not_read_again(self) -> None:
        """Each log-in looks at the file's date only."""
        self.successResultOf(self.ask("tim"))
        before = self.checker._file
        self.successResultOf(self.ask("tim"))
        self.assertIs(self.checker._file, before)

    def test_an_unknown_scheme_fails_its_own_name_only(self) -> None:
        """A hash of a kind we do not know is a fault of the file, not of the person."""
        error = self.failureResultOf(self.ask("old"), UnknownScheme).value
        self.assertIn("$y$", str(error))
        self.assertEqual(self.successResultOf(self.ask("tim")), b"tim")

    def test_a_missing_file_is_no_wrong_password(self) -> None:
        """Without the file nobody can be judged, not even those who were in it before."""
        self.successResultOf(self.ask("tim"))
        os.unlink(self.path)
        self.failureResultOf(self.ask("tim"), OSError)
