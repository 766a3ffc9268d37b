"""Servers and mailboxes for the clients, and the table of what they could do."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer, free_ports

from .mailbox import empty
from .matrix import Cell, render
from .programs import VERSIONS, version

_RESULTS: dict[Cell, str] = {}

_MORE_LISTENERS = """
[[listener]]
protocol = "lmtp"
address = "127.0.0.1"
port = {port}
tls = "starttls"

[[listener]]
protocol = "lmtp"
address = "unix:{socket}"
tls = "none"
"""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Collect the cells: ``ok``, ``FAILED``, or nothing for what was skipped."""
    for name, cell in report.user_properties:
        if name == "cell" and (report.failed or (report.when == "call" and report.passed)):
            _RESULTS[tuple(cell)] = "ok" if report.passed else "FAILED"  # type: ignore[index]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it where the environment says."""
    if not _RESULTS:
        return
    table = render(
        _RESULTS, {client: version(client) for client in VERSIONS if client in {cell[0] for cell in _RESULTS}}
    )
    terminalreporter.section("clients that were tried")
    terminalreporter.write(table)
    file = os.environ.get("MAILSVC_INTEROP_TABLE")
    if file:
        Path(file).write_text(table, encoding="utf-8")


@pytest.fixture(autouse=True)
def cell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """A test with parameters ``client``, ``tls`` and ``operation`` fills a cell of the table."""
    parameters = getattr(getattr(request.node, "callspec", None), "params", {})
    if {"client", "tls", "operation"} <= parameters.keys():
        record_property("cell", [parameters[name] for name in ("client", "tls", "operation")])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with two workers; besides the usual listeners, LMTP with STARTTLS and LMTP on a socket file."""
    directory = tmp_path_factory.mktemp("server")
    (port,) = free_ports(1)
    more = _MORE_LISTENERS.format(port=port, socket=directory / "lmtp.sock")
    with RunningServer(directory, workers=2, config=more) as running:
        running.ports["lmtp-starttls"] = port
        yield running


@pytest.fixture
def empty_mailbox(server: RunningServer) -> None:
    """Nothing is left of the test before in bob's mailbox."""
    empty(server, "bob@example.test")
