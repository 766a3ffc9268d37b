"""What every test may use: programs that a test needs, and real messages from outside.

``@pytest.mark.need("swaks")`` on a test, class or parameter names programs that must be installed. Without them the test is skipped, except
where ``CI=true``: there a missing program is a failure, so that CI cannot pass by testing nothing.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from twisted.trial.unittest import SynchronousTestCase

IN_CI = os.environ.get("CI") == "true"
settings.register_profile("unhurried", settings(), deadline=None)  # a busy machine is no defect of what is tested
settings.load_profile("unhurried")

os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # a server that a test starts is not compiled anew in each of its processes

_SBIN = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])  # where Debian keeps servers


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or in CI fail, a test whose programs are not installed."""
    names = [name for mark in item.iter_markers("need") for name in mark.args]
    missing = [name for name in names if shutil.which(name, path=_SBIN) is None]
    if missing and IN_CI:
        pytest.fail(f"not installed: {', '.join(missing)}", pytrace=False)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="session")
def corpus() -> Sequence[Path]:
    """The real messages in the folder that ``MAILSVC_CORPUS`` names; without it the test is skipped."""
    folder = os.environ.get("MAILSVC_CORPUS")
    if not folder:
        pytest.skip("MAILSVC_CORPUS names no folder of messages")
    return sorted(Path(folder).glob("*.eml"))


@pytest.fixture(autouse=True)
def trial_files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files of trial's test cases go where pytest's go, not into the folder where somebody runs the tests."""
    if isinstance(request.instance, SynchronousTestCase):
        monkeypatch.setattr(request.instance, "mktemp", lambda: str(tmp_path_factory.mktemp("trial") / "temp"))
