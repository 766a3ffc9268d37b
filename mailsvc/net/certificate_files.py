"""The files that certificates come from: reading them as one, noticing that one was renewed, warning of those that run out.

Renewal tools replace certificate and key within a moment, in either order; a set that does not fit together (yet) is not used.
"""

import datetime
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
from OpenSSL import SSL
from twisted.logger import Logger

from mailsvc.net.certificates import Facts
from mailsvc.net.tls import Certificates, KeyPair, ServerTLS

__all__ = ["SOON", "CertificateFiles", "TLSFiles"]

_log = Logger(namespace="mailsvc.tls")

SOON = datetime.timedelta(days=21)
"""How long before its end a certificate is warned of: tools renew a month before, so by then something is wrong with them."""


@attrs.frozen
class TLSFiles:
    """Where they are. ``default`` and ``further``: certificate and key each."""

    default: tuple[Path, Path]
    further: tuple[tuple[Path, Path], ...] = ()
    authorities: Path | None = None
    revoked: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        clients = tuple(path for path in (self.authorities, self.revoked) if path is not None)
        return (*self.default, *(path for pair in self.further for path in pair), *clients)

    def read(self) -> Certificates:
        """Read and check all. Raises OSError, or ValueError naming what is wrong."""
        certificates = Certificates(
            KeyPair.read(*self.default),
            tuple(KeyPair.read(*pair) for pair in self.further),
            self.authorities.read_bytes() if self.authorities else b"",
            self.revoked.read_bytes() if self.revoked else b"",
        )
        try:
            ServerTLS(certificates)
        except (ValueError, SSL.Error) as error:
            raise ValueError(f"{self.authorities} or {self.revoked} cannot be used: {error}") from None
        return certificates

    def ending(self, now: datetime.datetime) -> Iterator[tuple[Path, datetime.datetime]]:
        """The certificates that run out soon, or have, with when. Of those that cannot be read :meth:`read` speaks."""
        for certificate, _ in (self.default, *self.further):
            try:
                facts = Facts.read(certificate)
            except (OSError, ValueError):
                continue
            if facts.ends - now < SOON:
                yield certificate, facts.ends


class CertificateFiles:
    """Watches the files."""

    def __init__(self, files: TLSFiles, on_change: Callable[[Certificates], None]) -> None:
        """``on_change`` gets each new set that is whole and fits together."""
        self._files = files
        self._on_change = on_change
        self._seen = self._stamp()

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_identity(path) for path in self._files.paths)

    def check(self) -> None:
        """Compare and, if something changed, read. What does not fit (yet) is logged, and tried again at the next change."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            self.reload()

    def reload(self) -> None:
        """Read all files whether they changed or not."""
        try:
            certificates = self._files.read()
        except (OSError, ValueError) as error:
            _log.warn("the old certificates stay in use: {error}", error=str(error))
            return
        self._on_change(certificates)
        _log.info("certificates loaded again: {paths}", paths=", ".join(str(path) for path in self._files.paths))

    def warn(self) -> None:
        """Log those that run out soon."""
        for path, ends in self._files.ending(datetime.datetime.now(datetime.UTC)):
            _log.warn(
                "the certificate in {path} ends on {date}: renew it", path=str(path), date=ends.date().isoformat()
            )


def _identity(path: Path) -> tuple[int, int, int] | None:
    # Inode and size too: a file restored from a copy keeps its time.
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
