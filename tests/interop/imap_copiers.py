"""Programs that keep a copy of all folders in maildirs, both ways: mbsync and OfflineIMAP.

What they do to a message here is done to its copy, between two runs.
"""

import mailbox
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from .imap_folders import encode
from .imap_programs import Mailer, succeeded
from .programs import execute
from .readers import private

__all__ = ["Mbsync", "OfflineImap"]


class Copier(Mailer):
    """What both have in common; folders are maildirs at the path that :meth:`maildir` says."""

    def run(self) -> None:
        """One run. Raises Failed."""
        raise NotImplementedError

    def maildir(self, name: str) -> Path:
        """Where the copy of a folder lies."""
        raise NotImplementedError

    @property
    def root(self) -> Path:
        """The folder of the maildirs."""
        path = self.folder / "copy"
        path.mkdir(exist_ok=True)
        return path

    def list(self) -> set[str]:
        """Names of the folders, as they are copied."""
        self.run()
        return {str(path.parent.relative_to(self.root)) for path in self.root.rglob("cur")}

    def create(self, name: str) -> None:
        """A maildir that the server does not have yet, and one for each folder above it."""
        self.run()
        levels = name.split("/")
        for count in range(1, len(levels) + 1):
            mailbox.Maildir(self.maildir("/".join(levels[:count])), create=True)
        self.run()

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        self.run()
        return [path.read_bytes() for path in self._copies(name)]

    def append(self, name: str, message: bytes) -> None:
        """A new file."""
        self.run()
        (self.maildir(name) / "new" / "1.letter").write_bytes(message.replace(b"\r\n", b"\n"))
        self.run()

    def flag(self, name: str) -> None:
        """``F``."""
        self._change(name, lambda path: path.rename(_with_flag(path, "F")))

    def delete(self, name: str) -> None:
        """A file less."""
        self._change(name, Path.unlink)

    def both_ways(self, name: str, happens: Callable[[], None]) -> Sequence[tuple[str, bytes]]:
        """A copy, changed on both sides, and made equal: flag letters and octets of each message."""
        self._change(name, lambda path: path.rename(_with_flag(path, "F")), happens)
        return [(path.name.partition(":2,")[2], path.read_bytes()) for path in self._copies(name)]

    def _change(self, name: str, change: Callable[[Path], object], happens: Callable[[], None] = lambda: None) -> None:
        self.run()
        change(self._copies(name)[0])
        happens()
        self.run()

    def _copies(self, name: str) -> Sequence[Path]:
        maildir = self.maildir(name)
        return sorted([*(maildir / "new").iterdir(), *(maildir / "cur").iterdir()], key=lambda path: path.name)


def _with_flag(path: Path, flag: str) -> Path:
    base, _, flags = path.name.partition(":2,")
    return path.parent.parent / "cur" / f"{base}:2,{''.join(sorted({*flags, flag}))}"


class Mbsync(Copier):
    """mbsync (isync); it leaves names encoded."""

    def run(self) -> None:
        """One run."""
        line = self.line
        tls = {"none": "None", "starttls": "STARTTLS", "implicit": "IMAPS"}[line.tls]
        trust = f"CertificateFile {line.certificate}\n" if line.tls != "none" else ""
        text = (
            f"IMAPAccount server\nHost localhost\nPort {line.port}\nUser {self.login.name}\nPass {self.login.password}\n"
            f"SSLType {tls}\n{trust}\n"
            "IMAPStore far\nAccount server\n\n"
            f"MaildirStore near\nSubFolders Verbatim\nPath {self.root}/\nInbox {self.root}/INBOX\n\n"
            "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nRemove Both\nExpunge Both\nSyncState *\n"
        )
        succeeded(execute("mbsync", "-c", private(self.folder / "mbsyncrc", text), "-a"))

    def maildir(self, name: str) -> Path:
        """By its encoded name."""
        return self.root / encode(name)


_TLS_1_2 = """
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = tls
[tls]
MaxProtocol = TLSv1.2
"""
"""Its imaplib2 reads and writes one TLS connection in two threads at once, which Python 3.11 does not keep apart and OpenSSL does
not allow. After STARTTLS, without a greeting to wait for, its first CAPABILITY meets the session tickets that TLS 1.3 sends after the
handshake: now and then it is lost within the client, which waits for ever, with any server. See docs/interoperability.rst."""


class OfflineImap(Copier):
    """OfflineIMAP."""

    def run(self) -> None:
        """One run."""
        line = self.line
        tls = {"none": "ssl = no\nstarttls = no", "starttls": "ssl = no\nstarttls = yes", "implicit": "ssl = yes"}[
            line.tls
        ]
        trust = f"sslcacertfile = {line.certificate}" if line.tls != "none" else ""
        text = (
            f"[general]\naccounts = all\nmetadata = {self.folder}/metadata\nui = basic\n"
            "[Account all]\nlocalrepository = near\nremoterepository = far\nutf8foldernames = yes\n"
            f"[Repository near]\ntype = Maildir\nlocalfolders = {self.root}\nsep = /\n"
            f"[Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = {line.port}\n"
            f"remoteuser = {self.login.name}\nremotepass = {self.login.password}\n{tls}\n{trust}\n"
        )
        environment = {**os.environ, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        if line.tls == "starttls":
            environment["OPENSSL_CONF"] = str(private(self.folder / "openssl.cnf", _TLS_1_2))
        config = private(self.folder / "offlineimaprc", text)
        succeeded(execute("offlineimap", "-o", "-1", "-c", config, environment=environment))

    def maildir(self, name: str) -> Path:
        """By its name."""
        return self.root / name
