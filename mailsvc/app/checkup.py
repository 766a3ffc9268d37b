"""What ``mailsvc check`` looks at beyond the configuration file itself, without asking the DNS or any other machine.

``examine`` yields :class:`Finding` values: what is in order, what deserves a look, what will not work.
"""

import datetime
import enum
import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs
from cryptography import x509

from mailsvc.app.binding import bind_tcp
from mailsvc.app.config import Config
from mailsvc.auth.keyring import BadKeyFile, KeyFile
from mailsvc.core.errors import MailError
from mailsvc.directory import Directory
from mailsvc.net.certificates import Facts
from mailsvc.net.tls import KeyPair, load_crls
from mailsvc.store.connect import open_store, run
from mailsvc.store.verify import verify_directory
from mailsvc.texts import Sentence
from mailsvc.wire.options import ListenerOptions, TLSMode

__all__ = ["Finding", "Grade", "examine"]

_RENEW_DAYS = 30
_TIMEOUT = 3.0


class Grade(enum.Enum):
    """How good or bad it is."""

    OK = "ok"
    LOOK = "look"
    BAD = "bad"


@attrs.frozen
class Finding:
    """One result: about what, how it is, in words."""

    subject: str
    grade: Grade
    text: Sentence


def examine(config: Config, now: datetime.datetime) -> Iterator[Finding]:
    """Look at everything. :param now: an aware time."""
    yield Finding(config.file.name, Grade.OK, Sentence("check.configuration", file=config.file))
    if config.tls.certificate and config.tls.key:
        yield from _certificate(config.tls.certificate, config.tls.key, config.hostname, now)
    for domain in config.domains:
        if domain.certificate and domain.key:
            yield from _pair(f"domain {domain.name}", domain.certificate, domain.key, now)
    if config.tls.client_authorities:
        yield from _clients(config.tls.client_authorities, config.tls.client_revoked, now)
    yield from _device_keys(config.auth.keys)
    yield from _store(config)
    for listener in config.listeners:
        yield from _listener(listener, config.hostname)


# --- certificate ---


def _certificate(certificate: Path, key: Path, hostname: str, now: datetime.datetime) -> Iterator[Finding]:
    findings = list(_pair("tls.certificate", certificate, key, now))
    yield from findings
    if findings[0].text.key == "check.pair":
        return
    facts = Facts.read(certificate)
    if not facts.good_for(hostname):
        names = ", ".join(facts.names)
        yield Finding("tls.certificate", Grade.LOOK, Sentence("check.names", hostname=hostname, names=names))
    if facts.self_signed:
        yield Finding("tls.certificate", Grade.LOOK, Sentence("check.self-signed", fingerprint=facts.fingerprint))


def _pair(subject: str, certificate: Path, key: Path, now: datetime.datetime) -> Iterator[Finding]:
    """What is to be said of any certificate of ours."""
    try:
        KeyPair.read(certificate, key)
    except (OSError, ValueError) as error:
        yield Finding(subject, Grade.BAD, Sentence("check.pair", reason=error))
        return
    yield Finding(subject, *_validity(Facts.read(certificate), now))
    yield from _private("tls.key", key)


def _clients(authorities: Path, revoked: Path | None, now: datetime.datetime) -> Iterator[Finding]:
    """Client certificates: revocation lists that have run out keep everybody out."""
    subject = "tls.client_authorities"
    try:
        count = len(x509.load_pem_x509_certificates(authorities.read_bytes()))
        lists = load_crls(revoked.read_bytes()) if revoked else []
    except (OSError, ValueError) as error:
        yield Finding(subject, Grade.BAD, Sentence("check.clients", reason=error))
        return
    yield Finding(subject, Grade.OK, Sentence("check.authorities", count=count, lists=len(lists)))
    for one in lists:
        if one.next_update_utc is not None and one.next_update_utc < now:
            name, date = one.issuer.rfc4514_string(), one.next_update_utc.date()
            yield Finding("tls.client_revoked", Grade.BAD, Sentence("check.revoked-old", name=name, date=date))


