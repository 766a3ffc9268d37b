"""Nothing that tests or benchmarks start outlives them, not even if they are killed with ``kill -9``.

A shell waits for the end of a pipe that only we hold open: it comes when we end, however we end. (The kernel's own signal at a parent's
death, PR_SET_PDEATHSIG, is forgotten by servers that change their user.)
"""

import subprocess

__all__ = ["Keeper"]

_WAIT_AND_KILL = """\
read -r nothing
kill -s TERM -- "$1"
for tenth in $(seq 100); do
  kill -s 0 -- "$1" || exit 0
  sleep 0.1
done
kill -s KILL -- "$1"
"""


class Keeper:
    """Ends another process when this one ends, unless :meth:`release` comes first."""

    def __init__(self, target: int) -> None:
        """:param target: a process, or with a minus sign a process group: SIGTERM for it, and after ten seconds SIGKILL."""
        self._shell = subprocess.Popen(
            ["sh", "-c", _WAIT_AND_KILL, "keeper", str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it
        )

    def release(self) -> None:
        """The target has ended, or may live on. Harmless twice."""
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin is not None
        self._shell.stdin.close()
