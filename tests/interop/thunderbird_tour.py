"""What Thunderbird's steps (thunderbird_steps.py) go by: alice's account there, and for another session."""

import email
import imaplib
import smtplib

import attrs

from mailsvc.testing.harness import wait_for

from .imap_folders import encode
from .login_servers import LoginServer
from .thunderbird import Person, Thunderbird

__all__ = ["ALICE", "Tour", "quoted"]

ALICE = "alice@example.test"


@attrs.frozen
class Tour:
    """:ivar thunderbird: what is tried. :ivar house: the server, and what one may log in with."""

    thunderbird: Thunderbird
    house: LoginServer

    def do(self, name: str, *arguments: object) -> object:
        """Something in alice's account."""
        return self.thunderbird.do(name, ALICE, *arguments)

    def own(self) -> Person:
        """Alice with her own password, of which the server has only a verifier."""
        return Person(ALICE, self.house.server.accounts[ALICE])

    def device(self) -> Person:
        """Alice with a device password that CRAM-MD5 knows."""
        return Person(ALICE, self.house.device)

    def add(self, person: Person, listeners: str, tls: str, *methods: int) -> object:
        """Set up the only account; methods that were found to work for incoming and outgoing mail."""
        return self.thunderbird.set_up("addAccount", person, listeners, tls, list(methods))

    def other(self, folder: str = "INBOX") -> imaplib.IMAP4:
        """Another session of alice's, with a folder selected."""
        server = self.house.server
        session = imaplib.IMAP4_SSL(server.host, server.ports["imaps"], ssl_context=server.tls_context(), timeout=60)
        session.login(ALICE, server.accounts[ALICE])
        status, answer = session.select(quoted(folder))
        assert status == "OK", answer
        return session

    def count(self, folder: str) -> int:
        """How many messages others see in a folder."""
        with self.other(folder) as session:
            return len(session.search(None, "ALL")[1][0].split())

    def exists(self, folder: str) -> bool:
        """Whether others see a folder."""
        with self.other() as session:
            return session.list('""', quoted(folder))[1] != [None]

    def append(self, message: bytes, folder: str = "INBOX") -> None:
        """Another session brings a message."""
        with self.other(folder) as session:
            status, answer = session.append(quoted(folder), "", '"20-Nov-2026 09:00:00 +0900"', message)
            assert status == "OK", answer

    def deliver(self, message: bytes) -> None:
        """A message is delivered by LMTP."""
        server = self.house.server
        with smtplib.LMTP(server.host, server.ports["lmtp"], timeout=60) as client:
            client.sendmail("", [ALICE], message, ["BODY=8BITMIME", "SMTPUTF8"])

    def attached(self, folder: str) -> bytes:
        """The second part of the newest message in a folder, as another session reads it."""
        with self.other(folder) as session:
            text = session.fetch("*", "(BODY.PEEK[])")[1][0][1]  # type: ignore[index]
        content = email.message_from_bytes(text).get_payload()[1].get_payload(decode=True)  # type: ignore[arg-type,index,union-attr]
        assert isinstance(content, bytes)
        return content

    def clear(self) -> None:
        """Nothing is left in the INBOX."""
        with self.other() as session:
            if session.search(None, "ALL")[1] == [b""]:
                return
            session.store("1:*", "+FLAGS", r"\Deleted")
            session.expunge()

    def newest(self) -> int:
        """The UID of the INBOX's last message."""
        with self.other() as session:
            return int(session.uid("SEARCH", "*")[1][0])

    def wait_for_count(self, count: int, folder: str) -> None:
        """Until others see so many messages in a folder. Raises TimeoutError."""
        wait_for(lambda: self.count(folder) == count, f"{count} messages in {folder}")

    def wait_for_flag(self, flag: str, folder: str) -> None:
        """Until others see a flag at the first message of a folder. Raises TimeoutError."""
        with self.other(folder) as session:

            def there() -> bool:
                session.noop()
                return flag.encode() in b"".join(map(bytes, session.fetch("1", "FLAGS")[1]))  # type: ignore[arg-type]

            wait_for(there, f"{flag} in {folder}")


def quoted(folder: str) -> str:
    """A folder's name as an IMAP client without UTF-8 writes it."""
    return f'"{encode(folder)}"'
