"""What the clients of the table have in common: where they connect, who they are, how they are run, what became of it."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs

__all__ = ["HOST", "PATIENCE", "VERSIONS", "Certificate", "Line", "Login", "Outcome", "execute", "version"]

HOST = "127.0.0.1"

PATIENCE = 120.0
"""Seconds that a client may take."""


def _package(name: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import importlib.metadata; print(importlib.metadata.version({name!r}))")


VERSIONS = {
    "curl": ("curl", "--version"),
    "swaks": ("swaks", "--version"),
    "Python": (sys.executable, "--version"),
    "msmtp": ("msmtp", "--version"),
    "mpop": ("mpop", "--version"),
    "fetchmail": ("fetchmail", "--version"),
    "getmail": ("getmail", "--version"),
    "mutt": ("mutt", "-v"),
    "mbsync": ("mbsync", "--version"),
    "OfflineIMAP": ("offlineimap", "--version"),
    "IMAPClient": _package("imapclient"),
    "imap-tools": _package("imap-tools"),
    "aioimaplib": _package("aioimaplib"),
    "Postfix": ("postconf", "-d", "mail_version"),
    "openssl": ("openssl", "version"),
}
"""Name of a client -> what tells its version."""


@attrs.frozen
class Line:
    """One listener, and how the client is to use it.

    :ivar tls: ``"none"``, ``"starttls"`` or ``"implicit"``. :ivar certificate: the only one that the client trusts.
    """

    port: int
    tls: str
    certificate: Path


@attrs.frozen
class Certificate:
    """A client's certificate and its key, PEM files."""

    certificate: Path
    key: Path


@attrs.frozen
class Login:
    """Who logs in. ``certificate``: shown to the server, if there is one."""

    name: str
    password: str
    certificate: Certificate | None = None


@attrs.frozen
class Outcome:
    """What a client made of it. :ivar done: whether it says that all went well. :ivar text: all that it printed."""

    done: bool
    text: str


def execute(
    *command: str | Path, stdin: bytes = b"", environment: Mapping[str, str] | None = None, success: int = 0
) -> Outcome:
    """Run a client to its end. Raises TimeoutExpired if it hangs."""
    ended = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
        env=environment,
    )
    return Outcome(ended.returncode == success, ended.stdout.decode("utf-8", "replace"))


def version(client: str) -> str:
    """The first number that a client says of itself."""
    said = subprocess.run(VERSIONS[client], capture_output=True, text=True, check=False, timeout=PATIENCE).stdout
    found = re.search(r"\d+(\.\d+)*", said)
    return found[0] if found else ""
