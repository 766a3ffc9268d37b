"""How a process of ours starts another: with the same Python and the same search path, wherever ``twistd`` was started from."""

import os
import sys
from collections.abc import Mapping

__all__ = ["command_line", "environment"]


def command_line(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """What runs ``python -m module arguments``. The directory that we happen to be in is not searched for modules."""
    return [python, "-P", "-m", module, *arguments]


def environment(**further: str) -> Mapping[str, str]:
    """Our own environment, and a search path that finds what we found."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, **further}
