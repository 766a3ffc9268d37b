"""The ledger of a running server: what was acknowledged is in it, whoever is killed."""

import re
import smtplib
import threading
from pathlib import Path

from mailsvc.core.ledger import Happening, Query
from mailsvc.ledger.finding import find
from mailsvc.store.connect import open_store
from mailsvc.testing.harness import PATIENCE, RunningServer, wait_for


class Sender(threading.Thread):
    """Sends messages one after the other, on a new connection when one is cut.

    :ivar taken: queue id by Message-ID, of those that were answered with 250.
    """

    def __init__(self, server: RunningServer, name: str) -> None:
        super().__init__(daemon=True)
        self.taken: dict[str, str] = {}
        self.enough = threading.Event()
        self._server = server
        self._name = name

    def run(self) -> None:
        """Until it is enough."""
        number = 0
        while not self.enough.is_set():
            try:
                with smtplib.SMTP(self._server.host, self._server.ports["smtp"], timeout=PATIENCE) as smtp:
                    smtp.ehlo()
                    while not self.enough.is_set():
                        number += 1
                        self._send(smtp, f"{number}@{self._name}.example")
            except (smtplib.SMTPException, OSError):
                self.enough.wait(0.05)

    def _send(self, smtp: smtplib.SMTP, identity: str) -> None:
        smtp.mail("sender@elsewhere.test")
        smtp.rcpt("alice@example.test")
        code, text = smtp.data(f"Message-ID: <{identity}>\r\n\r\ntext\r\n")
        if code == 250:
            self.taken[identity] = re.findall(rb"\w{16}", text)[0].decode()


def test_an_acknowledged_message_has_its_row(tmp_path: Path) -> None:
    """Whatever is killed with -9 while mail comes in: each message that was answered with 250 can be traced, once."""
    with RunningServer(tmp_path / "server", workers=2) as server:
        senders = [Sender(server, name) for name in ("a", "b", "c")]
        for each in senders:
            each.start()
        for victim in ("owner", "worker", "owner"):
            already = sum(len(each.taken) for each in senders)
            wait_for(lambda already=already: sum(len(one.taken) for one in senders) > already + 20, "mail is taken")
            server.kill(victim)
        already = sum(len(each.taken) for each in senders)
        wait_for(lambda: sum(len(each.taken) for each in senders) > already + 20, "mail is taken again")
        server.destroy()  # all at once
        for each in senders:
            each.enough.set()
            each.join()
        store = open_store(str(server.directory / "store"))
        try:
            events = find(store.connection(), Query(text="alice@example.test", most=1_000_000))
        finally:
            store.close()
    taken = {identity: queue_id for each in senders for identity, queue_id in each.taken.items()}
    written = [(event.message_id, event.queue_id) for event in events if event.what is Happening.ACCEPTED]
    assert len(set(written)) == len(written)
    assert set(taken.items()) <= set(written)
