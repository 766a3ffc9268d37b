"""The poppassd protocol, which no RFC describes: USER, PASS, NEWPASS, QUIT, answered with 200 or 500.

::

    S: 200 mail.example.test password service ready
    C: USER alice@example.test
    S: 200 Your password please
    C: PASS old
    S: 200 Your new password please
    C: NEWPASS new
    S: 200 Password changed
    C: QUIT
    S: 200 Bye

It begins no TLS of its own, so a listener is on the loopback or has TLS from the first byte; the configuration is refused otherwise.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.logger import Logger

from mailsvc.auth.credentials import PasswordCredentials
from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.password import IPasswordChange
from mailsvc.monitor import counters
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.framing import Flaw
from mailsvc.wire.limits import Failures

__all__ = ["PopPassServer"]

log = Logger(namespace="mailsvc.poppassd")


class PopPassServer(Conversation):
    """One connection."""

    max_line = 1024

    def __init__(self, portal: Any, hostname: str) -> None:
        """:param portal: a Portal whose realm gives IPasswordChange."""
        self._portal = portal
        self._hostname = hostname
        self._user = b""
        self._avatar: IPasswordChange | None = None
        self._failures = Failures()  # of whatever kind
        self._commands: dict[bytes, Callable[[bytes], Awaitable[None] | None]] = {
            b"USER": self._do_user,
            b"PASS": self._do_pass,
            b"NEWPASS": self._do_newpass,
            b"QUIT": self._do_quit,
        }

    # --- what the connection layer asks for ---

    def greet(self) -> None:
        """Say who we are."""
        self._say(200, f"{self._hostname} password service ready")

    def command(self, line: bytes) -> Awaitable[None] | None:
        """Carry out one line. Passwords may begin and end with spaces, so only the first one separates."""
        verb, _, argument = line.partition(b" ")
        method = self._commands.get(verb.upper())
        if method is None:
            self._fail("Unknown command; say USER, PASS, NEWPASS or QUIT")
            return None
        counters.command("poppassd", verb.upper().decode("ascii"))
        return method(argument)

    def refused(self, error: MailError) -> None:
        """With the words of the refusal."""
        self._fail(error.text or ("Not possible now, please try again later" if error.temporary else "Not possible"))

    def unexpected(self) -> None:
        """Perhaps not for long."""
        self._fail("Not possible now, please try again later")

    def bad_line(self, flaw: Flaw) -> None:
        """Not a command line."""
        self._fail("That is not a command line")

    def farewell(self, reason: str) -> None:
        """We end it."""
        self._say(500, "Closing connection")

    # --- commands ---

    def _do_user(self, name: bytes) -> None:
        self._user, self._avatar = name.strip(), None
        self._say(200, "Your password please")

    async def _do_pass(self, password: bytes) -> None:
        user, self._user = self._user, b""
        if not user:
            self._fail("Say USER first")
            return
        credentials = PasswordCredentials(username=user, password=password, peer=self.peer, mechanism="USER")
        try:
            # No session is named as the mind: the change must not end the very connection that makes it.
            _, self._avatar, _ = await self._portal.login(credentials, None, IPasswordChange)
        except UnauthorizedLogin:
            self._fail("Wrong user name or password")
        else:
            self._say(200, "Your new password please")

    async def _do_newpass(self, password: bytes) -> None:
        if self._avatar is None:
            self._fail("Say USER and PASS first")
            return
        await self._avatar.change(password)
        log.info(
            "{account} changed the password from {peer}", account=self._avatar.account.address, peer=self.peer.address
        )
        self._avatar = None
        self._say(200, "Password changed")

    def _do_quit(self, argument: bytes) -> None:
        self._say(200, "Bye")
        self.close()

    # --- replies ---

    def _say(self, code: int, text: str) -> None:
        line = "".join(c if " " <= c <= "~" else "?" for c in text)
        self.send(f"{code} {line}\r\n".encode("ascii"))

    def _fail(self, text: str) -> None:
        self._say(500, text)
        if self._failures.one_more():
            self.close()
