"""What a killed test run leaves behind: nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailsvc.testing.harness import alive, wait_for
from mailsvc.testing.keeper import Keeper


def killed(program: str, *arguments: str) -> list[int]:
    """Run a Python program until it prints the pids of what it started, kill it with -9, and return them."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert pids
        assert all(map(alive, pids))
        process.kill()
    return pids


GROUP = """
import subprocess, time
from mailsvc.testing.keeper import Keeper
shell = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True)
keeper = Keeper(-shell.pid)
print(shell.pid, int(shell.stdout.readline()), flush=True)
time.sleep(1000)
"""

SERVER = """
import pathlib, sys, time
from mailsvc.testing.harness import RunningServer
with RunningServer(pathlib.Path(sys.argv[1]), workers=2) as server:
    print(*server.processes().values(), flush=True)
    time.sleep(1000)
"""


def test_group_ends_with_us() -> None:
    """A whole process group ends when the one who started it is killed."""
    pids = killed(GROUP)
    wait_for(lambda: not any(map(alive, pids)), "the group ends")


def test_server_ends_with_us(tmp_path: Path) -> None:
    """Main process, owner and workers of a test server end when the tests are killed."""
    pids = killed(SERVER, str(tmp_path))
    assert len(pids) == 4
    wait_for(lambda: not any(map(alive, pids)), "the server ends")


def test_released_target_lives_on() -> None:
    """After release nothing is killed any more."""
    with subprocess.Popen(["sleep", "1000"]) as target:
        keeper = Keeper(target.pid)
        keeper.release()
        keeper.release()
        with pytest.raises(subprocess.TimeoutExpired):
            target.wait(0.2)
        os.kill(target.pid, signal.SIGKILL)
