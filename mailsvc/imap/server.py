"""The IMAP server: Twisted's protocol class on our connection layer.

How a command passes through::

    bytes -> CommandReader -> literal()  each literal is taken or refused before the client sends it
                           -> command()  parse -> table of commands (state) -> its coroutine -> Answer
                                         changes of the selected mailbox, then the tagged answer

One command runs at a time; what is pipelined waits in the reader. Changes that others make are heard all the time, and told where RFC 3501
allows: before a tagged answer, and at once during IDLE. Whatever a client sends is answered; before the line is closed it hears BYE.

Of ``twisted.mail.imap4.IMAP4Server`` see :mod:`mailsvc.imap.session`.

Standards: RFC 3501, and the extensions named in :mod:`mailsvc.imap.commands.table`.
"""

from collections.abc import Awaitable

from mailsvc.core.errors import MailError
from mailsvc.formats.imap import responses
from mailsvc.formats.imap.codes import capability
from mailsvc.formats.imap.commands import Command, command_name, parse
from mailsvc.formats.imap.errors import BadSyntax
from mailsvc.formats.imap.reader import Flawed, LiteralWanted, RawCommand
from mailsvc.imap.capabilities import capabilities
from mailsvc.imap.commands.table import VERBS
from mailsvc.imap.dialogue import shown
from mailsvc.imap.incoming import Incoming
from mailsvc.imap.refusals import SERVER_BUG, refusal
from mailsvc.imap.session import Session, log
from mailsvc.imap.verbs import Answer, Refused, State, Verb, bad
from mailsvc.monitor import counters
from mailsvc.wire.connection import Gone
from mailsvc.wire.framing import Flaw
from mailsvc.wire.options import TLSMode

__all__ = ["IMAPServer"]

MAX_ERRORS = 20
"""Lines that are no command after which a stranger's connection is closed: whoever sends those does not speak IMAP."""

MAX_BEFORE_LOGIN = 100
"""Commands before the log-in after which the connection is closed: each of them renews the time-out, and so a stranger keeps a place."""


