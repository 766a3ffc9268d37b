"""What processes ask of the kernel, by strace: lines of its log become events in their order.

A call that other processes interrupt in the log (``<unfinished ...>``, ``<... resumed>``) is one event: it begins at its first line and
ends at its second. strace stops a process at both, so the lines are in the order of cause and effect, over all processes.
"""

import re
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

__all__ = ["CALLS", "Event", "attached", "command", "parse"]

CALLS = (
    "openat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate",
    "write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg", "fsync", "fdatasync",
)  # fmt: skip
"""What matters for the order of writes, syncs and answers."""

_LINE = re.compile(r"(\d+) +(\S+) (?:<\.\.\. \w+ resumed>)?(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (.*)")
_DESCRIPTOR = re.compile(r"\d+<([^<>]*(?:<[^<>]*>)?)>")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_UNFINISHED = " <unfinished ...>"


@attrs.frozen
class Event:
    """One system call.

    :ivar path: of its descriptor, or the first path it names; of a socket, what strace writes, such as ``TCP:[127.0.0.1:25->...]``.
    :ivar text: the last string among its arguments: the new name, or the first octets written, escaped as strace does.
    :ivar arguments: as strace writes them. :ivar begin: number of the line. :ivar end: number of the line. :ivar ok: it did not fail.
    """

    call: str
    path: str
    text: str
    arguments: str
    begin: int
    end: int
    ok: bool = True

    @property
    def offset(self) -> int:
        """Where ``pwrite64`` wrote."""
        return int(self.arguments.rpartition(", ")[2])


def parse(lines: Iterable[str]) -> list[Event]:
    """The events of a log written with the options of :func:`command`, in the order in which they began."""
    unfinished: dict[str, tuple[int, str]] = {}
    events = []
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            continue
        process, rest = match[1], match[3]
        begin, before = unfinished.pop(process, (number, ""))
        if rest.endswith(_UNFINISHED):
            unfinished[process] = number, rest.removesuffix(_UNFINISHED)
            continue
        event = _event(before + rest, begin, number)
        if event is not None:
            events.append(event)
    return sorted(events, key=lambda event: event.begin)


def _event(text: str, begin: int, end: int) -> Event | None:
    match = _CALL.match(text)
    if match is None:
        return None  # a signal, an exit
    call, arguments, result = match.groups()
    descriptor = None if call.endswith("at") else _DESCRIPTOR.match(arguments)
    strings = _STRING.findall(arguments) or [""]
    return Event(
        call=call,
        path=descriptor[1] if descriptor else strings[0],
        text=strings[-1],
        arguments=arguments,
        begin=begin,
        end=end,
        ok=not result.startswith("-1"),
    )


def command(log: Path) -> list[str]:
    """The strace command that writes such a log; a program, or ``-p`` and process numbers, follow."""
    return [
        "strace",
        "-f",
        "-tt",
        "-yy",
        "-s",
        "64",
        "-e",
        f"trace={','.join(CALLS)}",
        "-e",
        "signal=none",
        "-o",
        str(log),
    ]


@contextmanager
def attached(pids: Iterable[int], log: Path) -> Iterator[None]:
    """Trace running processes, with all their threads, during the block. Raises RuntimeError if strace may not."""
    pids = list(pids)
    options = [word for pid in pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen([*command(log), *options], stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        for _ in pids:
            said = tracer.stderr.readline()
            if "attached" not in said:
                raise RuntimeError(f"strace: {said}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=120)
