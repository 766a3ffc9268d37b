"""Where the counters of several processes lie: in memory, under a name in the store's directory.

prometheus_client counts in files that each process maps. On a full disk a write to such a file ends the process (SIGBUS), on a read-only
disk it cannot be made: then nobody would be left to tell clients "later". So the name is a symbolic link to a directory in memory.
"""

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["fresh_directory", "remove_directory"]

_MEMORY = "/dev/shm"  # noqa: S108 - what is made there has a random name and is ours alone


def fresh_directory(link: Path) -> None:
    """Make ``link`` lead to an empty directory; what it led to is removed. Raises OSError if neither link nor directory can be made."""
    old = os.path.realpath(link)
    shutil.rmtree(old, ignore_errors=True)
    new = tempfile.mkdtemp(prefix="mailsvc-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    following = link.with_name(link.name + ".new")
    try:
        following.unlink(missing_ok=True)
        following.symlink_to(new)
        following.replace(link)
    except OSError:  # the store's disk takes nothing now: the old link has to do
        os.rename(new, old)


def remove_directory(link: Path) -> None:
    """Remove the directory. The link stays, for a start on a disk that takes nothing."""
    shutil.rmtree(os.path.realpath(link), ignore_errors=True)