def _private(subject: str, path: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding(subject, Grade.BAD, Sentence("check.key-mode", path=path, mode=f"{mode:o}"))


# --- device passwords ---


def _device_keys(path: Path) -> Iterator[Finding]:
    """The key file may be missing as long as nobody has a device password; a damaged one keeps their owners out."""
    if not path.exists():
        return
    try:
        KeyFile(path).ring()
    except (OSError, BadKeyFile) as error:
        yield Finding("auth.keys", Grade.BAD, Sentence("check.device-keys", path=path, reason=error))
    else:
        yield from _private("auth.keys", path)


def _validity(facts: Facts, now: datetime.datetime) -> tuple[Grade, Sentence]:
    begins, ends = facts.begins.date(), facts.ends.date()
    if now < facts.begins:
        return Grade.BAD, Sentence("check.not-yet", date=begins)
    if now > facts.ends:
        return Grade.BAD, Sentence("check.expired", date=ends)
    if facts.ends - now < datetime.timedelta(days=_RENEW_DAYS):
        return Grade.LOOK, Sentence("check.ends-soon", date=ends)
    return Grade.OK, Sentence("check.valid", date=ends)


# --- store ---


def _store(config: Config) -> Iterator[Finding]:
    path = config.store.path
    try:
        store = open_store(str(path), config.store)
        try:
            domains = run(Directory(store.connection).domains())
            damage = verify_directory(store.connection())
        finally:
            store.close()
    except MailError as error:
        yield Finding("store.path", Grade.BAD, Sentence("check.store", path=path, reason=error.detail or error.reason))
        return
    yield Finding("store.path", Grade.OK, Sentence("check.store-opens", path=path))
    for one in damage:
        yield Finding("store.path", Grade.BAD, Sentence("check.damage", where=one.where))
    yield from _space(path, config.store.low_disk)
    yield from _login_domains(config, {name for domain in domains for name in (domain.name, *domain.aliases)})


def _space(path: Path, mark: int) -> Iterator[Finding]:
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize // 1_000_000
    if free * 1_000_000 < mark:
        yield Finding("store.path", Grade.BAD, Sentence("check.low-disk", free=free, mark=mark // 1_000_000))


def _login_domains(config: Config, known: set[str]) -> Iterator[Finding]:
    """A listener's domain for bare logins must exist, in the file or in the store."""
    declared = {name for domain in config.domains for name in (domain.name, *domain.aliases)}
    for listener in config.listeners:
        if listener.domain and listener.domain not in known | declared:
            yield Finding(listener.name, Grade.BAD, Sentence("check.login-domain", domain=listener.domain))


# --- listeners ---


def _listener(listener: ListenerOptions, hostname: str) -> Iterator[Finding]:
    if not listener.address.startswith("unix:"):
        yield Finding(listener.name, *_port(listener, hostname))
    open_to = [str(network) for network in listener.cleartext if not network.is_loopback]
    if open_to:
        yield Finding(listener.name, Grade.LOOK, Sentence("check.cleartext", networks=", ".join(open_to)))


def _port(listener: ListenerOptions, hostname: str) -> tuple[Grade, Sentence]:
    try:
        bind_tcp(listener.address, listener.port).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            ours = _is_ours(listener, hostname)
            return (Grade.OK, Sentence("check.port-ours")) if ours else (Grade.BAD, Sentence("check.port-taken"))
        if error.errno == errno.EACCES:
            return Grade.LOOK, Sentence("check.port-root")
        return Grade.BAD, Sentence("check.port-fault", reason=error.strerror)
    return Grade.OK, Sentence("check.port-free")


def _is_ours(listener: ListenerOptions, hostname: str) -> bool:
    """Whether who listens there greets with our host name."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.address, listener.address)
    try:
        with socket.create_connection((address, listener.port), _TIMEOUT) as line:
            if listener.tls is TLSMode.IMPLICIT:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE  # it is the name in the greeting that we want
                line = context.wrap_socket(line)
            return hostname.encode() in line.recv(512)
    except OSError:
        return False
