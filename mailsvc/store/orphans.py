"""Files of messages that never came to be: their row was not committed before a crash.

A file is an orphan when no row names it and it is old enough (an hour) that no transaction can still be about to.
"""

import os
import time
from collections.abc import Iterator

import apsw

from mailsvc.store.layout import Layout

__all__ = ["AGE", "body_files", "find", "named", "sweep"]

AGE = 3600
"""Seconds after which a file without a row is an orphan."""


def body_files(layout: Layout) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """All files of large messages: location and directory entry."""
    for number in range(256):
        try:
            entries = list(os.scandir(os.path.join(layout.bodies, f"{number:02x}")))
        except FileNotFoundError:
            continue
        yield from ((f"{number:02x}/{entry.name}", entry) for entry in entries)


def find(layout: Layout, db: apsw.Connection, age: float = AGE) -> list[str]:
    """Paths, relative to the bodies' directory, of files older than ``age`` seconds that no row names; unfinished ones too."""
    before = time.time() - age
    unnamed = [location for location, entry in body_files(layout) if _older(entry, before) and not _known(db, location)]
    unfinished = [f"tmp/{entry.name}" for entry in os.scandir(layout.tmp) if _older(entry, before)]
    return unnamed + unfinished


def sweep(layout: Layout, db: apsw.Connection, age: float = AGE) -> list[str]:
    """Remove the orphans; returns what was removed."""
    removed = []
    for path in find(layout, db, age):
        try:
            os.unlink(layout.body(path))
        except OSError:
            continue  # the next sweep tries again
        removed.append(path)
    return removed


def _older(entry: os.DirEntry[str], before: float) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_mtime < before
    except OSError:
        return False


def named(db: apsw.Connection, location: str) -> bool:
    """Whether a message needs this file."""
    return db.execute("SELECT 1 FROM content WHERE location=?", (location,)).fetchone() is not None


def _known(db: apsw.Connection, location: str) -> bool:
    """Whether it is needed, or waits to be removed."""
    return (
        named(db, location)
        or db.execute("SELECT 1 FROM unlink_later WHERE location=?", (location,)).fetchone() is not None
    )
