"""IMAP libraries for Python, as clients of the table: imaplib, IMAPClient, imap-tools, aioimaplib."""

import asyncio
import imaplib
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aioimaplib
import imap_tools
import imapclient

from .imap_folders import encode
from .imap_programs import Failed, Mailer
from .programs import HOST, PATIENCE

__all__ = ["Aioimaplib", "ImapTools", "Imapclient", "Imaplib"]


class Library(Mailer):
    """What they have in common."""

    @property
    def context(self) -> ssl.SSLContext:
        """Trusts one certificate, and looks at the name."""
        return ssl.create_default_context(cafile=str(self.line.certificate))


class Imaplib(Library):
    """Python's own, which leaves names and numbers to its user."""

    def list(self) -> set[str]:
        """Names of the folders, still encoded."""
        with self._session() as session:
            return {_name(row) for row in _ok(session.list())}

    def create(self, name: str) -> None:
        """A new folder."""
        with self._session() as session:
            _ok(session.create(_quoted(name)))

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        with self._session(name) as session:
            found = _ok(session.fetch("1:*", "(RFC822)"))
        return [item[1] for item in found if isinstance(item, tuple)]

    def append(self, name: str, message: bytes) -> None:
        """A new message."""
        with self._session() as session:
            _ok(session.append(_quoted(name), "", imaplib.Time2Internaldate(0), message))

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        with self._session(name) as session:
            _ok(session.store("1", "+FLAGS", r"(\Flagged)"))

    def delete(self, name: str) -> None:
        """Remove a message."""
        with self._session(name) as session:
            _ok(session.store("1", "+FLAGS", r"(\Deleted)"))
            assert _ok(session.expunge()) == [b"1"]

    def move(self, name: str, target: str) -> None:
        """Move a message (RFC 6851 through the back door: the library has no name for it)."""
        imaplib.Commands.setdefault("MOVE", ("SELECTED",))
        with self._session(name) as session:
            _ok(session._simple_command("MOVE", "1", _quoted(target)))

    def search(self, name: str, text: str) -> int:
        """How many messages have this in their text."""
        with self._session(name) as session:
            session.literal = text.encode()
            return len(_ok(session.search("UTF-8", "TEXT"))[0].split())

    @contextmanager
    def _session(self, name: str | None = None) -> Iterator[imaplib.IMAP4]:
        line = self.line
        if line.tls == "implicit":
            session: imaplib.IMAP4 = imaplib.IMAP4_SSL(HOST, line.port, ssl_context=self.context, timeout=PATIENCE)
        else:
            session = imaplib.IMAP4(HOST, line.port, timeout=PATIENCE)
        with session:
            if line.tls == "starttls":
                session.starttls(self.context)
            try:
                session.login(self.login.name, self.login.password)
            except imaplib.IMAP4.error as error:
                raise Failed(str(error)) from error
            if name is not None:
                _ok(session.select(_quoted(name)))
            yield session


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    assert answer[0] == "OK", answer
    return answer[1]


def _name(row: bytes) -> str:
    return row.rpartition(b'"/" ')[2].strip(b'"').decode("ascii")


def _quoted(name: str) -> str:
    return f'"{encode(name)}"'


class Imapclient(Library):
    """IMAPClient."""

    def list(self) -> set[str]:
        """Names of the folders."""
        with self._session() as session:
            return {name for _, _, name in session.list_folders()}

    def create(self, name: str) -> None:
        """A new folder."""
        with self._session() as session:
            session.create_folder(name)

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        with self._session(name) as session:
            found = session.fetch(session.search(), ["BODY[]", "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE"])
        return [item[b"BODY[]"] for item in found.values()]

    def append(self, name: str, message: bytes) -> None:
        """A new message."""
        with self._session() as session:
            session.append(name, message)

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        with self._session(name) as session:
            session.add_flags(session.search()[:1], [imapclient.FLAGGED])

    def delete(self, name: str) -> None:
        """Remove a message, and no other (RFC 4315)."""
        with self._session(name) as session:
            first = session.search()[:1]
            session.delete_messages(first)
            session.uid_expunge(first)

    def move(self, name: str, target: str) -> None:
        """Move a message."""
        with self._session(name) as session:
            session.move(session.search()[:1], target)

    def search(self, name: str, text: str) -> int:
        """How many messages have this in their text."""
        with self._session(name) as session:
            return len(session.search(["TEXT", text], charset="UTF-8"))

    def idle(self, name: str, happens: Callable[[], None]) -> int:
        """How many messages there are after something happens."""
        with self._session(name) as session:
            session.idle()
            happens()
            heard = session.idle_check(PATIENCE)
            session.idle_done()
        return next(number for number, what in reversed(heard) if what == b"EXISTS")

    @contextmanager
    def _session(self, name: str | None = None) -> Iterator[imapclient.IMAPClient]:
        tls, context = self.line.tls, self.context
        session = imapclient.IMAPClient(
            HOST,
            self.line.port,
            ssl=tls == "implicit",
            ssl_context=context if tls == "implicit" else None,
            timeout=PATIENCE,
        )
        with session:
            if tls == "starttls":
                session.starttls(context)
            try:
                session.login(self.login.name, self.login.password)
            except imapclient.exceptions.LoginError as error:
                raise Failed(str(error)) from error
            if name is not None:
                session.select_folder(name)
            yield session


