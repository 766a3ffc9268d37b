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
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from mailsvc.app.binding import bind_tcp
from mailsvc.app.config import Config
from mailsvc.app.privileges import acting_as, find_identity
from mailsvc.auth.keyring import BadKeyFile, KeyFile
from mailsvc.core.errors import MailError
from mailsvc.core.values import Domain
from mailsvc.directory import Directory
from mailsvc.formats.address import canonical_domain
from mailsvc.net.certificates import Facts
from mailsvc.net.tls import KeyPair
from mailsvc.store.connect import open_store, run
from mailsvc.store.options import StoreOptions
from mailsvc.store.verify import Damage, verify_directory
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
    yield from _device_keys(config.auth.keys)
    yield from _store(config)
    for listener in config.listeners:
        yield from _listener(listener, config.hostname)


# --- certificate ---


def _certificate(certificate: Path, key: Path, hostname: str, now: datetime.datetime) -> Iterator[Finding]:
    try:
        KeyPair.read(certificate, key)
    except (OSError, ValueError) as error:
        yield Finding("tls.certificate", Grade.BAD, Sentence("check.pair", reason=error))
        return
    facts = Facts.read(certificate)
    yield Finding("tls.certificate", *_validity(facts, now))
    if not facts.good_for(hostname):
        names = ", ".join(facts.names)
        yield Finding("tls.certificate", Grade.LOOK, Sentence("check.names", hostname=hostname, names=names))
    if facts.self_signed:
        yield Finding("tls.certificate", Grade.LOOK, Sentence("check.self-signed", fingerprint=facts.fingerprint))
    yield from _private("tls.key", key)


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
        identity = find_identity(config.user, config.group)
    except ValueError as error:
        yield Finding("user", Grade.BAD, Sentence("refused.other", error=error))
        return
    if identity is not None and path.exists() and path.stat().st_uid != identity.uid:
        yield Finding("store.path", Grade.BAD, Sentence("check.store-owner", path=path, user=config.user))
        return
    try:
        with acting_as(identity):
            domains, damage = _look_into(config.store)
    except MailError as error:
        yield Finding("store.path", Grade.BAD, Sentence("check.store", path=path, reason=error.detail or error.reason))
        return
    yield Finding("store.path", Grade.OK, Sentence("check.store-opens", path=path))
    for one in damage:
        yield Finding("store.path", Grade.BAD, Sentence("check.damage", where=one.where))
    yield from _space(path, config.store.low_disk)
    homes = {name: domain.name for domain in domains for name in (domain.name, *domain.aliases)}
    yield from _declared_domains(config, homes)
    yield from _login_domains(config, homes)


def _look_into(options: StoreOptions) -> tuple[list[Domain], list[Damage]]:
    store = open_store(options.path, options)
    try:
        return run(Directory(store.connection).domains()), verify_directory(store.connection())
    finally:
        store.close()


def _space(path: Path, mark: int) -> Iterator[Finding]:
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize // 1_000_000
    if free * 1_000_000 < mark:
        yield Finding("store.path", Grade.BAD, Sentence("check.low-disk", free=free, mark=mark // 1_000_000))


def _declared_domains(config: Config, homes: Mapping[str, str]) -> Iterator[Finding]:
    """What the file declares must not be part of another domain in the store."""
    for domain in config.domains:
        for name in (domain.name, *domain.aliases):
            home = homes.get(canonical_domain(name), "")
            if home not in ("", canonical_domain(domain.name)):
                yield Finding("domain", Grade.BAD, Sentence("check.domain-taken", name=name, home=home))


def _login_domains(config: Config, homes: Mapping[str, str]) -> Iterator[Finding]:
    """A listener's domain for bare logins must exist, in the file or in the store."""
    declared = {canonical_domain(name) for domain in config.domains for name in (domain.name, *domain.aliases)}
    for listener in config.listeners:
        if listener.domain and canonical_domain(listener.domain) not in declared | homes.keys():
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
