"""The smaller parts of the service tree: order of stopping, delays of restarts, identities, what twistd's options change."""

import os
from pathlib import Path

import pytest
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.python import usage

from mailsvc import tap
from mailsvc.app import privileges
from mailsvc.app.config import Config
from mailsvc.app.options import LogOptions
from mailsvc.app.ordered import OrderedServices
from mailsvc.app.privileges import Identity, find_identity
from mailsvc.app.workers import Assignment, next_delay, pack
from mailsvc.net.tls import KeyPair


class Part(Service):
    """Tells when it starts and stops; stopping waits for ``stopped``, or fails."""

    def __init__(self, name: str, log: list[str], failing: bool = False) -> None:
        self.label = name
        self.log = log
        self.failing = failing
        self.stopped: Deferred[None] = Deferred()

    def startService(self) -> None:
        self.log.append(f"+{self.label}")

    def stopService(self) -> Deferred[None]:
        self.log.append(f"-{self.label}")
        if self.failing:
            raise RuntimeError("stuck")
        return self.stopped


class TestOrder:
    def test_order(self) -> None:
        """Parts start in order; each is told to stop only when the one that needs it has stopped."""
        log: list[str] = []
        tree = OrderedServices()
        parts = [Part(name, log) for name in ("owner", "store", "serving")]
        for part in parts:
            part.setServiceParent(tree)
        tree.startService()
        done = tree.stopService()
        assert log == ["+owner", "+store", "+serving", "-serving"]
        parts[2].stopped.callback(None)
        assert log[-1] == "-store"
        parts[1].stopped.callback(None)
        assert log[-1] == "-owner"
        assert not done.called
        parts[0].stopped.callback(None)
        assert done.called

    def test_failing_part(self) -> None:
        """A part that fails to stop does not keep the others from stopping."""
        log: list[str] = []
        tree = OrderedServices()
        first, second = Part("first", log), Part("second", log, failing=True)
        for part in (first, second):
            part.setServiceParent(tree)
        tree.startService()
        done = tree.stopService()
        assert log[-2:] == ["-second", "-first"]
        first.stopped.callback(None)
        assert done.called


class TestDelay:
    def test_doubled(self) -> None:
        """A worker that keeps dying young is started later and later, up to half a minute."""
        delays = [0.0]
        for _ in range(12):
            delays.append(next_delay(delays[-1], lived=1.0))
        assert delays[1:5] == [0.1, 0.2, 0.4, 0.8]
        assert delays[-1] == 30.0

    def test_steady(self) -> None:
        """One that lived a while starts again at once, whatever was before."""
        assert next_delay(30.0, lived=3600.0) == 0.1


def test_message_to_worker() -> None:
    """A message is four octets of length and the value; nothing of the key shows when the assignment is printed."""
    assignment = Assignment(1, Config(hostname="mail.example.test"), KeyPair(b"cert", b"SECRET"))
    packed = pack(assignment)
    assert int.from_bytes(packed[:4], "big") == len(packed) - 4
    assert "SECRET" not in repr(assignment)


class TestIdentity:
    def test_none(self) -> None:
        """Without user and group we stay who we are."""
        assert find_identity("", "") is None

    def test_unknown(self) -> None:
        """An unknown name is refused."""
        with pytest.raises(ValueError, match="no-such-user"):
            find_identity("no-such-user", "")

    def test_not_root(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who is not root cannot become somebody else, and hears it at once."""
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
        with pytest.raises(ValueError, match="only root"):
            find_identity("nobody", "")

    def test_already(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Becoming who we are is nothing: no groups are given up, and no file changes hands."""
        done: list[object] = []
        monkeypatch.setattr(privileges, "switchUID", lambda *identity: done.append(identity))
        monkeypatch.setattr(os, "chown", lambda *arguments: done.append(arguments))
        Identity(os.getuid(), os.getgid()).assume(hand_over=tmp_path)
        assert done == []


class TestTwistd:
    def parsed(self, *arguments: str, **twistd: object) -> tap.Options:
        """Our options under a twistd with these."""
        options = tap.Options()
        options.parent = usage.Options()
        options.parent.update({"nodaemon": True, "logfile": None} | twistd)
        options.parseOptions(list(arguments))
        return options

    @pytest.mark.parametrize(
        ("twistd", "own", "expected"),
        [
            ({}, None, None),
            ({"logfile": "-"}, None, None),
            ({"logfile": "x.log"}, None, Path("x.log").absolute()),
            ({"nodaemon": False}, None, Path("twistd.log").absolute()),
            ({"nodaemon": False, "logfile": "x.log"}, Path("/var/log/own.log"), Path("/var/log/own.log")),
        ],
    )
    def test_log_file(self, twistd: dict[str, object], own: Path | None, expected: Path | None) -> None:
        """The configured log file, else that of twistd; a daemon always has one."""
        config = Config(hostname="mail.example.test", log=LogOptions(file=own))
        assert tap._where_twistd_logs(config, self.parsed(**twistd)).log.file == expected

    def test_auth(self) -> None:
        """``--auth`` sources stand behind those of the configuration, in order."""
        options = self.parsed("--auth", "memory:a:b", "--auth", "memory:c:d")
        config = tap._with_sources(Config(hostname="mail.example.test"), options["auth"])
        assert config.auth.sources == ("own", "memory:a:b", "memory:c:d")

    def test_bad_auth(self) -> None:
        """A source that cannot be made is a usage error."""
        with pytest.raises(usage.UsageError):
            self.parsed("--auth", "oracle:delphi")
