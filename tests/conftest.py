"""What every test may use: programs that a test needs, and real messages from outside.

``@pytest.mark.need("swaks")`` on a test, class or parameter names programs that must be installed. Without them the test is skipped, except
where ``CI=true``: there a missing program is a failure, so that CI cannot pass by testing nothing.
"""

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from twisted.trial.unittest import SynchronousTestCase

IN_CI = os.environ.get("CI") == "true"
settings.register_profile(  # a busy machine is no defect of what is tested; in CI Hypothesis itself chooses the same examples each time
    "unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

_SBIN = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])  # where Debian keeps servers


def pytest_configure(config: pytest.Config) -> None:
    """Where Python is told to leave no bytecode beside the sources, the processes that tests start keep theirs in a folder that goes at the
    end: each of the hundreds would compile the whole program anew, a third of what its start takes."""
    if sys.dont_write_bytecode and "PYTHONPYCACHEPREFIX" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="mailsvc-bytecode-", ignore_cleanup_errors=True)
        os.chmod(folder.name, 0o755)  # for the servers that give up being root
        config.add_cleanup(folder.cleanup)
        os.environ["PYTHONPYCACHEPREFIX"] = folder.name
        del os.environ["PYTHONDONTWRITEBYTECODE"]


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


@pytest.fixture
def quickstart_ports() -> Iterator[None]:
    """The ports of the quick start, for one test of this machine at a time: it looks for free ones before it takes them, and comes back to
    the same ones at the next start."""
    with open(Path(tempfile.gettempdir()) / f"mailsvc-quickstart-{os.getuid()}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def trial_files(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files of trial's test cases go where pytest's go, not into the folder where somebody runs the tests."""
    if isinstance(request.instance, SynchronousTestCase):
        monkeypatch.setattr(request.instance, "mktemp", lambda: str(tmp_path_factory.mktemp("trial") / "temp"))
