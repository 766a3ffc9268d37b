"""A running server as a stranger meets it, for all tests of this folder, and where its mail to others goes."""

from collections.abc import Iterator

import pytest

from mailsvc.testing.harness import RunningServer
from tests.running.sink import Sink


@pytest.fixture(scope="package")
def sink() -> Iterator[Sink]:
    """The next hop of all mail to others."""
    with Sink() as running:
        yield running


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[RunningServer]:
    """With the defaults: SMTP AUTH only."""
    config = f'[[route]]\ndomains = ["*"]\nhosts = ["127.0.0.1:{sink.port}"]\n'
    with RunningServer(tmp_path_factory.mktemp("server"), config=config) as running:
        yield running
