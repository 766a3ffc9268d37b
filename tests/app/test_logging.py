"""The log: one line per event, nothing forged, levels that change while running."""

import errno
import json
import os
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile

from mailsvc.app.logging import Levels, json_line, make_observer, open_writer, text_line, write_lines
from mailsvc.app.options import LogFormat, LogOptions


class Log:
    """A publisher of its own with our observer at its end."""

    def __init__(self, format: LogFormat = LogFormat.TEXT, debug: tuple[str, ...] = ()) -> None:
        self.lines: list[str] = []
        self.levels = Levels(debug)
        self.publisher = LogPublisher(make_observer(format, self.levels, self.lines.append))

    def of(self, namespace: str) -> Logger:
        """A room's logger."""
        return Logger(namespace=namespace, observer=self.publisher)


def test_text() -> None:
    """An event is one line: time with zone, level, room, message."""
    line = text_line(
        {
            "log_time": 0.5,
            "log_level": LogLevel.warn,
            "log_namespace": "mailsvc.smtp",
            "log_format": "{who} is slow",
            "who": "192.0.2.1",
        }
    )
    time, _, rest = line.partition(" ")
    assert rest == "warn smtp: 192.0.2.1 is slow\n"
    assert time.startswith(("1970-01-01T", "1969-12-31T"))
    assert "." in time


def test_nothing_forged() -> None:
    """A peer's line ends and control characters cannot make a second line or fool a terminal."""
    log = Log()
    log.of("mailsvc.smtp").info("EHLO {name}", name="a\r\n2026 info auth: log-in: root\x1b[2J\u202e")
    (line,) = log.lines
    assert line.count("\n") == 1
    assert r"EHLO a\r\n2026 info auth: log-in: root\x1b[2J\u202e" in line


def test_japanese() -> None:
    """Letters of any script stay readable."""
    log = Log()
    log.of("mailsvc.app").info("件名 {subject}", subject="会議")
    assert log.lines[0].endswith("件名 会議\n")


def test_twisted_formats() -> None:
    """Formats that only Twisted knows, and broken ones, are logged too."""
    log = Log()
    log.of("mailsvc.app").info("{count()} of {all}", count=lambda: 3, all=5)
    log.of("mailsvc.app").info("{missing}")
    assert log.lines[0].endswith("3 of 5\n")
    assert "missing" in log.lines[1]


def test_traceback() -> None:
    """A failure's traceback follows in indented lines, so that no line of it looks like an event."""
    log = Log()
    log.of("mailsvc.smtp").failure("a command failed", Failure(ValueError("bad\n2026 info auth: log-in")))
    head, *rest = "".join(log.lines).splitlines()
    assert head.endswith("critical smtp: a command failed")
    assert rest
    assert all(line.startswith("    ") for line in rest)


def test_json() -> None:
    """In JSON each event is an object with its plain fields."""
    log = Log(LogFormat.JSON)
    log.of("mailsvc.pop3").warn("{peer} gone\n", peer="192.0.2.1", count=3, thing=object())
    (line,) = log.lines
    event = json.loads(line)
    assert event.pop("time")
    assert event == {"level": "warn", "room": "pop3", "message": "192.0.2.1 gone\n", "peer": "192.0.2.1", "count": 3}


def test_json_traceback() -> None:
    """A traceback is a list of lines."""
    event = json.loads(
        json_line({"log_format": "oh", "log_failure": Failure(ValueError("x")), "log_level": LogLevel.critical})
    )
    assert event["traceback"][-1].endswith("builtins.ValueError: x")


def test_debugging_while_running() -> None:
    """The dialogue of one protocol can be switched on and off; others stay quiet."""
    log = Log()
    smtp, pop3 = log.of("mailsvc.smtp"), log.of("mailsvc.pop3")
    for level in ("info", "debug", "info"):
        log.levels.set("smtp", level)
        smtp.debug("at {now}", now=level)
        pop3.debug("never")
    assert [line.split(": ")[1] for line in log.lines] == ["at debug\n"]


def test_debugging_from_the_start() -> None:
    """``debug`` in the configuration does the same."""
    log = Log(debug=("lmtp",))
    log.of("mailsvc.lmtp").debug("dialogue")
    assert len(log.lines) == 1


def test_unknown_level() -> None:
    """A level that does not exist is refused by name."""
    with pytest.raises(ValueError, match="'loud'"):
        Levels().set("smtp", "loud")


def test_file_rotates(tmp_path: Path) -> None:
    """A log file that has grown past its size makes room for a new one, and only so many old ones stay."""
    path = tmp_path / "log" / "mailsvc.log"
    write = open_writer(LogOptions(file=path, rotate_size=50, rotate_count=2))
    for number in range(10):
        write(f"{number}" * 60 + "\n")
    assert sorted(each.name for each in path.parent.iterdir()) == ["mailsvc.log", "mailsvc.log.1", "mailsvc.log.2"]
    assert path.read_text() == "9" * 60 + "\n"


def test_undecodable(tmp_path: Path) -> None:
    """A file name with undecodable bytes is logged escaped, not lost."""
    path = tmp_path / "mailsvc.log"
    open_writer(LogOptions(file=path))("caf\udce9\n")
    assert path.read_text() == "caf\\udce9\n"


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file the lines go to standard output at once."""
    open_writer(LogOptions())("hello\n")
    assert capsys.readouterr().out == "hello\n"


def test_pipe() -> None:
    """A worker's lines reach the parent whole."""
    reading, writing = os.pipe()
    write_lines(writing, "何か\n")
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read() == "何か\n"


def test_interface() -> None:
    """twistd accepts the observer as one of the new kind."""
    assert ILogObserver.providedBy(make_observer(LogFormat.TEXT, Levels(), print))


def test_full_disk_costs_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for which there is no room is lost; the log goes on when there is."""
    file = tmp_path / "mailsvc.log"
    to_file = open_writer(LogOptions(file=file))
    with monkeypatch.context() as full:

        def no_room(log: LogFile, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(LogFile, "write", no_room)
        to_file("lost\n")
    to_file("kept\n")
    assert file.read_text() == "kept\n"
    with open("/dev/full", "w") as device, monkeypatch.context() as full:
        full.setattr("sys.stdout", device)
        open_writer(LogOptions())("lost\n")
        full.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), device.fileno())  # so that closing can flush
