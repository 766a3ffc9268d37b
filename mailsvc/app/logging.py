"""The log: one line per event, as text for people or as JSON for programs.

Rooms log with :class:`twisted.logger.Logger`. A :class:`LineObserver` lets through what :class:`Levels` allows, makes a line of each
event and gives it to a *writer*: a file with rotation, standard output, or, in a worker process, the pipe to the parent, which writes
the lines of all processes into one file. Peers' control characters are shown escaped, so that nobody forges a line.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from mailsvc.app.options import LogFormat, LogOptions

__all__ = ["Levels", "LineObserver", "Writer", "json_line", "make_observer", "open_writer", "text_line", "write_lines"]

Writer = Callable[[str], None]
"""Takes one event as text with its newline."""

# Twisted tells of each factory and each attempt to connect.
_QUIET = {"twisted": LogLevel.warn, "log_legacy": LogLevel.warn}


class Levels(LogLevelFilterPredicate):
    """Which events are logged: from ``info`` up, and the dialogue of the protocols whose debugging is on."""

    def __init__(self, debug: Iterable[str] = ()) -> None:
        super().__init__(defaultLogLevel=LogLevel.info)
        for namespace, level in _QUIET.items():
            self.setLogLevelForNamespace(namespace, level)
        for protocol in debug:
            self.set(protocol, "debug")

    def debugging(self, protocol: str) -> bool:
        """Whether the dialogue of a protocol is logged, so that one that is not costs nothing."""
        return bool(self.logLevelForNamespace(f"mailsvc.{protocol}") is LogLevel.debug)

    def set(self, protocol: str, level: str) -> None:
        """Log the namespace ``mailsvc.<protocol>`` from ``level`` ("debug", "info", "warn", "error") up. Raises ValueError."""
        if level not in {"debug", "info", "warn", "error"}:
            raise ValueError(f"{level!r} is no log level: use debug, info, warn or error")
        self.setLogLevelForNamespace(f"mailsvc.{protocol}", LogLevel.levelWithName(level))


@implementer(ILogObserver)
class LineObserver:
    """Makes a line of each event and writes it."""

    def __init__(self, make_line: Callable[[LogEvent], str], write: Writer) -> None:
        self._make_line = make_line
        self._write = write

    def __call__(self, event: LogEvent) -> None:
        """Log one event."""
        self._write(self._make_line(event))


def make_observer(format: LogFormat, levels: Levels, write: Writer) -> ILogObserver:
    """The whole chain from event to writer."""
    observer = LineObserver(_FORMATS[format], write)
    return FilteringLogObserver(observer, [levels])


def open_writer(options: LogOptions) -> Writer:
    """Where the lines of the service go: the configured file, else standard output as it is now. Raises OSError.

    A line that cannot be written (a full disk) is lost, and nothing else is: neither mail nor the lines that come once there is room.
    """
    if options.file is None:
        return partial(_write_stream, sys.stdout)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    file = LogFile(
        options.file.name,
        str(options.file.parent),
        defaultMode=0o640,
        rotateLength=options.rotate_size or None,
        maxRotatedFiles=options.rotate_count or None,
    )
    return partial(_write_file, file)


def write_lines(descriptor: int, text: str) -> None:
    """Write to a pipe. It blocks while the reader is slow and raises BrokenPipeError once the reader is gone."""
    data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]


def _write_file(file: LogFile, text: str) -> None:
    with suppress(OSError):
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()


def _write_stream(stream: Any, text: str) -> None:
    with suppress(OSError):
        stream.write(text)
        stream.flush()


# --- lines ---


def text_line(event: LogEvent) -> str:
    """``2026-11-21T21:30:00.123+09:00 info smtp: message``; a traceback follows in indented lines."""
    head = f"{_time(event)} {_level(event)} {_room(event)}: {_printable(_message(event))}\n"
    return head + "".join(f"    {_printable(line)}\n" for line in _traceback(event))


def json_line(event: LogEvent) -> str:
    """One JSON object: time, level, room, message, traceback (a list of lines) and the event's own plain fields."""
    values = {key: value for key, value in event.items() if not key.startswith("log_") and _is_plain(value)}
    values |= {"time": _time(event), "level": _level(event), "room": _room(event), "message": _message(event)}
    if lines := list(_traceback(event)):
        values["traceback"] = lines
    return json.dumps(values, ensure_ascii=True) + "\n"


_FORMATS = {LogFormat.TEXT: text_line, LogFormat.JSON: json_line}


def _time(event: LogEvent) -> str:
    seconds, fraction = divmod(event.get("log_time", 0), 1)
    date, zone = _second(int(seconds))
    return f"{date}.{int(fraction * 1000):03d}{zone}"


@lru_cache(maxsize=1)
def _second(seconds: int) -> tuple[str, str]:
    """Date and time, and the zone then."""
    text = datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    return text[:19], text[19:]


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return str(level.name) if level else "info"


def _message(event: LogEvent) -> str:
    try:
        return str(event["log_format"].format_map(event))  # a message a line: formatEvent takes ten times as long
    except Exception:  # what only Twisted's own formatting knows ("{call()}"), and what is wrong in any case
        return formatEvent(event)


def _room(event: LogEvent) -> str:
    """The namespace, short for our own: ``mailsvc.smtp.session`` is ``smtp.session``."""
    return str(event.get("log_namespace", "?")).removeprefix("mailsvc.")


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _printable(text: str) -> str:
    """Control characters, line ends and invisible format characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _traceback(event: LogEvent) -> Iterable[str]:
    failure = event.get("log_failure")
    if failure is None:
        return ()
    try:
        return str(failure.getTraceback()).rstrip().splitlines()
    except Exception:  # an exception whose own text fails must not silence the log
        return traceback.format_exc().splitlines()
