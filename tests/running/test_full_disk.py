"""What the owner of an account meets on a disk without one free octet: mail can be read and deleted, and then the server takes mail again.

The store lies on a small disk of its own (tmpfs), which only root may mount. Under load: ``tests/long/test_full_disk.py``.
"""

import imaplib
import os
import signal
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailsvc.store.reserve import SIZE
from mailsvc.testing.disk import Disk, mounted
from mailsvc.testing.harness import RunningServer, wait_for

from .clients import ALICE, pop, send

MB = 1_000_000


@contextmanager
def imap(server: RunningServer) -> Iterator[imaplib.IMAP4]:
    """A session that has selected the INBOX."""
    with imaplib.IMAP4_SSL(server.host, server.ports["imaps"], timeout=30, ssl_context=server.tls_context()) as session:
        session.login(ALICE, server.accounts[ALICE])
        assert session.select()[0] == "OK"
        yield session


def text_of(session: imaplib.IMAP4, number: int) -> bytes:
    """The text of a message, as a client gets it that marks it as read."""
    condition, found = session.fetch(str(number), "(BODY[TEXT])")
    assert condition == "OK"
    assert isinstance(found[0], tuple)
    return bytes(found[0][1])


def delete(session: imaplib.IMAP4, number: int) -> None:
    """Remove a message for good."""
    assert session.store(str(number), "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert session.expunge()[0] == "OK"


class House:
    """A server whose store is on a small disk."""

    def __init__(self, server: RunningServer, disk: Disk) -> None:
        self.server = server
        self.disk = disk
        self._reserve = server.directory / "store" / "reserve"

    def is_whole(self) -> bool:
        """Whether the reserve is taken."""
        return self._reserve.stat().st_size == SIZE

    def fill(self) -> None:
        """Leave no free octet besides the reserve, also of what housekeeping gives back meanwhile."""
        wait_for(self._is_full, "the disk is full")

    def _is_full(self) -> bool:
        if not self.is_whole():
            return False
        self.disk.fill()
        return self.disk.free == 0 and not self.takes_mail()

    def takes_mail(self) -> bool:
        """Whether a message is taken; a temporary refusal is none."""
        try:
            send(self.server, "one more")
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            text = str(error)
            assert "4.3.0" in text or "4.3.1" in text
            return False
        return True

    def crash_without_reserve(self) -> None:
        """As if the owner had been killed after it gave the reserve up and before it took it back."""
        self.server.kill("main", signal.SIGSTOP)  # no new owner yet
        owner = self.server.kill("owner")
        wait_for(lambda: Path(f"/proc/{owner}/stat").read_text().rpartition(")")[2].split()[0] == "Z", "it is dead")
        os.truncate(self._reserve, 0)
        self.server.kill("main", signal.SIGCONT)


@pytest.fixture
def house(directory: Path) -> Iterator[House]:
    """Twenty letters and two large ones in alice's INBOX, 21 and 22; she has never logged in."""
    with mounted(directory / "store", 80 * MB) as disk:
        if disk is None:
            pytest.skip("nobody may mount here")
        with RunningServer(directory, store="low_disk = 0") as server:
            for number in range(20):
                send(server, f"letter {number}")
            for name in ("large", "larger"):
                send(
                    server,
                    name + "\r\n\r\n" + "text of 70 octets, many of them, so that it is a file of its own\r\n" * 20_000,
                )
            yield House(server, disk)


def test_no_octet_free(house: House) -> None:
    """Reading goes on and deleting makes room, also after a crash and a restart; then mail is taken again, and the store is sound."""
    house.fill()
    with imap(house.server) as session:
        assert text_of(session, 1) == b"text of letter 0\r\n"
        delete(session, 2)
    house.fill()
    session = pop(house.server)
    assert session.stat()[0] >= 21
    assert b"text of letter 0" in session.retr(1)[1]
    session.dele(2)
    assert session.quit().startswith(b"+OK")
    house.fill()
    house.crash_without_reserve()
    with imap(house.server) as session:
        assert text_of(session, 1) == b"text of letter 0\r\n"
        wait_for(lambda: session.store("19", "+FLAGS", "(\\Deleted)")[0] == "OK", "workers have found the new owner")
        delete(session, 19)  # a large one, which makes room for what the crash has cost
    house.fill()
    assert house.server.stop() == -signal.SIGTERM
    house.disk.fill()  # also what was the log's
    house.server.start_only()
    wait_for(house.server.answers, "the listeners answer")
    with imap(house.server) as session:
        assert text_of(session, 1) == b"text of letter 0\r\n"
        assert not house.takes_mail()
        delete(session, 19)
    wait_for(house.takes_mail, "mail is taken again")
    wait_for(house.is_whole, "the reserve is whole")
    assert house.server.command("store", "verify") == ""
