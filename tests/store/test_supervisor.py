"""Keeping the owner alive, on a reactor that only pretends."""

import os
import sys

import pytest
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailsvc.core.errors import MailError
from mailsvc.store.owner import READY
from mailsvc.store.supervisor import OwnerService


class Transport:
    """A process that notes what is done to it."""

    def __init__(self, pid):
        self.pid = pid
        self.done = []

    def write(self, data):
        """Noted."""
        self.done.append(data.decode().strip())

    def closeStdin(self):
        """Noted."""
        self.done.append("close")

    def signalProcess(self, name):
        """Noted."""
        self.done.append(name)


class Reactor(Clock):
    """A clock that starts processes on paper."""

    def __init__(self):
        super().__init__()
        self.processes = []

    def spawnProcess(self, protocol, executable, args, env=None):
        """One more."""
        protocol.transport = Transport(len(self.processes) + 100)
        self.processes.append(protocol)
        self.arguments, self.environment = args, env
        return protocol.transport


@pytest.fixture
def service():
    """A running service."""
    service = OwnerService(Reactor(), "dir", "python9")
    service.startService()
    return service


def die(service):
    """The owner that runs now ends."""
    service._reactor.processes[-1].processEnded(Failure(ProcessTerminated(signal=9)))


def test_owner_finds_what_we_found(service):
    """The owner starts from a checkout too, wherever twistd was started: it is given our search path."""
    assert service._reactor.environment["PYTHONPATH"].split(os.pathsep) == [os.path.abspath(one) for one in sys.path]


def test_start_and_ready(service):
    """The owner is started with the store's directory; ready fires at its word, even in pieces."""
    assert service._reactor.arguments == ["python9", "-P", "-m", "mailsvc.store.owner", "dir"]
    heard = []
    service.ready().addCallback(heard.append)
    for piece in (READY[:2], READY[2:]):
        assert heard == []
        service._reactor.processes[0].outReceived(piece)
    assert heard == [None]
    service.ready().addCallback(heard.append)
    assert heard == [None, None]
    assert service.pid == 100


def test_it_is_started_again(service):
    """At once the first time; later and later while it keeps dying young; at once again after a long life."""
    delays = []
    for _ in range(9):
        die(service)
        assert service.pid is None
        (call,) = service._reactor.getDelayedCalls()
        delays.append(round(call.getTime() - service._reactor.seconds(), 3))
        service._reactor.advance(delays[-1])
    assert delays == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    service._reactor.advance(60)
    die(service)
    service._reactor.advance(0)
    assert service.starts == len(service._reactor.processes) == 11


def test_ready_waits_for_the_next_owner(service):
    """Who waits while it is being started again is told when the new one is there."""
    die(service)
    heard = []
    service.ready().addCallback(heard.append)
    service._reactor.advance(0)
    service._reactor.processes[1].outReceived(READY)
    assert heard == [None]


def test_stop(service):
    """Its input is closed; the service has stopped when it is gone, and starts no other."""
    stopped = []
    service.stopService().addCallback(stopped.append)
    assert service._reactor.processes[0].transport.done == ["stop", "close"]
    assert stopped == []
    die(service)
    assert stopped == [None]
    assert service._reactor.getDelayedCalls() == []
    assert service.starts == 1


def test_stop_of_an_owner_that_hangs(service):
    """After ten seconds it is killed."""
    service.stopService()
    service._reactor.advance(10)
    assert service._reactor.processes[0].transport.done == ["stop", "close", "KILL"]
    die(service)
    assert service._reactor.getDelayedCalls() == []


def test_stop_between_two_owners(service):
    """While none runs there is nothing to wait for, and none is started any more; who waited for ready is told."""
    die(service)
    heard = []
    service.ready().addErrback(lambda failure: heard.append(failure.value))
    assert service.stopService() is None
    assert isinstance(heard[0], MailError)
    assert service._reactor.getDelayedCalls() == []
