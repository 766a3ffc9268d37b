"""A running server as a stranger meets it, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from mailsvc.testing.harness import RunningServer


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """With the defaults: SMTP AUTH only."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running
