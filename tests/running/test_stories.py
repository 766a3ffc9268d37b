"""What ``mailsvc relay explain`` and ``trace`` tell of a running server, in both languages (``stories.en.txt``, ``stories.ja.txt``).

After a change that is meant: ``python -m tests.running.test_stories`` writes the files anew; read them as somebody who is no expert.
Times, queue ids and sizes stand as TIME, Q1, Q2 and SIZE.
"""

import re
import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailsvc.cli.main import cli
from mailsvc.core.ledger import FIRST_USE, REPORT, Event, Happening, Query
from mailsvc.ledger.finding import find
from mailsvc.store.connect import open_store
from mailsvc.testing.harness import RunningServer, wait_for
from mailsvc.texts import LANGUAGES
from tests.relaying import allowed
from tests.running.sink import Sink
from tests.running.test_relay import connect, receive

HERE = Path(__file__).parent
ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@brief.test"

CONFIG = """
[relay]
preset = "kyoto"
grants_on_loopback_for_tests = true

[[domain]]
name = "brief.test"
relay_window = "6 s"

[[route]]
domains = ["*"]
hosts = ["127.0.0.1:{port}"]
"""


class Plot:
    """One address, and what happens there."""

    def __init__(self, server: RunningServer, place: str) -> None:
        self.server = server
        self.place = place
        self.session: smtplib.SMTP = connect(server, place)

    def rows(self) -> list[Event]:
        """What the ledger knows of the address, the oldest first."""
        store = open_store(str(self.server.directory / "store"))
        try:
            return find(store.connection(), Query(address=self.place))[::-1]
        finally:
            store.close()

    def count(self, what: Happening) -> int:
        """Rows of a kind."""
        return sum(event.what is what for event in self.rows())

    def ask(self, recipient: str = "taro@elsewhere.test") -> bool:
        """Whether a recipient elsewhere is allowed now."""
        self.session.rset()
        self.session.mail(ALICE)
        code, text = self.session.rcpt(recipient)
        return allowed(f"{code} {text.decode()}")

    def refused(self) -> None:
        """The client tries to send, in vain, and that is written down."""
        refused = self.count(Happening.REFUSED)
        wait_for(lambda: not self.ask(), "it is refused")
        wait_for(lambda: self.count(Happening.REFUSED) > refused, "the refusal is written down")

    def receive(self, address: str) -> None:
        """Somebody reads mail."""
        granted = self.count(Happening.GRANTED)
        receive(self.server, self.place, address)
        wait_for(lambda: self.count(Happening.GRANTED) > granted, "the permission is written down")
        # What is committed after that is acknowledged after the only worker has heard of the permission.
        with smtplib.SMTP(self.server.host, self.server.ports["smtp"], timeout=30) as other:
            other.sendmail("", [ALICE], "Subject: y\r\n\r\n")

    def send(self, recipient: str = "taro@elsewhere.test", first: bool = False) -> str:
        """The client sends; the queue id. ``first``: the owner of the account gets a letter about that."""
        wait_for(lambda: self.ask(recipient), "it may send")
        code, text = self.session.data("Subject: x\r\n\r\ntext\r\n")
        assert code == 250
        wait_for(
            lambda: not first or any(event.reason == FIRST_USE for event in self.rows()), "the letter is delivered"
        )
        return re.findall(rb"\w{16}", text)[0].decode()

    def explain(self) -> list[str]:
        """How to ask about the address."""
        return ["relay", "explain", "--ip", self.place]


def refuse_receive_send(plot: Plot) -> list[str]:
    """Refused, then received, then sent, on one connection."""
    plot.refused()
    plot.receive(ALICE)
    plot.send(first=True)
    return plot.explain()


def expired(plot: Plot) -> list[str]:
    """The time for sending is over."""
    plot.receive(CAROL)
    plot.send(first=True)
    (sent,) = (event.decision for event in plot.rows() if event.what is Happening.ACCEPTED and event.decision)
    time.sleep(max(0.0, (sent.expiry or 0) - time.time()) + 0.2)  # asking all the time would cost the connection
    plot.refused()
    return plot.explain()


