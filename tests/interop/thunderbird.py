"""Thunderbird itself: started under Xvfb with a profile that asks nothing of the internet, and told what to do through Marionette.

What can be done stands in ``thunderbird.js``. Needs Debian's ``thunderbird`` and ``xvfb``.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from mailsvc.testing.harness import RunningServer, wait_for

from .marionette import Marionette, ScriptError

__all__ = ["ENCRYPTED", "NORMAL", "Person", "Thunderbird", "started"]

NONE, NORMAL, ENCRYPTED = 1, 3, 4
"""Thunderbird's numbers for "No authentication", "Normal password" and "Encrypted password"."""

_SOCKETS = {"starttls": 2, "implicit": 3}

_PREFERENCES: Mapping[str, bool | int | str] = {
    "marionette.port": 0,  # one that is free; MarionetteActivePort tells which
    "network.proxy.type": 1,  # whatever speaks HTTP goes to a port where nobody is
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "toolkit.telemetry.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "services.settings.server": "data:,nothing",
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.shell.checkDefaultClient": False,
    "mail.biff.show_alert": False,
    "mail.biff.play_sound": False,
}


@attrs.frozen
class Person:
    """Who sets up an account in Thunderbird, with the password that is typed."""

    address: str
    password: str
    name: str = "アリス"


@attrs.frozen
class Thunderbird:
    """:ivar program: the running program. :ivar server: the one it talks to."""

    program: Marionette
    server: RunningServer

    def do(self, name: str, *arguments: object) -> Any:
        """Call a function of thunderbird.js. Raises ScriptError."""
        return self.program.run(f"return (async () => thunderbird.{name}(...arguments))()", *arguments)

    def set_up(self, name: str, person: Person, listeners: str, tls: str, methods: list[int]) -> Any:
        """Call a function that sets up an account, e.g. ``addAccount``.

        :param listeners: of incoming and outgoing mail, ``"imap submission"``; nobody logs in to ``smtp``.
        :param tls: of both, or of each. :param methods: to log in; the first is tried first.
        """
        ends = [
            {
                "type": "smtp" if listener.startswith(("submission", "smtp")) else listener.rstrip("s"),
                "port": self.server.ports[listener],
                "socketType": _SOCKETS[mode],
                "auth": NONE if listener == "smtp" else methods[0],
                "authAlternatives": methods[1:],
            }
            for listener, mode in zip(listeners.split(), (tls.split() * 2)[:2], strict=True)
        ]
        return self.do(name, attrs.asdict(person), *ends)

    def trust(self) -> None:
        """Accept the server's certificate on all its ports, for ever."""
        pem = self.server.certificate.read_text(encoding="ascii")
        self.do("trust", "".join(pem.split("-----")[2].split()), list(self.server.ports.values()))


@contextmanager
def started(server: RunningServer, home: Path, patience: float, locale: str = "en-US") -> Iterator[Thunderbird]:
    """Thunderbird with the profile that is there, or a new one; it has ended afterwards."""
    profile = home / "profile"
    profile.mkdir(parents=True, exist_ok=True)
    preferences = {**_PREFERENCES, "intl.locale.requested": locale}
    lines = (f"user_pref({_literal(name)}, {_literal(value)});\n" for name, value in preferences.items())
    active = profile / "MarionetteActivePort"
    active.unlink(missing_ok=True)
    (profile / "user.js").write_text("".join(lines), encoding="utf-8")
    command = ["thunderbird", "--profile", str(profile), "--no-remote", "--marionette", "--remote-allow-system-access"]
    with _display() as display, (home / "thunderbird.log").open("wb") as log:
        environment = {
            **os.environ,
            "HOME": str(home),
            "DISPLAY": display,
            "MOZ_CRASHREPORTER_DISABLE": "1",
            "LC_ALL": "C.UTF-8",
        }
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(lambda: active.exists() and bool(active.read_text()), "Thunderbird's port", patience)
            program = Marionette.connect(int(active.read_text()), patience)
            _wait_for_window(program, patience)
            program.run(Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))
            yield Thunderbird(program, server)
        finally:
            process.terminate()
            process.wait(patience)


@contextmanager
def _display() -> Iterator[str]:
    """A screen of its own, which nobody sees."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as screen:
        assert screen.stdout is not None
        try:
            yield f":{screen.stdout.readline().decode().strip()}"
        finally:
            screen.terminate()


def _wait_for_window(program: Marionette, patience: float) -> None:
    end = time.monotonic() + patience
    while not program.run(
        "return Boolean(globalThis.msgWindow && document.getElementById('tabmail')?.currentAbout3Pane?.folderTree)"
    ):
        if time.monotonic() > end:
            raise ScriptError("no window")
        time.sleep(0.2)


def _literal(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else f'"{value}"'
