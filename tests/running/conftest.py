"""A running server for each number of workers, shared by the tests that do not break it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.testing.harness import RunningServer


@pytest.fixture(scope="module", params=[1, 2], ids=["1-worker", "2-workers"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with one worker, then one with two."""
    config = '[log]\ndebug = ["smtp", "submission", "lmtp", "pop3"]'
    with RunningServer(tmp_path_factory.mktemp("server"), workers=request.param, config=config) as running:
        yield running


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """For a server of the test's own."""
    return tmp_path / "server"
