"""The library that makes syncs slow, forgotten or recorded does what it says: durability tests and benchmarks stand on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import slowsync

PROGRAM = """
import os, sys
folder = sys.argv[1]
for name in (folder, folder + "/message", folder + "/store.db-wal"):
    fd = os.open(name, os.O_RDONLY if name == folder else os.O_RDWR | os.O_CREAT)
    os.fsync(fd)
    os.fdatasync(fd)
"""


def syncs(folder: Path, *drop: str) -> list[str]:
    """The lines of the log, without time and process, of a program that syncs a directory, a message and a write-ahead log."""
    log, files = folder / "log", folder / "files"
    files.mkdir()
    environment = {**os.environ, **slowsync.environment(folder, drop=drop, log=log)}
    subprocess.run([sys.executable, "-c", PROGRAM, files], env=environment, check=True)
    return [line.split(" ", 2)[2].replace(str(files), "") for line in log.read_text().splitlines()]


@pytest.mark.need("cc")
def test_records_each_sync(tmp_path: Path) -> None:
    """Each sync leaves one line with its call and its path; a directory's path ends in a slash."""
    assert syncs(tmp_path) == [
        "fsync done /", "fdatasync done /",
        "fsync done /message", "fdatasync done /message",
        "fsync done /store.db-wal", "fdatasync done /store.db-wal",
    ]  # fmt: skip


@pytest.mark.need("cc")
@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("*/", {"/"}),
        ("*-wal", {"/store.db-wal"}),
        ("*/message", {"/message"}),
        ("*[!/]", {"/message", "/store.db-wal"}),
    ],
)
def test_drops_what_it_is_told(pattern: str, hit: set[str], tmp_path: Path) -> None:
    """Only the syncs of paths that fit the pattern are forgotten: a directory, a database or a file."""
    assert {line.split()[2] for line in syncs(tmp_path, pattern) if " dropped " in line} == hit
