"""A small disk of its own for a store (tmpfs), which only root may mount: to be filled to the last octet."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Disk", "mounted"]

_MB = 1_000_000


class Disk:
    """A small disk at ``path``."""

    def __init__(self, path: Path, octets: int) -> None:
        """Raises CalledProcessError if this machine lets nobody mount."""
        self._path = path
        self._filler = path / "filler"
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={octets}", "tmpfs", path], check=True)

    @property
    def free(self) -> int:
        """Octets."""
        found = os.statvfs(self._path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Use up what is free, but for ``leave`` octets; what was used up before stays so."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while self.free > leave:
                    file.write(bytes(min(_MB, max(self.free - leave, 1))))
            except OSError:
                if leave:
                    raise

    def empty(self) -> None:
        """Give it back."""
        self._filler.unlink()

    def remount(self, mode: str) -> bool:
        """Make it ``"ro"`` or ``"rw"``; False if somebody has a file open for writing."""
        return subprocess.run(["mount", "-o", f"remount,{mode}", self._path], capture_output=True).returncode == 0

    def unmount(self) -> None:
        """Away with it."""
        subprocess.run(["umount", "-l", self._path], check=True)


@contextmanager
def mounted(path: Path, octets: int) -> Iterator[Disk | None]:
    """A disk for the block; None where nobody may mount."""
    try:
        disk = Disk(path, octets) if os.geteuid() == 0 else None
    except subprocess.CalledProcessError:
        disk = None
    try:
        yield disk
    finally:
        if disk is not None:
            disk.unmount()
