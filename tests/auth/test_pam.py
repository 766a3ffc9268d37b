"""PAM as a source: what the helper's verdicts mean, that it survives its modules, and the real library with real service files."""

import socket
import subprocess
import sys
import time
from typing import Any

import pytest
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsvc.auth import pam
from mailsvc.auth.libpam import FAILED, OK, UNKNOWN, WRONG, LibPam
from mailsvc.auth.names import WrongPassword
from mailsvc.auth.pam import PamAnswer, PamChecker, PamLine, pam_services
from mailsvc.auth.pam_helper import AT_ONCE, FIRST_LINE
from mailsvc.core.children import environment
from mailsvc.core.errors import MailError
from mailsvc.testing.directory import MemoryDirectory
from tests.auth.people import typed
from tests.pam import UNIX, pam_service, system_user

HELPER = f"""
import os, signal, socket, time
from mailsvc.auth.pam_helper import serve

def check(service, name, password, host):
    if name == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == b"murder":  # of the server that has started us
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    if name == b"end":
        os.killpg(0, signal.SIGKILL)
    if name == b"raise":
        raise RuntimeError("planted-secret")
    return b"ok", b"/".join([service, name, password, host])

serve([socket.socket(fileno={FIRST_LINE})], frozenset([b"mail"]), check)
"""
"""A helper that needs no rights, and whose PAM does what its name says."""


