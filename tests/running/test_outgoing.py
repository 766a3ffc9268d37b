"""Mail for other servers handed in to the running service: one promise for mailboxes and queue, whoever is killed meanwhile."""

import smtplib
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from mailsvc.store.connect import gather, open_store
from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for
from tests.relaying import STAY

from .clients import ALICE, subjects

BOB = "bob@example.test"
KILLS = 4


def queued(server: RunningServer) -> list[str]:
    """The addresses in the queue, one for each recipient of each message."""
    store = open_store(server.directory / "store")
    try:
        return [recipient.address for _, recipient in gather(store.queue.listing())]
    finally:
        store.close()


def submit(server: RunningServer, subject: str, *recipients: str, name: str = "submission") -> None:
    """Hand a message in as alice."""
    with smtplib.SMTP(server.host, server.ports[name], timeout=PATIENCE) as smtp:
        smtp.login(ALICE, server.accounts[ALICE])
        smtp.sendmail(ALICE, recipients, f"Subject: {subject}\r\n\r\ntext of {subject}\r\n")


def wait_for_more(promised: list[int]) -> None:
    """Wait until some more messages were taken."""
    enough = len(promised) + 3
    wait_for(lambda: len(promised) >= enough, "mail is taken")


def test_who_may(directory: Path) -> None:
    """Strangers cannot send anywhere through us, whatever they try; who has logged in can, on both ports; a backup's domain is open."""
    config = STAY + '\n[[relay_domain]]\nname = "backup.test"\netrn = ["127.0.0.0/8"]\n'
    with RunningServer(directory, config=config) as server:
        submit(server, "a", BOB, "x@elsewhere.test")
        submit(server, "b", "y@elsewhere.test", name="smtp")
        with smtplib.SMTP(server.host, server.ports["smtp"], timeout=PATIENCE) as smtp:
            smtp.ehlo()
            assert smtp.has_extn("dsn")
            assert smtp.has_extn("etrn")
            smtp.mail(ALICE)
            for address in ("x@elsewhere.test", "x%elsewhere.test@backup.test", "@backup.test:x@elsewhere.test"):
                assert smtp.docmd("RCPT", f"TO:<{address}>")[0] == 550
            assert smtp.rcpt("anybody@backup.test")[0] == 250
            assert smtp.data(b"Subject: c\r\n\r\n")[0] == 250
            assert smtp.docmd("ETRN", "backup.test")[0] == 252
            assert smtp.docmd("ETRN", "elsewhere.test")[0] == 459
        with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as smtp:
            smtp.ehlo()
            assert smtp.has_extn("dsn")
            assert not smtp.has_extn("etrn")
        assert sorted(queued(server)) == ["anybody@backup.test", "x@elsewhere.test", "y@elsewhere.test"]
        assert subjects(server, BOB) == ["a"]


def test_border(directory: Path) -> None:
    """A message too big to leave: refused at RCPT if SIZE says so; else delivered inside, and its sender has a report there and then."""
    with RunningServer(directory, config=STAY + '\n[border]\nmessage_size = "1 kB"\n') as server:
        with smtplib.SMTP(server.host, server.ports["submission"], timeout=PATIENCE) as smtp:
            smtp.login(ALICE, server.accounts[ALICE])
            big = f"Subject: big\r\n\r\n{'x' * 900}\r\n{'x' * 900}\r\n"
            refused = smtp.sendmail(ALICE, [BOB, "x@elsewhere.test"], big)  # says SIZE
            code, text = refused["x@elsewhere.test"]
            assert (code, b"1000 bytes" in text) == (552, True)
            smtp.mail(ALICE)
            assert [smtp.rcpt(address)[0] for address in (BOB, "x@elsewhere.test")] == [250, 250]
            assert smtp.data(big)[0] == 250
        assert (queued(server), subjects(server, BOB)) == ([], ["big", "big"])
        assert len(subjects(server, ALICE)) == 1


def test_killed_while_accepting(directory: Path) -> None:
    """kill -9 of owner and workers while mail comes in: what was promised is in mailbox and queue, once; the rest in both or in none."""
    promised: list[int] = []
    numbers = iter(range(1_000_000))
    done = threading.Event()
    with RunningServer(directory, workers=2, config=STAY) as server:

        def send_on() -> None:
            while not done.is_set():
                number = next(numbers)
                with suppress(smtplib.SMTPException, OSError):
                    submit(server, str(number), BOB, f"x{number}@elsewhere.test")
                    promised.append(number)

        threads = [threading.Thread(target=send_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for kill in range(KILLS):
                wait_for_more(promised)
                server.kill("owner" if kill % 2 else "worker")
            wait_for_more(promised)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        here = Counter(subjects(server, BOB))
        outside = Counter(address.partition("@")[0].removeprefix("x") for address in queued(server))
    assert here == outside
    assert set(here.values()) == {1}
    assert {str(number) for number in promised} <= set(here)
