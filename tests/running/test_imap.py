"""IMAP on the running server with the standard library's client: two workers, one mailbox."""

import contextlib
import imaplib
import ssl
from collections.abc import Iterator

from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for

from .clients import ALICE, pop, send


@contextlib.contextmanager
def session(server: RunningServer, mailbox: str = "INBOX", address: str = ALICE) -> Iterator[imaplib.IMAP4]:
    """A session over TLS that has selected a mailbox."""
    with imaplib.IMAP4_SSL(server.host, server.ports["imaps"], ssl_context=server.tls_context()) as imap:
        imap.login(address, server.accounts[address])
        imap.select(mailbox)
        yield imap


def idle(imap: imaplib.IMAP4) -> None:
    """Begin to wait."""
    imap.send(b"idle IDLE\r\n")
    assert imap.readline() == b"+ idling\r\n"


def heard(imap: imaplib.IMAP4, expected: bytes) -> None:
    """Read until the server says this. The socket's time-out ends it."""
    imap.sock.settimeout(PATIENCE)
    while expected not in imap.readline():
        pass


def test_starttls(server: RunningServer) -> None:
    """STARTTLS, log-in, and the capabilities before and after."""
    with imaplib.IMAP4(server.host, server.ports["imap"]) as imap:
        assert {"STARTTLS", "SASL-IR"} <= set(imap.capabilities)
        imap.starttls(server.tls_context())
        assert isinstance(imap.sock, ssl.SSLSocket)
        assert "STARTTLS" not in imap.capabilities
        imap.login(ALICE, server.accounts[ALICE])
        assert b"IDLE" in imap.capability()[1][0].split()


def test_append_fetch_search_store(server: RunningServer) -> None:
    """What an ordinary client does, from APPEND to EXPUNGE."""
    with session(server) as imap:
        message = "Subject: =?UTF-8?B?5Lqs6YO9?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n京都\r\n".encode()
        assert imap.create("Test")[0] == "OK"
        assert imap.append("Test", None, None, message)[0] == "OK"
        assert imap.select("Test") == ("OK", [b"1"])
        assert imap.fetch("1", "(BODY.PEEK[])")[1][0] == (b"1 (BODY[] {%d}" % len(message), message)
        imap.literal = "京都".encode()
        assert imap.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")[1] == [b"1"]
        assert imap.store("1", "+FLAGS", "\\Deleted")[1] == [b"1 (FLAGS (\\Deleted \\Recent))"]
        assert imap.expunge()[1] == [b"1"]
        assert imap.unselect()[0] == "OK"
        assert imap.delete("Test")[0] == "OK"


def test_idle_hears_of_every_process(server: RunningServer) -> None:
    """Deliveries, other sessions and POP3 deletions are told in IDLE, whichever worker they happen in."""
    with session(server) as waiting, session(server) as acting:
        before = int(acting.status("INBOX", "(MESSAGES)")[1][0].split()[-1].rstrip(b")"))
        idle(waiting)
        for number in range(4):  # by connections that either worker may take
            send(server, f"idle {number}", name="lmtp")
            heard(waiting, b"* %d EXISTS" % (before + number + 1))
        acting.noop()
        acting.store(str(before + 1), "+FLAGS", "\\Flagged")
        heard(waiting, b"* %d FETCH (FLAGS (\\Flagged" % (before + 1))
        pop3 = pop(server)
        pop3.dele(before + 1)
        pop3.quit()
        heard(waiting, b"* %d EXPUNGE" % (before + 1))
        waiting.send(b"DONE\r\n")
        heard(waiting, b"idle OK")


def test_store_owner_restarts(server: RunningServer) -> None:
    """A killed store owner is no reason to lose a session: later commands work, and IDLE goes on."""
    with session(server) as waiting, session(server) as acting:
        idle(waiting)
        server.kill("owner")
        wait_for(lambda: acting.append("INBOX", None, None, b"Subject: after\r\n\r\n")[0] == "OK", "the store is back")
        heard(waiting, b"EXISTS")
        waiting.send(b"DONE\r\n")
        heard(waiting, b"idle OK")