class ImapTools(Library):
    """imap-tools."""

    def list(self) -> set[str]:
        """Names of the folders."""
        with self._session() as session:
            return {folder.name for folder in session.folder.list()}

    def create(self, name: str) -> None:
        """A new folder."""
        with self._session() as session:
            session.folder.create(name)

    def read(self, name: str) -> Sequence[bytes]:
        """All messages; it gives them as parsed by Python, which keeps them as they are when nothing is changed."""
        with self._session(name) as session:
            return [message.obj.as_bytes() for message in session.fetch()]

    def append(self, name: str, message: bytes) -> None:
        """A new message."""
        with self._session() as session:
            session.append(message, name)

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        with self._session(name) as session:
            session.flag(session.uids()[:1], imap_tools.MailMessageFlags.FLAGGED, True)

    def delete(self, name: str) -> None:
        """Remove a message."""
        with self._session(name) as session:
            session.delete(session.uids()[:1])

    def move(self, name: str, target: str) -> None:
        """Move a message."""
        with self._session(name) as session:
            session.move(session.uids()[:1], target)

    def search(self, name: str, text: str) -> int:
        """How many messages have this in their text."""
        with self._session(name) as session:
            return len(session.uids(imap_tools.AND(text=text), charset="UTF-8"))

    def idle(self, name: str, happens: Callable[[], None]) -> int:
        """How many messages there are after something happens."""
        with self._session(name) as session:
            session.idle.start()
            happens()
            heard = session.idle.poll(timeout=PATIENCE)
            session.idle.stop()
        return max(int(found[1]) for row in heard if (found := re.match(rb"\* (\d+) EXISTS", row)))

    @contextmanager
    def _session(self, name: str = "INBOX") -> Iterator[imap_tools.BaseMailBox]:
        line, context = self.line, self.context
        try:
            if line.tls == "implicit":
                box: imap_tools.BaseMailBox = imap_tools.MailBox(HOST, line.port, PATIENCE, ssl_context=context)
            elif line.tls == "starttls":
                box = imap_tools.MailBoxStartTls(HOST, line.port, PATIENCE, ssl_context=context)
            else:
                box = imap_tools.MailBoxUnencrypted(HOST, line.port, PATIENCE)
            session = box.login(self.login.name, self.login.password, initial_folder=name)
        except imap_tools.MailboxLoginError as error:
            raise Failed(str(error)) from error
        with session:
            yield session


class Aioimaplib(Library):
    """aioimaplib, which has no STARTTLS."""

    def list(self) -> set[str]:
        """Names of the folders, still encoded."""
        rows = self._run(None, lambda session: session.list('""', "*"))
        return {_name(bytes(row)) for row in rows if b'"/"' in row}

    def create(self, name: str) -> None:
        """A new folder."""
        self._run(None, lambda session: session.create(_quoted(name)))

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        rows = self._run(name, lambda session: session.fetch("1:*", "(RFC822)"))
        return [bytes(row) for row in rows if isinstance(row, bytearray)]

    def append(self, name: str, message: bytes) -> None:
        """A new message."""
        self._run(None, lambda session: session.append(message, _quoted(name)))

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        self._run(name, lambda session: session.store("1", "+FLAGS", r"(\Flagged)"))

    def delete(self, name: str) -> None:
        """Remove a message."""

        async def steps(session: aioimaplib.IMAP4) -> Any:
            _fine(await session.store("1", "+FLAGS", r"(\Deleted)"))
            return await session.expunge()

        self._run(name, steps)

    def move(self, name: str, target: str) -> None:
        """Move a message."""

        async def steps(session: aioimaplib.IMAP4) -> Any:
            return await session.move("1", _quoted(target))

        self._run(name, steps)

    def search(self, name: str, text: str) -> int:
        """How many messages have this in their text; it sends what it is given."""
        rows = self._run(name, lambda session: session.search("TEXT", f'"{text}"', charset="UTF-8"))
        return len(rows[0].split())

    def idle(self, name: str, happens: Callable[[], None]) -> int:
        """How many messages there are after something happens."""

        async def steps(session: aioimaplib.IMAP4) -> Any:
            idle = await session.idle_start(PATIENCE)
            await asyncio.to_thread(happens)
            heard = await session.wait_server_push(PATIENCE)
            session.idle_done()
            await asyncio.wait_for(idle, PATIENCE)
            return aioimaplib.Response("OK", heard)

        heard = self._run(name, steps)
        return max(int(found[1]) for row in heard if (found := re.match(rb"(\d+) EXISTS", row)))

    def _run(self, name: str | None, steps: Callable[[aioimaplib.IMAP4], Awaitable[Any]]) -> Any:
        return asyncio.run(self._session(name, steps))

    async def _session(self, name: str | None, steps: Callable[[aioimaplib.IMAP4], Awaitable[Any]]) -> Any:
        if self.line.tls == "implicit":
            session = aioimaplib.IMAP4_SSL("localhost", self.line.port, timeout=PATIENCE, ssl_context=self.context)
        else:
            session = aioimaplib.IMAP4(HOST, self.line.port, timeout=PATIENCE)
        await session.wait_hello_from_server()
        answer = await session.login(self.login.name, self.login.password)
        if answer.result != "OK":
            raise Failed(str(answer))
        await session.protocol.capability()  # there are more of them after the log-in
        if name is not None:
            _fine(await session.select(_quoted(name)))
        lines = _fine(await steps(session))
        await session.logout()
        return lines


def _fine(answer: Any) -> Any:
    assert answer.result == "OK", answer
    return answer.lines
