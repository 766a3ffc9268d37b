"""Clients that use folders by IMAP, each a class whose methods are what it can do ; :mod:`tests.interop.imap_mailers` has the table.

Programs are here; libraries for Python in ``imap_libraries.py``. Programs that keep a copy of everything are in ``imap_copiers.py``.
"""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from .imap_folders import encode
from .programs import HOST, PATIENCE, Line, Login, Outcome, execute
from .readers import delivery_agent, files, private

__all__ = ["Curl", "Failed", "Fetchmail", "Getmail", "Mailer", "Mutt"]


class Failed(Exception):
    """The client says that it did not work; what it printed."""


class Mailer:
    """A client that has not connected yet. Each method connects, logs in, does one thing and leaves.

    A folder's name is text; of a folder's messages, methods that change something take the first.
    """

    def __init__(self, line: Line, login: Login, folder: Path) -> None:
        """:param line: where. :param login: who. :param folder: an empty one to work in."""
        self.line = line
        self.login = login
        self.folder = folder


def succeeded(outcome: Outcome) -> str:
    """What a client printed. Raises Failed if it says that it failed."""
    if not outcome.done:
        raise Failed(outcome.text)
    return outcome.text


class Curl(Mailer):
    """curl: one command, or one message, at a time."""

    def list(self) -> set[str]:
        """Names of the folders, still encoded."""
        return {row.rpartition('"/" ')[2].strip('"') for row in self._run("").splitlines()}

    def create(self, name: str) -> None:
        """A new folder."""
        self._run("", "-X", f'CREATE "{encode(name)}"')

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        found = self._run(name, "-X", "SEARCH ALL").split()[2:]
        return [self._message(name, number) for number in found]

    def _message(self, name: str, number: str) -> bytes:
        self._run(f"{name};MAILINDEX={number}", "-o", str(self.folder / "message"))
        return (self.folder / "message").read_bytes()

    def append(self, name: str, message: bytes) -> None:
        """A new message."""
        file = self.folder / "message"
        file.write_bytes(message)
        self._run(name, "-T", str(file))

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        self._run(name, "-X", r"STORE 1 +FLAGS (\Flagged)")

    def delete(self, name: str) -> None:
        """Remove a message."""
        self._run(name, "-X", r"STORE 1 +FLAGS (\Deleted)")
        self._run(name, "-X", "EXPUNGE")

    def move(self, name: str, target: str) -> None:
        """Move a message."""
        self._run(name, "-X", f'MOVE 1 "{encode(target)}"')

    def search(self, name: str, text: str) -> int:
        """How many messages have this in their text; curl sends what is typed."""
        return len(self._run(name, "-X", f'SEARCH CHARSET UTF-8 TEXT "{text}"').split()) - 2

    def _run(self, path: str, *options: str) -> str:
        scheme = "imaps" if self.line.tls == "implicit" else "imap"
        required = ["--ssl-reqd"] if self.line.tls == "starttls" else []
        folder, mark, rest = path.partition(";")
        url = f"{scheme}://{HOST}:{self.line.port}/{quote(encode(folder), safe='')}{mark}{rest}"
        user = f"{self.login.name}:{self.login.password}"
        return succeeded(
            execute("curl", "-sS", "--cacert", self.line.certificate, "--user", user, *required, *options, url)
        )


