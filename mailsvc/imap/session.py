"""One IMAP connection as the commands see it: what is known of it, what it says, what it has selected.

Twisted's ``IMAP4Server`` is the base class and gives the names: ``state``, ``portal``, ``account``, ``mbox``, ``_onLogout``,
``capabilities``, ``sendLine`` and the ``send...Response`` methods. Its reader, parser, dispatch and commands are replaced: see
:mod:`mailsvc.imap.server`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.mail import imap4

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.mailboxes import IMailboxes
from mailsvc.core.values import Doing
from mailsvc.formats.imap import codes, responses
from mailsvc.formats.imap.codes import Code
from mailsvc.formats.imap.reader import CommandReader
from mailsvc.imap.refusals import SERVER_BUG, refusal
from mailsvc.imap.verbs import Answer, State, no
from mailsvc.wire.connection import Gone
from mailsvc.wire.conversation import Conversation
from mailsvc.wire.factory import ConversationFactory
from mailsvc.wire.limits import Failures

if TYPE_CHECKING:
    from mailsvc.imap.incoming import Incoming
    from mailsvc.imap.selection import Selection

__all__ = ["Session", "log"]

log = Logger(namespace="mailsvc.imap")

STRANGER_LINE = 16_384
"""Octets of a line before the log-in: the initial response of an AUTHENTICATE must fit."""

STRANGER_LITERAL = 1024
"""Octets of all literals of a command before the log-in: a name and a password."""

LINE = 1_048_576
"""Octets of a line after the log-in: sets of 100,000 messages are sent."""

LITERALS = 65_536
"""Octets of all literals of a command after the log-in, but for the messages of an APPEND."""

AUTOLOGOUT = 1800.0
"""Seconds; RFC 3501 5.4: at least 30 minutes, once somebody has logged in."""

_FAREWELLS = {
    "timeout": "Autologout, nothing was heard for too long",
    "shutdown": "The server is shutting down, please come back later",
    "busy": "Too many connections, please come back later",
    "revoked": "The password or account of this session is not valid any more",
}


class Session(Conversation, imap4.IMAP4Server):
    """What every command may use.

    :ivar account: the avatar of the log-in; None before. :ivar mbox: the selected mailbox; None without one.
    :ivar idling: whether IDLE waits for DONE.
    :ivar incoming: the APPEND that is arriving. :ivar failures: failed log-ins so far.
    :ivar enabled: what ENABLE has switched on, or a command that implies it (RFC 5161, 7162 3.1).
    """

    factory: ConversationFactory
    portal: Any
    account: IMailboxes | None
    mbox: "Selection | None"
    state: State
    _framing: CommandReader

    def __init__(self, portal: Any, hostname: str, message_size: int = 0) -> None:
        """:param portal: a Portal whose realm gives IMailboxes. :param hostname: our name, for the greeting.
        :param message_size: octets that a message to APPEND may have, 0: no limit.
        """
        self.portal = portal
        self.hostname = hostname
        self.message_size = message_size
        self.account = None
        self.mbox = None
        self.state = State.UNAUTHENTICATED
        self.enabled: frozenset[str] = frozenset()
        self.incoming: Incoming | None = None
        self.idling = False
        self._tag = "*"
        self.failures = Failures()
        self._errors = 0
        self._before_login = 0
        self._onLogout: Callable[[], None] | None = None

    @property
    def mailboxes(self) -> IMailboxes:
        """What the client may do; only after the log-in."""
        assert self.account is not None
        return self.account

    @property
    def selected(self) -> "Selection":
        """The selected mailbox; only in the selected state."""
        assert self.mbox is not None
        return self.mbox

    @property
    def utf8(self) -> bool:
        """Whether the client has asked for UTF-8 (RFC 6855)."""
        return "UTF8=ACCEPT" in self.enabled

    @property
    def condstore(self) -> bool:
        """Whether the client wants to hear mod-sequences (RFC 7162 3.1)."""
        return "CONDSTORE" in self.enabled

    def enable(self, *names: str) -> None:
        """Switch extensions on. A selected mailbox's HIGHESTMODSEQ is told with CONDSTORE (RFC 7162 3.1)."""
        new = frozenset(names) - self.enabled
        self.enabled |= new
        if "CONDSTORE" in new and self.mbox is not None:
            modseq = codes.highest_modseq(self.mbox.view.modseq)
            self.send(responses.untagged("OK", "The highest mod-sequence", modseq))

    def writable(self) -> "Selection":
        """The selected mailbox. Raises Refused if it is selected read-only."""
        if self.selected.read_only:
            raise no("The mailbox is selected read-only", Code.READ_ONLY)
        return self.selected

    def capability_names(self) -> list[str]:
        """What is announced now."""
        raise NotImplementedError

    # --- what the connection layer asks for ---

    def make_framing(self) -> CommandReader:
        """Commands with their literals; little of them before the log-in."""
        return CommandReader(
            STRANGER_LINE, STRANGER_LITERAL, max_text=2 * STRANGER_LINE, max_unannounced=STRANGER_LITERAL
        )

    @property
    def idle_timeout(self) -> float:
        """The listener's, and after the log-in never below RFC 3501's."""
        configured = float(self.factory.options.idle_timeout)
        return configured if self.account is None else max(configured, AUTOLOGOUT)

    def refused(self, error: MailError) -> None:
        """Translate an error's kind into a response code and words."""
        self.answer(refusal(error))

    def unexpected(self) -> None:
        """Something broke: perhaps not for long."""
        self.answer(SERVER_BUG)

    def end(self, reason: str) -> None:
        """As Conversation.end; IDLE is not a command to be waited for."""
        super().end(reason)
        if self.idling and not self._closing:
            self._end(reason)

    def farewell(self, reason: str) -> None:
        """RFC 3501 7.1.5: BYE before every close."""
        self.bye(_FAREWELLS[reason])

    def ended(self) -> None:
        """The connection is over: give everything back."""
        self.factory.note(self, Doing.GONE)
        self.forget_incoming()
        self.leave_mailbox()
        self.log_out()

    # --- what it says ---

    def answer(self, answer: Answer) -> None:
        """The tagged response to the running command."""
        self.send(responses.tagged(self._tag, answer.condition, answer.text, answer.code))
        if answer.then is not None:
            answer.then()

    def bye(self, text: str, code: bytes = b"") -> None:
        """Announce the end; :meth:`close` follows."""
        self.send(responses.untagged("BYE", text, code))

    def hang_up(self, text: str) -> None:
        """Say BYE and close."""
        self.bye(text)
        self.close()

    def sendLine(self, line: bytes) -> None:
        """What IMAP4Server's own ``send...Response`` methods write with."""
        self.send(line + b"\r\n")

    # --- log-in, selection, log-out ---

    def log_in(self, avatar: IMailboxes, logout: Callable[[], None]) -> None:
        """Somebody has logged in. Raises Gone if the client has left meanwhile."""
        self._onLogout = logout
        if self.over:
            self.log_out()
            raise Gone
        self.account, self.state = avatar, State.AUTHENTICATED
        reader = self._framing
        reader.max_line, reader.max_text, reader.max_literals, reader.max_unannounced = LINE, 2 * LINE, LITERALS, 4096

    def enter_mailbox(self, selection: "Selection") -> None:
        """A mailbox was selected."""
        if self.over:
            selection.close()
            raise Gone
        self.mbox, self.state = selection, State.SELECTED

    def leave_mailbox(self) -> None:
        """Nothing is selected any more."""
        selection, self.mbox = self.mbox, None
        if selection is not None:
            self.state = State.AUTHENTICATED
            selection.close()

    def forget_incoming(self) -> None:
        """An APPEND came to nothing: what has arrived is thrown away."""
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.abort()

    def log_out(self) -> None:
        """Give the avatar back."""
        logout, self._onLogout = self._onLogout, None
        if logout is not None:
            logout()
            self.log("{client}: {account} logged out")

    def log(self, event: str, **facts: object) -> None:
        """A line of the log about this client."""
        account = self.account.account.address if self.account is not None else ""
        log.info(event, client=self.peer.shown, account=account, **facts)
