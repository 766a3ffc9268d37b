"""What ``mailsvc quickstart`` needs beside an ordinary start: free ports, two accounts with passwords, the reactor in the foreground.

The ports are the standard ones plus 8000. If one of them is taken when the directory is made, all move on by 100 until all are free
(8100, 8200, ... 9000: they keep four digits). From then on they stand in the configuration and stay.

Nothing leaves the machine: a route in the configuration holds what is for other servers.
"""

import json
import os
import secrets
from ipaddress import ip_network
from pathlib import Path

import attrs
from twisted.application.app import startApplication
from twisted.application.service import Application, IService
from twisted.logger import ILogObserver, globalLogBeginner

from mailsvc.app.binding import bind_tcp
from mailsvc.app.config import Config
from mailsvc.app.initial import CannotCreate, Initial, values
from mailsvc.texts import Sentence

__all__ = ["Demonstration", "initial", "pronounceable", "remember", "serve", "start", "taken"]

_DOMAIN = "example.test"
_NAMES = ("hanako", "taro")
_OFFSETS = range(8000, 9001, 100)
_FILE = "accounts.json"
_CONSONANTS, _VOWELS = "bdfghkmnprstyz", "aeiou"
_SYLLABLES = 8  # of 70 each: 49 bits


@attrs.frozen
class Demonstration:
    """An account to try things with."""

    address: str
    password: str = attrs.field(repr=False)


def initial(language: str) -> Initial:
    """The first configuration, on ports that are free. Raises CannotCreate if there are none."""
    for offset in _OFFSETS:
        candidate = Initial(
            domain=_DOMAIN,
            port_offset=offset,
            cleartext=(ip_network("127.0.0.0/8"), ip_network("::1")),
            language=language,
            hold=True,
        )
        if all(_is_free(one["address"], one["port"]) for one in values(candidate)["listener"]):
            return candidate
    raise CannotCreate(Sentence("quickstart.no-ports", first=_OFFSETS[0], last=_OFFSETS[-1]))


def taken(config: Config) -> list[int]:
    """The ports of the configuration that somebody listens on already."""
    listeners = [one for one in config.listeners if not one.address.startswith("unix:")]
    return [one.port for one in listeners if not _is_free(one.address, one.port)]


def _is_free(address: str, port: int) -> bool:
    try:
        bind_tcp(address, port).close()
    except OSError:
        return False
    return True


def pronounceable() -> str:
    """A random password that can be read aloud, such as ``"tamokure-binosada"``."""
    syllables = [secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS) for _ in range(_SYLLABLES)]
    half = _SYLLABLES // 2
    return f"{''.join(syllables[:half])}-{''.join(syllables[half:])}"


def remember(directory: Path) -> tuple[Demonstration, ...]:
    """The demonstration accounts of this directory: those of its file (mode 0600), or new ones, written there first."""
    path = directory / _FILE
    try:
        return tuple(Demonstration(**one) for one in json.loads(path.read_text()))
    except FileNotFoundError:
        accounts = tuple(Demonstration(f"{name}@{_DOMAIN}", pronounceable()) for name in _NAMES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        json.dump([attrs.asdict(one) for one in accounts], file, indent=2)
    return accounts


def start(config: Config) -> None:
    """Start the service as ``twistd`` would; it runs once the reactor does and stops with it. Raises ValueError, OSError, SystemExit."""
    from mailsvc.app.service import makeService  # brings in the whole server, which other commands need not wait for

    application = Application("mailsvc")
    makeService(config).setServiceParent(application)
    globalLogBeginner.beginLoggingTo([application.getComponent(ILogObserver)], redirectStandardIO=False)
    IService(application).privilegedStartService()
    startApplication(application, False)


def serve() -> None:
    """Run until Ctrl-C or SIGTERM."""
    from twisted.internet import reactor

    reactor.run()
