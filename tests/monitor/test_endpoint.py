"""/metrics and /health over HTTP, on an in-memory transport."""

import json
from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from mailsvc.core.errors import temporary
from mailsvc.monitor import counters
from mailsvc.monitor.endpoint import make_site
from mailsvc.monitor.health import PATIENCE, Check


async def fine() -> None:
    """A check that passes."""


async def broken() -> None:
    """A check that fails."""
    raise temporary("low-disk", "5 octets free")


async def silent() -> None:
    """A check that never answers."""
    await Deferred()


class Browser:
    """One HTTP request."""

    def __init__(self, path: str, checks: Mapping[str, Check]) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection
        self.protocol = make_site(self.clock, checks).buildProtocol(None)
        self.protocol.callLater = self.clock.callLater
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(f"GET {path} HTTP/1.0\r\n\r\n".encode())

    @property
    def answer(self) -> tuple[int, bytes]:
        """Status and body."""
        head, _, body = self.transport.value().partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def test_metrics() -> None:
    """/metrics shows the counters in Prometheus' text format."""
    counters.command("smtp", "VRFY")
    status, body = Browser("/metrics", {}).answer
    assert status == 200
    assert b'mailsvc_commands_total{command="VRFY",protocol="smtp"} 1.0' in body


def test_healthy() -> None:
    """/health answers 200 and names what was checked."""
    status, body = Browser("/health", {"store": fine}).answer
    assert (status, json.loads(body)) == (200, {"status": "ok", "checks": {"store": "ok"}})


def test_failing() -> None:
    """A failing check makes it 503, with the reason; the others are still told."""
    status, body = Browser("/health", {"disk": broken, "store": fine}).answer
    assert status == 503
    assert json.loads(body) == {
        "status": "failing",
        "checks": {"disk": "not-now: low-disk (5 octets free)", "store": "ok"},
    }


def test_silent() -> None:
    """A check that does not answer has failed after a few seconds; the request does not hang."""
    browser = Browser("/health", {"store": silent})
    assert browser.transport.value() == b""
    browser.clock.advance(PATIENCE)
    status, body = browser.answer
    assert status == 503
    assert json.loads(body)["checks"] == {"store": "no answer within 3 seconds"}


def test_asker_gone() -> None:
    """A client that hangs up while we examine does no harm, and is nothing for the log."""
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        browser = Browser("/health", {"store": silent, "disk": fine})
        browser.protocol.connectionLost(Failure(ConnectionDone()))
        browser.clock.advance(PATIENCE)
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert browser.transport.value() == b""
    assert [event for event in events if "log_failure" in event] == []


def test_nothing_else() -> None:
    """Other paths are 404."""
    assert Browser("/", {}).answer[0] == 404