class IMAPServer(Session):
    """One IMAP connection."""

    def greet(self) -> None:
        """RFC 3501 7.1.1; under implicit TLS when that is up, for on its version depends what is announced (-PLUS)."""
        if not self._handshaking:
            self._welcome()

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        super().handshakeCompleted()
        if self.factory.options.tls is TLSMode.IMPLICIT and not self._closing:
            self._welcome()
            self._pump()

    def _welcome(self) -> None:
        self.send(responses.untagged("OK", f"{self.hostname} IMAP server ready", capability(self.capability_names())))

    def capability_names(self) -> list[str]:
        """What is announced now."""
        return capabilities(self)

    def capabilities(self) -> dict[bytes, list[bytes] | None]:
        """As IMAP4Server has them: name -> values, of which each is announced as ``NAME=value``."""
        found: dict[bytes, list[bytes] | None] = {}
        for name in self.capability_names():
            base, _, value = name.encode("ascii").partition(b"=")
            found[base] = [*(found.get(base) or []), value] if value else None
        return found

    def shown(self, line: bytes) -> str:
        """What of a command may be logged."""
        return shown(line)

    # --- from the reader ---

    def _next_command(self) -> bool:
        event = self._framing.next_event()
        if event is None:
            return False
        if isinstance(event, RawCommand):
            self._begin(event.text, self.command, event)
        elif isinstance(event, LiteralWanted):
            self._begin(event.line, self.literal, event)
        else:
            self._flawed(event)
        return True

    def _flawed(self, flawed: Flawed) -> None:
        """A command that was thrown away."""
        self._tag = flawed.tag
        self.forget_incoming()
        if flawed.fatal:
            self.hang_up(flawed.flaw.value)
        else:
            self._misuse(flawed.flaw.value, flawed.code.encode("ascii"))

    def bad_line(self, flaw: Flaw) -> None:
        """A line within a command (an answer to a challenge, DONE) that is none."""
        self._misuse(flaw.value)
        if flaw is Flaw.ENDLESS:
            self.hang_up(flaw.value)

    async def literal(self, wanted: LiteralWanted) -> None:
        """A literal is announced: take it or refuse it."""
        self._tag = wanted.tag
        try:
            await self._take(wanted)
        except BadSyntax as error:
            self._refuse(Answer(error.text, error.code.encode("ascii"), error.status))
        except Refused as refused:
            self._refuse(refused.answer)
        except MailError as error:
            self._refuse(refusal(error))
        except Gone:
            self.forget_incoming()
        except Exception:
            # The reader waits for an answer to the literal, so there has to be one.
            log.failure("a literal of {peer} failed", peer=self.peer.address)
            self._refuse(SERVER_BUG)

    async def _take(self, wanted: LiteralWanted) -> None:
        if self.account is not None and command_name(wanted.line if wanted.number == 0 else b"") == "APPEND":
            self.incoming = Incoming(self.mailboxes, self.utf8, self.message_size, self._deadline.renew)
        write = await self.incoming.next(wanted) if self.incoming is not None else None
        if self.over:
            raise Gone
        if write is None and not wanted.fits:
            raise bad("Literal too big", b"TOOBIG")
        self._framing.accept(write)
        if wanted.sync:
            self.send(responses.continuation())

    def _refuse(self, answer: Answer) -> None:
        self.forget_incoming()
        if self.over:
            return
        self.answer(answer)
        if not self._framing.refuse():
            self.hang_up(answer.text)

    # --- commands ---

    def command(self, raw: RawCommand) -> Awaitable[None] | None:  # type: ignore[override]
        """Parse a command, look it up, and carry it out."""
        try:
            command = parse(raw, self.utf8)
        except BadSyntax as error:
            self._tag = error.tag
            self._wrong(Answer(error.text, error.code.encode("ascii"), error.status))
            return None
        self._tag = command.tag
        verb = VERBS.get(command.name)
        if self.account is None and self._lingers():
            self.hang_up("Too many commands before the log-in")
        elif verb is None:
            self._misuse(f"{command.name} is not known here")
        elif self.state not in verb.states:
            self._misuse(_WRONG_STATE[self.state])
        else:
            counters.command("imap", verb.name)
            return self._carry_out(verb, command)
        return None

    def _lingers(self) -> bool:
        self._before_login += 1
        return self._before_login > MAX_BEFORE_LOGIN

    async def _carry_out(self, verb: Verb, command: Command) -> None:
        try:
            answer = await verb.run(self, command)
        except Refused as refused:
            answer = refused.answer
        except MailError as error:
            answer = refusal(error)
        finally:
            self.forget_incoming()
        await self._announce(verb.expunges or command.uid, command.uid)
        self.answer(answer)
        if self.mbox is not None and self.mbox.view.deleted:
            self.hang_up("The selected mailbox was deleted")

    async def _announce(self, expunge: bool, uid: bool) -> None:
        if self.mbox is not None:
            try:
                await self.mbox.announce(self, expunge, uid)
            except MailError as error:  # what the command did is done; the changes will be told another time
                log.warn("changes of a mailbox cannot be read: {error}", error=error)

    def _wrong(self, answer: Answer) -> None:
        """Answer what is no command; a stranger who goes on so is shown out."""
        self.forget_incoming()
        self.answer(answer)
        if self.account is None:
            self._errors += 1
            if self._errors >= MAX_ERRORS:
                self.hang_up("Too many errors")

    def _misuse(self, text: str, code: bytes = b"") -> None:
        self._wrong(Answer(text, code, "BAD"))


_WRONG_STATE = {
    State.UNAUTHENTICATED: "Log in first",
    State.AUTHENTICATED: "Not now: it needs a selected mailbox, or comes before the log-in",
    State.SELECTED: "You are logged in already",
    State.LOGOUT: "Goodbye was said",
}