def password_changed(plot: Plot) -> list[str]:
    """The password is changed in between."""
    plot.receive(BOB)
    plot.send(first=True)
    plot.server.command("user", "passwd", BOB, "--password-stdin", stdin=plot.server.accounts[BOB] + "\n")
    plot.refused()
    return plot.explain()


def two_people(plot: Plot) -> list[str]:
    """Two people behind one address: the latest log-in answers."""
    plot.receive(ALICE)
    plot.send()
    plot.receive(BOB)
    plot.send()
    return plot.explain()


def by_hand(plot: Plot) -> list[str]:
    """Given and taken by an administrator."""
    plot.server.command("relay", "grant", plot.place, ALICE, "--for", "10 min")
    plot.send()
    plot.server.command("relay", "revoke", plot.place)
    plot.refused()
    return plot.explain()


def report(plot: Plot) -> list[str]:
    """The next server refuses, and the sender gets a report."""
    plot.receive(ALICE)
    queue_id = plot.send("nobody@elsewhere.test")

    def told() -> bool:
        store = open_store(str(plot.server.directory / "store"))
        try:
            return any(event.reason == REPORT for event in find(store.connection(), Query(text=queue_id)))
        finally:
            store.close()

    wait_for(told, "the report is delivered")
    return ["trace", queue_id]


PLOTS: dict[str, Callable[[Plot], list[str]]] = {
    "refused, received, sent on one connection": refuse_receive_send,
    "sent, and once more when the time was over": expired,
    "the password is changed in between": password_changed,
    "two people behind one address": two_people,
    "given and taken by hand": by_hand,
    "a report": report,
}


def plain(text: str) -> str:
    """What is the same whenever it happens; a refusal that had to be tried twice stands once."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?", "TIME", text)
    text = re.sub(r"[\d,]+( octets| バイト)", r"SIZE\1", text)
    text = re.sub(r"127\.0\.0\.1:\d+|(?<=127\.0\.0\.1\]):\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"first-use\.\d+\.\d+@", "first-use.NUMBER@", text)
    names: dict[str, str] = {}
    text = re.sub(r"\b[0-9A-Z]{16}\b", lambda found: names.setdefault(found[0], f"Q{len(names) + 1}"), text)
    text = re.sub(r"\b[0-9a-f]{16}\b", lambda found: names.setdefault(found[0], f"g{len(names) + 1}"), text)
    entries = re.split(r"\n(?= *TIME )", text)
    return "\n".join(entry for number, entry in enumerate(entries) if not number or entry != entries[number - 1])


def written(server: RunningServer) -> Iterator[tuple[str, str, str]]:
    """Language, title and text of each story."""
    server.command("user", "add", CAROL, "--password-stdin", stdin="carol-secret\n")
    server.accounts[CAROL] = "carol-secret"
    for number, (title, plot) in enumerate(PLOTS.items()):
        question = plot(Plot(server, f"127.0.8.{number + 10}"))
        for language in LANGUAGES:
            told = CliRunner().invoke(cli, ["-c", str(server.file), "--lang", language, *question])
            assert told.exit_code == 0, told.output
            yield language, title, plain(told.stdout)


def stories(directory: Path) -> dict[str, str]:
    """The files, by language."""
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    with Sink() as sink, RunningServer(directory, config=CONFIG.format(port=sink.port)) as server:
        for language, title, text in written(server):
            found[language].append(f"## {title}\n{text}")
    return {language: "\n".join(parts) for language, parts in found.items()}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All stories of one server."""
    return stories(tmp_path_factory.mktemp("server"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_stories(told: dict[str, str], language: str) -> None:
    """They read as they were last read by a person."""
    assert told[language] == (HERE / f"stories.{language}.txt").read_text("utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for each, text in stories(Path(name) / "server").items():
            (HERE / f"stories.{each}.txt").write_text(text, "utf-8")
