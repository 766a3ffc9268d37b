"""The main process is killed: its owner serves those who still have something to write down, and makes room for the next one."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailsvc.core.errors import MailError
from mailsvc.core.interfaces.queue import QUEUE_LOCK
from mailsvc.store.connect import OwnerLink
from mailsvc.store.layout import Layout
from mailsvc.store.owner import READY, STOP

PATIENCE = 30


class Owner:
    """An owner process whose parent is the test."""

    def __init__(self, path: Path) -> None:
        command = [sys.executable, "-P", "-m", "mailsvc.store.owner", str(path)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)

    def is_ready(self) -> bool:
        """Whether it comes to listen; False if it ends before."""
        assert self.process.stdout is not None
        return self.process.stdout.readline() == READY

    def lose_parent(self) -> None:
        """What the death of its parent looks like to it."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def stop(self) -> None:
        """What its parent says when all is to end."""
        assert self.process.stdin is not None
        self.process.stdin.write(STOP)
        self.process.stdin.close()

    def ends(self) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(PATIENCE)

    def __enter__(self) -> "Owner":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what the test began."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def owner(stack: ExitStack, tmp_path: Path) -> Owner:
    """An owner that listens."""
    owner = stack.enter_context(Owner(tmp_path))
    assert owner.is_ready()
    return owner


@pytest.fixture
def worker(stack: ExitStack, owner: Owner, tmp_path: Path) -> OwnerLink:
    """Somebody who uses it."""
    worker = stack.enter_context(OwnerLink(Layout(str(tmp_path)), PATIENCE))
    worker.request("ping")
    return worker


def test_nobody_is_left(owner: Owner) -> None:
    """An owner without a parent and without anybody who uses it ends at once."""
    owner.lose_parent()
    assert owner.ends() == 0


def test_workers_finish(owner: Owner, worker: OwnerLink) -> None:
    """An owner without a parent commits for the workers that are left, and ends with the last of them."""
    owner.lose_parent()
    for _ in range(3):
        worker.request("ping")
    worker.close()
    assert owner.ends() == 0


def test_stopped(owner: Owner, worker: OwnerLink) -> None:
    """Told to end it ends, whoever is still there."""
    owner.stop()
    assert owner.ends() == 0


def test_makes_room(owner: Owner, worker: OwnerLink, stack: ExitStack, tmp_path: Path) -> None:
    """The next owner does not wait until the last worker of the one before has gone."""
    owner.lose_parent()
    worker.request("ping")
    following = stack.enter_context(Owner(tmp_path))
    assert following.is_ready()
    assert owner.ends() == 0
    with OwnerLink(Layout(str(tmp_path)), PATIENCE) as again:
        again.request("ping")
    following.stop()
    assert following.ends() == 0


def test_who_sent_the_queue_may_go_on(owner: Owner, worker: OwnerLink, stack: ExitStack, tmp_path: Path) -> None:
    """After such a change nobody gets the queue's lock but who had it before: it may be in the middle of a message."""
    worker.request("lock", QUEUE_LOCK, math.inf)
    owner.lose_parent()
    worker.request("ping")
    following = stack.enter_context(Owner(tmp_path))
    assert following.is_ready()
    stranger, same = (stack.enter_context(OwnerLink(Layout(str(tmp_path)), PATIENCE)) for _ in range(2))
    with pytest.raises(MailError, match="mailbox-locked"):
        stranger.request("lock", QUEUE_LOCK, math.inf)
    same.request("lock", QUEUE_LOCK, math.inf, True)


def test_keeps_its_place(owner: Owner, worker: OwnerLink, stack: ExitStack, tmp_path: Path) -> None:
    """An owner whose parent lives makes room for nobody: a second server on the same store is refused."""
    second = stack.enter_context(Owner(tmp_path))
    assert not second.is_ready()
    assert second.ends() == 1
    worker.request("ping")


def test_one_that_does_not_answer(owner: Owner, stack: ExitStack, tmp_path: Path) -> None:
    """An owner that hangs does not make the next one hang: it gives up, and is started again later."""
    os.kill(owner.process.pid, signal.SIGSTOP)
    second = stack.enter_context(Owner(tmp_path))
    assert second.ends() == 1
