"""The first configuration: what ``mailsvc init`` and ``mailsvc quickstart`` write into a directory.

``Initial`` is what the administrator said; ``values`` turns it into the values of a configuration file, after the table of standard
listeners below and the presets; ``create`` writes certificate, key and file. The file comes last: a directory that has one is complete.
"""

import datetime
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import attrs

from mailsvc.app.presets import PRESETS
from mailsvc.app.sample import render
from mailsvc.core.options import Network
from mailsvc.net.certificates import LOOPBACK_NAMES, self_signed, write_pair
from mailsvc.texts import Sentence, Texts

__all__ = ["CONFIG_NAME", "LAST_OFFSET", "CannotCreate", "Initial", "create", "sample", "values"]

CONFIG_NAME = "mailsvc.toml"
_CERTIFICATE, _KEY, _STORE = "certificate.pem", "key.pem", "store"

# protocol, standard port (RFC 5321, 6409, 8314, 2033, 1939, 3501), TLS
_LISTENERS = (
    ("smtp", 25, "starttls"),
    ("submission", 587, "starttls"),
    ("submission", 465, "implicit"),
    ("lmtp", 24, "none"),
    ("pop3", 110, "starttls"),
    ("pop3", 995, "implicit"),
    ("imap", 143, "starttls"),
    ("imap", 993, "implicit"),
)
_WITH_LOGIN = {"smtp", "submission", "pop3", "imap"}

LAST_OFFSET = 65535 - max(port for _, port, _ in _LISTENERS)
"""The highest ``--port-offset``."""


class CannotCreate(Exception):
    """The directory cannot be made into a mail server's; ``sentence`` says why."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence.key)
        self.sentence = sentence


@attrs.frozen(kw_only=True)
class Initial:
    """What the first configuration is made from.

    :ivar hostname: ``""``: ``mail.`` before the domain. :ivar port_offset: added to each standard port. :ivar bind: listening address;
        LMTP stays on loopback. :ivar cleartext: networks that may log in without TLS. :ivar preset: a key of ``PRESETS``.
    """

    domain: str
    hostname: str = ""
    port_offset: int = 0
    bind: str = "127.0.0.1"
    cleartext: tuple[Network, ...] = ()
    preset: str = "modern"
    language: str = "en"

    @property
    def host(self) -> str:
        """The host name."""
        return self.hostname or f"mail.{self.domain}"


def values(initial: Initial) -> dict[str, Any]:
    """The values of the configuration file, as ``tomllib`` would read them."""
    preset = PRESETS[initial.preset]
    return {
        "hostname": initial.host,
        **({"language": initial.language} if initial.language != "en" else {}),
        **preset.get("", {}),
        "store": {"path": _STORE},
        "tls": {"certificate": _CERTIFICATE, "key": _KEY},
        **({"relay": preset["relay"]} if "relay" in preset else {}),
        "domain": [{"name": initial.domain}],
        "listener": [
            _listener(initial, protocol, port, tls) | preset.get(protocol, {}) for protocol, port, tls in _LISTENERS
        ],
    }


def _listener(initial: Initial, protocol: str, port: int, tls: str) -> dict[str, Any]:
    local = protocol == "lmtp" and not ip_address(initial.bind).is_loopback
    cleartext = [str(network) for network in initial.cleartext] if protocol in _WITH_LOGIN and tls != "implicit" else []
    return {
        "protocol": protocol,
        "address": "127.0.0.1" if local else initial.bind,
        "port": port + initial.port_offset,
        "tls": tls,
        **({"cleartext": cleartext} if cleartext else {}),
    }


def sample(language: str) -> str:
    """The sample configuration: the standard listeners, on every address."""
    return render(values(Initial(domain="example.test", bind="::")), language)


def create(directory: Path, initial: Initial, now: datetime.datetime) -> Path:
    """Write certificate, key and configuration into ``directory`` (made if missing) and return the configuration's path.

    A certificate that lies there with its key is used. Nothing is ever overwritten: raises CannotCreate if the directory has a
    configuration already, or only one of certificate and key; OSError.
    """
    config = directory / CONFIG_NAME
    if config.exists():
        raise CannotCreate(Sentence("init.exists", path=config))
    directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    _certify(directory / _CERTIFICATE, directory / _KEY, initial, now)
    introduction = Texts(initial.language).say("init.introduction", domain=initial.domain, preset=initial.preset)
    _write_new(config, render(values(initial), initial.language, introduction))
    return config


def _certify(certificate: Path, key: Path, initial: Initial, now: datetime.datetime) -> None:
    """Make the certificate, unless the administrator has put one there."""
    present = [path for path in (certificate, key) if path.exists()]
    if len(present) == 1:
        raise CannotCreate(Sentence("init.half-a-pair", path=present[0]))
    if not present:
        address = ip_address(initial.bind)
        reached_by = () if address.is_unspecified else (str(address),)
        write_pair(certificate, key, self_signed([initial.host, initial.domain, *LOOPBACK_NAMES, *reached_by], now))


def _write_new(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, and never in another's place."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(new, path)  # unlike rename, refuses if the name is taken
    except FileExistsError:
        raise CannotCreate(Sentence("init.exists", path=path)) from None
    finally:
        new.unlink()