class Fetchmail(Mailer):
    """fetchmail with a delivery agent."""

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        succeeded(self._run(name, "keep fetchall"))
        return files(self.folder / "mail")

    def delete(self, name: str) -> None:
        """Fetch, and remove what was fetched: the only message."""
        succeeded(self._run(name, "no keep"))

    def idle(self, name: str, happens: Callable[[], None]) -> int:
        """Messages that came while it waits, and after something happens."""
        config = self._config(name, "keep idle")
        command = ["fetchmail", "-f", str(config), "--nodetach"]
        with open(self.folder / "output", "wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self._env)
        try:
            return _count_after(happens, self.folder / "mail")
        finally:
            process.terminate()
            process.wait(PATIENCE)

    @property
    def _env(self) -> dict[str, str]:
        return {**os.environ, "FETCHMAILHOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def _config(self, name: str, options: str) -> Path:
        line = self.line
        tls = {"none": 'sslproto ""', "starttls": 'sslproto "TLS1.2+"', "implicit": "ssl"}[line.tls]
        verify = f'sslcertck sslcertfile "{line.certificate}" sslcommonname localhost' if line.tls != "none" else ""
        text = (
            f'set invisible\nset no syslog\nset pidfile "{self.folder}/pid"\n'  # root's is one for the whole machine
            f"poll {HOST} protocol imap service {line.port}\n"
            f'user "{self.login.name}" password "{self.login.password}" folder "{encode(name)}"'
            f' mda "{delivery_agent(self.folder)}" {options} no rewrite {tls} {verify}\n'
        )
        return private(self.folder / "fetchmailrc", text)

    def _run(self, name: str, options: str) -> Outcome:
        return execute("fetchmail", "-f", self._config(name, options), "--nodetach", environment=self._env)


def _count_after(happens: Callable[[], None], folder: Path) -> int:
    """Let something happen when the first message is there and the client waits; how many there are in the end."""
    _wait(lambda: len(files(folder)) == 1)
    time.sleep(0.5)  # the client says nowhere that it has begun to wait; if it has not, IDLE tells it as well
    happens()
    _wait(lambda: len(files(folder)) == 2)
    return len(files(folder))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


class Getmail(Mailer):
    """getmail with a delivery agent; it knows no STARTTLS."""

    def read(self, name: str) -> Sequence[bytes]:
        """All messages."""
        self._run(name, "delete = false")
        return files(self.folder / "mail")

    def delete(self, name: str) -> None:
        """Fetch and remove."""
        self._run(name, "delete = true")

    def move(self, name: str, target: str) -> None:
        """Fetch and put into another folder."""
        self._run(name, "delete = true", f'move_on_delete = "{encode(target)}"')

    def _run(self, name: str, options: str, retriever: str = "") -> None:
        tls = "SSL" if self.line.tls == "implicit" else ""
        trust = f"ca_certs = {self.line.certificate}" if tls else ""
        config = private(
            self.folder / "getmailrc",
            f"[retriever]\ntype = SimpleIMAP{tls}Retriever\nserver = {HOST}\nport = {self.line.port}\n{trust}\n"
            f'username = {self.login.name}\npassword = {self.login.password}\nmailboxes = ("{name}",)\n{retriever}\n'
            f"[destination]\ntype = MDA_external\npath = {delivery_agent(self.folder)}\nallow_root_commands = true\n"
            f"[options]\n{options}\ndelivered_to = false\nreceived = false\n",
        )
        succeeded(execute("getmail", f"--getmaildir={self.folder}", f"--rcfile={config}"))


class Mutt(Mailer):
    """mutt on a terminal of its own; the keys are in its configuration, as a macro that begins by itself."""

    def read(self, name: str) -> Sequence[bytes]:
        """All messages, copied into a maildir."""
        return self._copies(name, "~A")

    def append(self, name: str, message: bytes) -> None:
        """A message of a maildir, copied into the folder."""
        (self._maildir / "cur" / "1:2,S").write_bytes(message)
        self._keys(None, f"<copy-message>{self._url(name)}<enter>")

    def flag(self, name: str) -> None:
        r"""``\Flagged``."""
        self._keys(name, "<first-entry><flag-message>")

    def delete(self, name: str) -> None:
        """Remove a message."""
        self._keys(name, "<first-entry><delete-message>")

    def move(self, name: str, target: str) -> None:
        """Move a message."""
        self._keys(name, f"<first-entry><save-message>{self._url(target)}<enter>")

    def search(self, name: str, text: str) -> int:
        """How many messages the server finds."""
        return len(self._copies(name, f"=b {text}"))

    def _copies(self, name: str, pattern: str) -> Sequence[bytes]:
        copies = self._maildir
        for file in copies.glob("*/*"):
            file.unlink()
        self._keys(name, f"<tag-pattern>{pattern}<enter><tag-prefix-cond><copy-message>{copies}<enter><end-cond>")
        return files(copies / "new") + files(copies / "cur")

    @property
    def _maildir(self) -> Path:
        maildir = self.folder / "maildir"
        for part in ("cur", "new", "tmp"):
            (maildir / part).mkdir(parents=True, exist_ok=True)
        return maildir

    def _url(self, name: str) -> str:
        scheme = "imaps" if self.line.tls == "implicit" else "imap"
        return f"{scheme}://localhost:{self.line.port}/{quote(name)}"

    def _keys(self, name: str | None, keys: str) -> None:
        """Open a folder, or the maildir, press keys, and leave."""
        place = self._maildir if name is None else self._url(name)
        settings = [
            *[f"set imap_user='{self.login.name}'", f"set imap_pass='{self.login.password}'", "set mbox_type=Maildir"],
            *[f"set certificate_file={self.line.certificate}", "set charset=utf-8"],
            *[f"set ssl_starttls={'yes' if self.line.tls == 'starttls' else 'no'}", "set delete=yes", "set move=no"],
            *[f"set ssl_force_tls={'no' if self.line.tls == 'none' else 'yes'}", "set header_cache=", "set quit=yes"],
            *["set confirmappend=no", "set confirmcreate=no", "set wait_key=no", f"set folder={self.folder}"],
            *[
                "set imap_check_subscribed=no",
                "set mark_old=no",
                "set sleep_time=0",
                "set sort=mailbox-order",
                "set copy=no",
            ],
            *[f"set spoolfile={place!s}", f"push '{keys}<sync-mailbox><quit>'"],
        ]
        config = private(self.folder / "muttrc", "".join(f"{line}\n" for line in settings))
        text = _on_a_terminal(["mutt", "-n", "-F", str(config)], hopeless=rb"authentication failed|Login failed")
        (self.folder / "screen").write_bytes(text)


def _on_a_terminal(command: Sequence[str], hopeless: bytes) -> bytes:
    """Run a program on a terminal of its own to its end; what it wrote.

    Raises Failed if that matches the pattern ``hopeless``, TimeoutError if it does not end.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], list(command), {**os.environ, "TERM": "vt100", "LC_ALL": "C.UTF-8", "HOME": "/"})
    text, deadline = b"", time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    text += os.read(terminal, 65_536)
                except OSError:  # the program has ended
                    return text
            if re.search(hopeless, text):
                raise Failed(text.decode(errors="replace"))
        raise TimeoutError(text.decode(errors="replace"))
    finally:
        os.close(terminal)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
