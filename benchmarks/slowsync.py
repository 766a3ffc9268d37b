"""The environment that puts a program on another disk: compiles ``slowsync.c`` and names it in ``LD_PRELOAD``."""

import subprocess
from pathlib import Path

__all__ = ["environment"]

SOURCE = Path(__file__).with_name("slowsync.c")


def environment(
    folder: Path, *, sleep_ms: float = 0, serial: bool = False, drop: tuple[str, ...] = (), log: Path | None = None
) -> dict[str, str]:
    """Variables for a process whose syncs shall be slow, forgotten or recorded.

    :param folder: where the library (and the lock file) goes. :param sleep_ms: added to each sync, in milliseconds.
    :param serial: sleeps queue behind each other, over all processes. :param drop: patterns of paths whose syncs do nothing.
    :param log: a file that gets a line for each sync.
    """
    library = folder / "slowsync.so"
    if not library.exists():
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    settings = {
        "LD_PRELOAD": str(library),
        "SYNC_SLEEP_MS": str(sleep_ms) if sleep_ms else "",
        "SYNC_SERIAL": str(folder / "slowsync.lock") if serial else "",
        "SYNC_DROP": ":".join(drop),
        "SYNC_LOG": str(log or ""),
    }
    return {name: value for name, value in settings.items() if value}