class HelperTests(TestCase):
    """The helper in processes of its own, asked over its socket."""

    timeout = 120

    def setUp(self) -> None:
        from twisted.internet import reactor

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.helper = subprocess.Popen(
                [sys.executable, "-c", f"import os; os.dup2({theirs.fileno()}, {FIRST_LINE})\n{HELPER}"],
                pass_fds=[theirs.fileno()],
                env=environment(),
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        self.line = PamLine(reactor, ours)
        self.addCleanup(self.end)

    def end(self) -> None:
        """When nobody holds the line any more, the helper ends by itself."""
        self.line.close()
        self.said = self.helper.communicate(timeout=30)[1].decode()

    def ask(self, name: bytes, service: str = "mail") -> Deferred[PamAnswer]:
        """One question."""
        return Deferred.fromCoroutine(self.line.ask(service, name, b"pa ss", "192.0.2.1"))

    async def test_many_at_once(self) -> None:
        """More questions than are judged at a time: each gets its own answer."""
        names = [b"n%d" % number for number in range(3 * AT_ONCE)]
        answers = await gatherResults([self.ask(name) for name in names])
        self.assertEqual(answers, [PamAnswer(OK, b"mail/%b/pa ss/192.0.2.1" % name) for name in names])

    async def test_no_end_to_the_queue(self) -> None:
        """Who finds the queue full is told to come later; those in it get in."""
        asked = [self.ask(b"tim") for _ in range(AT_ONCE + pam.QUEUE)]
        error = await self.assertFailure(self.ask(b"tom"), MailError)
        self.assertEqual((error.reason, error.temporary), ("pam-queue-full", True))
        self.assertEqual({one.verdict for one in await gatherResults(asked)}, {OK})

    async def test_a_module_that_crashes_or_raises(self) -> None:
        """It costs that one log-in, which is told to come later; nothing of a password is in the words."""
        self.assertEqual(await self.ask(b"crash"), PamAnswer(FAILED, b"the process that asked PAM ended with -11"))
        self.assertEqual(await self.ask(b"raise"), PamAnswer(FAILED, b"RuntimeError"))
        self.assertEqual((await self.ask(b"tim")).verdict, OK)

    async def test_only_the_services_named(self) -> None:
        """A serving process that somebody has broken into cannot try passwords at other services."""
        self.assertEqual(await self.ask(b"root", "su"), PamAnswer(FAILED, b"not a question for this helper"))

    async def test_a_server_that_dies(self) -> None:
        """The helper starts it again, and it goes on where it was."""
        self.patch(pam, "PATIENCE", -4.5)
        error = await self.assertFailure(self.ask(b"murder"), MailError)
        self.assertEqual((error.reason, error.temporary), ("pam-helper-silent", True))
        self.patch(pam, "PATIENCE", 20)
        self.assertEqual((await self.ask(b"tim")).verdict, OK)
        self.end()
        self.assertIn("the PAM server ended with -9; a new one begins", self.said)

    async def test_no_helper(self) -> None:
        """Without the helper everybody is told to come later, those who wait too."""
        for name in (b"end", b"tim"):
            error = await self.assertFailure(self.ask(name), MailError)
            self.assertEqual((error.reason, error.temporary), ("pam-helper-gone", True))


class Line(PamLine):
    """Answers at once."""

    def __init__(self, verdict: bytes, text: bytes) -> None:
        self.answer = PamAnswer(verdict, text)
        self.asked: list[tuple[str, bytes, str]] = []

    async def ask(self, service: str, name: bytes, password: bytes, host: str) -> PamAnswer:
        """What it was made with."""
        self.asked.append((service, name, host))
        return self.answer


class CheckerTests(SynchronousTestCase):
    """From verdicts to what the chain of sources understands."""

    def check(self, line: Any, name: str = "tim", domain: str = "example.test") -> Any:
        """A log-in, after the time that every refusal takes."""
        clock = Clock()
        done = PamChecker("mail", line, MemoryDirectory(), clock).requestAvatarId(typed(name, domain=domain))
        clock.advance(pam.LEAST)
        return done

    def test_verdicts(self) -> None:
        """Right, unknown here, wrong, and trouble of its own are four different things."""
        self.assertEqual(self.successResultOf(self.check(Line(OK, b"tim2"))), b"tim2")
        unknown = self.failureResultOf(self.check(Line(UNKNOWN, b"")), UnauthorizedLogin)
        self.assertNotIsInstance(unknown.value, WrongPassword)
        self.failureResultOf(self.check(Line(WRONG, b"Authentication failure")), WrongPassword)
        for trouble in (Line(FAILED, b"no such module"), Line(b"odd", b""), None):
            self.assertTrue(self.failureResultOf(self.check(trouble), MailError).value.temporary)

    def test_refusals_take_the_same_time(self) -> None:
        """Whether PAM knows a name cannot be told from how soon it says no."""
        for verdict in (UNKNOWN, WRONG):
            clock = Clock()
            done = PamChecker("mail", Line(verdict, b""), MemoryDirectory(), clock).requestAvatarId(typed("tim"))
            clock.advance(pam.LEAST - 0.01)
            self.assertNoResult(done)
            clock.advance(0.01)
            self.failureResultOf(done, UnauthorizedLogin)

    def test_names(self) -> None:
        """The listener's own domain is left out; another one stays, so nobody becomes somebody of another domain."""
        line = Line(OK, b"tim")
        for name in ("tim", "tim@example.test", "tim@EXAMPLE.test.", "tim@other.test", "a@b@example.test"):
            self.check(line, name)
        names = [b"tim", b"tim", b"tim", b"tim@other.test", b"a@b"]
        self.assertEqual(line.asked, [("mail", name, "192.0.2.1") for name in names])
        self.failureResultOf(self.check(line, "ti\tm"), UnauthorizedLogin)

    def test_services(self) -> None:
        """The helper may ask those among the sources."""
        self.assertEqual(pam_services(("own", "pam:mail", "passwd:/x", "pam:other")), ("mail", "other"))


STACKS = {
    "permit": "auth required pam_permit.so\naccount required pam_permit.so\n",
    "deny": "auth required pam_deny.so\naccount required pam_permit.so\n",
    "expired": "auth required pam_permit.so\naccount required pam_deny.so\n",
    "broken": "auth required pam_of_nobody.so\naccount required pam_permit.so\n",
}


def verdict(service: str, name: str, password: str) -> bytes:
    """Of the real library."""
    return LibPam().check(service.encode(), name.encode(), password.encode(), b"192.0.2.1")[0]


def test_pam_unix() -> None:
    """A user of the system gets in with the right password; a wrong one and an unknown name are told apart."""
    with pam_service(UNIX) as service, system_user() as (name, password):
        assert LibPam().check(service.encode(), name.encode(), password.encode(), b"") == (OK, name.encode())
        assert verdict(service, name, "wrong") == WRONG
        assert verdict(service, name + "x", password) == UNKNOWN


def test_no_delay() -> None:
    """The delay that modules ask for after a wrong password is the throttle's business; here it would hold up everybody for ten minutes."""
    with pam_service("auth optional pam_faildelay.so delay=600000000\nauth required pam_deny.so\n") as service:
        began = time.monotonic()
        assert verdict(service, "somebody", "wrong") == WRONG
        assert time.monotonic() - began < 100


@pytest.mark.parametrize(
    ("kind", "expected"), [("permit", OK), ("deny", WRONG), ("expired", WRONG), ("broken", FAILED)]
)
def test_other_stacks(kind: str, expected: bytes) -> None:
    """What lets everybody in, nobody in, in but not now, and what cannot even be loaded."""
    with pam_service(STACKS[kind]) as service:
        assert verdict(service, "somebody", "x") == expected
