"""PAM services and users of the system for tests, which only root can make, and which are gone afterwards."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import IN_CI

__all__ = ["UNIX", "pam_service", "system_user"]

UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"
"""The users of the system, and nobody else: unknown names are told as such."""

_FOLDER = Path("/etc/pam.d")


@contextmanager
def pam_service(text: str) -> Iterator[str]:
    """A service with this file; yields its name. Skips where that cannot be, and fails there in CI."""
    if os.geteuid() != 0 or not _FOLDER.is_dir():
        if IN_CI:
            pytest.fail("CI runs as root, on a system with PAM")
        pytest.skip("only root can add a PAM service")
    file = _FOLDER / f"mailsvc-test-{secrets.token_hex(6)}"
    file.write_text(text)
    try:
        yield file.name
    finally:
        file.unlink()


@contextmanager
def system_user() -> Iterator[tuple[str, str]]:
    """A user of the system: name and password."""
    name, password = f"mailsvct{secrets.token_hex(4)}", f"渡辺 {secrets.token_hex(8)}"
    subprocess.run(["useradd", "--no-create-home", name], check=True, capture_output=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}".encode(), check=True, capture_output=True)
        yield name, password
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)
