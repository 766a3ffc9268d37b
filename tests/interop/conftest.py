"""Servers and mailboxes for the clients, and the table of what they could do."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer

from .mailbox import empty
from .matrix import Cell, render
from .programs import VERSIONS, version
from .servers import make_server

_RESULTS: dict[Cell, str] = {}


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
    """A running server."""
    directory = tmp_path_factory.mktemp("server")
    with make_server(directory, directory / "lmtp.sock") as running:
        yield running


@pytest.fixture
def empty_mailbox(server: RunningServer) -> None:
    """Nothing is left of the test before in bob's mailbox."""
    empty(server, "bob@example.test")
