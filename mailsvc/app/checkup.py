"""What ``mailsvc check`` looks at beyond the configuration file itself; it asks no other machine, but the DNS for the hosts of routes.

``examine`` yields :class:`Finding` values: what is in order, what deserves a look, what will not work.
"""

import datetime
import enum
import errno
import os
import pwd
import socket
import ssl
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
from cryptography import x509

from mailsvc.app.binding import bind_tcp
from mailsvc.app.config import Config
from mailsvc.app.privileges import Identity, acting_as, find_identity
from mailsvc.app.sources import names_of
from mailsvc.auth.keyring import BadKeyFile, KeyFile
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import Domain
from mailsvc.directory import Directory
from mailsvc.formats.address import Address, canonical_domain
from mailsvc.net.certificates import Facts
from mailsvc.net.tls import KeyPair, load_crls
from mailsvc.queue.options import split_host
from mailsvc.store.connect import open_store, run
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
    for domain in config.domains:
        if domain.certificate and domain.key:
            yield from _pair(f"domain {domain.name}", domain.certificate, domain.key, now)
    if config.tls.client_authorities:
        yield from _clients(config.tls.client_authorities, config.tls.client_revoked, now)
    try:
        identity = find_identity(config.user, config.group)
    except ValueError as error:
        yield Finding("user", Grade.BAD, Sentence("refused.other", error=error))
    else:
        yield from _files(config, identity)
        yield from _store(config, identity)
        yield from _routes(config, identity)
    yield from _relay_domains(config)
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


def _validity(facts: Facts, now: datetime.datetime) -> tuple[Grade, Sentence]:
    begins, ends = facts.begins.date(), facts.ends.date()
    if now < facts.begins:
        return Grade.BAD, Sentence("check.not-yet", date=begins)
    if now > facts.ends:
        return Grade.BAD, Sentence("check.expired", date=ends)
    if facts.ends - now < datetime.timedelta(days=_RENEW_DAYS):
        return Grade.LOOK, Sentence("check.ends-soon", date=ends)
    return Grade.OK, Sentence("check.valid", date=ends)


# --- files of the service's user ---


def _files(config: Config, identity: Identity | None) -> Iterator[Finding]:
    for key in (config.tls.key, *(domain.key for domain in config.domains)):
        if key:
            yield from _key_file(key, identity)
    yield from _device_keys(config.auth.keys, identity)
    if config.log.file and config.log.rotate_size:
        yield from _log_folder(config.log.file.parent, identity)


def _key_file(key: Path, identity: Identity | None) -> Iterator[Finding]:
    """Nobody else may read the key; the service's user, by itself or by its group, should."""
    if not key.exists():
        return  # said already: the pair cannot be read
    yield from _private("tls.key", key, identity)
    if not _allowed(key, os.R_OK, identity):
        yield Finding("tls.key", Grade.LOOK, Sentence("check.key-unreadable", path=key, user=_name(identity)))


def _device_keys(path: Path, identity: Identity | None) -> Iterator[Finding]:
    """The key file may be missing as long as nobody has a device password; a damaged one keeps their owners out."""
    if not path.exists():
        return
    try:
        with acting_as(identity):
            KeyFile(path).ring()
    except (OSError, BadKeyFile) as error:
        yield Finding("auth.keys", Grade.BAD, Sentence("check.device-keys", path=path, reason=error))
    else:
        yield from _private("auth.keys", path, identity)


def _private(subject: str, path: Path, identity: Identity | None) -> Iterator[Finding]:
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    to_group = 0o040 if identity is not None and status.st_gid == identity.gid else 0
    if mode & 0o077 & ~to_group:
        yield Finding(subject, Grade.BAD, Sentence("check.key-mode", path=path, mode=f"{mode:o}"))


def _log_folder(folder: Path, identity: Identity | None) -> Iterator[Finding]:
    """A log is rotated by renaming, which takes the right to write in its directory; a missing one is made at start by who starts."""
    ours = identity is None or identity.uid == os.geteuid()
    if (folder.exists() or not ours) and not _allowed(folder, os.W_OK | os.X_OK, identity):
        yield Finding("log.file", Grade.LOOK, Sentence("check.log-folder", path=folder, user=_name(identity)))


def _allowed(path: Path, access: int, identity: Identity | None) -> bool:
    with acting_as(identity):
        return os.access(path, access, effective_ids=True)


def _name(identity: Identity | None) -> str:
    uid = os.geteuid() if identity is None else identity.uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# --- store ---


def _store(config: Config, identity: Identity | None) -> Iterator[Finding]:
    path = config.store.path
    if identity is not None and path.exists() and path.stat().st_uid != identity.uid:
        yield Finding("store.path", Grade.BAD, Sentence("check.store-owner", path=path, user=config.user))
        return
    try:
        with acting_as(identity):
            domains, astray, damage, twice = _look_into(config)
    except MailError as error:
        yield Finding("store.path", Grade.BAD, Sentence("check.store", path=path, reason=error.detail or error.reason))
        return
    yield Finding("store.path", Grade.OK, Sentence("check.store-opens", path=path))
    for one in damage:
        yield Finding("store.path", Grade.BAD, Sentence("check.damage", where=one.where))
    yield from _space(path, config.store.low_disk)
    homes = {name: domain.name for domain in domains for name in (domain.name, *domain.aliases)}
    for alias, target in astray:
        yield Finding("alias", Grade.LOOK, Sentence("check.alias-target", alias=alias, target=target))
    for source, names in twice.items():
        yield Finding("auth.sources", Grade.BAD, Sentence("check.two-passwords", source=source, names=", ".join(names)))
    yield from _declared_domains(config, homes)
    yield from _login_domains(config, homes)


def _look_into(config: Config) -> tuple[list[Domain], list[tuple[str, str]], list[Damage], dict[str, list[str]]]:
    """The domains, the aliases with a target that leads to nobody, what is damaged, and by source those with a password here too."""
    store = open_store(config.store.path, config.store)
    try:
        directory = Directory(store.connection)
        domains, astray, twice = run(directory.domains()), run(_astray(directory)), run(_twice(config, directory))
        return domains, astray, verify_directory(store.connection()), twice
    finally:
        store.close()


async def _twice(config: Config, directory: Directory) -> dict[str, list[str]]:
    """Passwd file -> names in it whose accounts have a login password of their own, in which case only one can count."""
    found = {}
    for source in config.auth.sources if "own" in config.auth.sources else ():
        accounts = [(name, await directory.find_login(name)) for name in names_of(source)]
        twice = [name for name, account in accounts if account and await directory.password_hash(account.id)]
        if twice:
            found[source] = sorted(twice)
    return found


async def _astray(directory: Directory) -> list[tuple[str, str]]:
    """Alias and target, for each target in a domain of ours that is nobody's: an account may have been removed since."""
    pairs = [(alias.address, target) for alias in await directory.aliases() for target in alias.targets]
    return [(alias, target) for alias, target in pairs if not await _leads_somewhere(directory, Address.parse(target))]


async def _leads_somewhere(directory: Directory, target: Address) -> bool:
    if not await directory.is_local(target.domain):
        return True
    try:
        await directory.resolve(target)
    except MailError as error:
        return error.kind is not Kind.NO_SUCH_USER
    return True


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


# --- other servers ---


def _relay_domains(config: Config) -> Iterator[Finding]:
    """Without a list of those who exist, what the other server refuses comes back to senders who never wrote (backscatter)."""
    for relayed in config.relay_domains:
        if relayed.recipients is None:
            subject = f"relay_domain {relayed.name}"
            yield Finding(subject, Grade.LOOK, Sentence("check.relay-anybody", domain=relayed.name))


def _routes(config: Config, identity: Identity | None) -> Iterator[Finding]:
    """The next servers must have addresses, and their passwords be readable by the service and by nobody else."""
    for route in config.routes:
        subject = f"route {', '.join(route.domains)}"
        if route.hold:
            yield Finding(subject, Grade.LOOK, Sentence("check.route-hold", domains=", ".join(route.domains)))
        for host in route.hosts:
            yield Finding(subject, *_next_host(split_host(host, 25)[0]))
        if route.password:
            yield from (Finding(subject, *found) for found in _password_file(route.password, identity))


def _password_file(path: Path, identity: Identity | None) -> Iterator[tuple[Grade, Sentence]]:
    if not _allowed(path, os.R_OK, identity):
        yield Grade.BAD, Sentence("check.route-password", path=path, user=_name(identity))
    elif not _is_utf8(path):
        yield Grade.BAD, Sentence("check.route-encoding", path=path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Grade.LOOK, Sentence("check.key-mode", path=path, mode=f"{stat.S_IMODE(path.stat().st_mode):04o}")


def _is_utf8(path: Path) -> bool:
    """Whether a file is UTF-8, as far as we may look into it."""
    try:
        path.read_text("utf-8")
    except UnicodeDecodeError:
        return False
    except OSError:
        return True
    return True


def _next_host(host: str) -> tuple[Grade, Sentence]:
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        return Grade.BAD, Sentence("check.route-host", host=host, reason=error.strerror)
    return Grade.OK, Sentence("check.route-ok", host=host)


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
