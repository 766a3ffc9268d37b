"""From ``[[relay_domain]]`` to what delivery asks: is this a domain whose mail we take for another server, and who exists there."""

from collections.abc import Callable
from pathlib import Path

from mailsvc.core.errors import temporary
from mailsvc.delivery.relay_domain import RelayDomain, ValidRecipients
from mailsvc.queue.options import RelayDomainOptions, find_relay_domain

__all__ = ["ListFile", "relay_domains"]


class ListFile:
    """The list of those who exist, read again when its file has changed: whoever makes it for us need not restart anything."""

    def __init__(self, path: Path, domain: str) -> None:
        self._path = path
        self._domain = domain
        self._version: tuple[int, ...] = ()
        self._known: ValidRecipients | None = None

    def __call__(self) -> ValidRecipients | None:
        """The list as it is now. Raises NOT_NOW if it cannot be read."""
        try:
            status = self._path.stat()
            version = status.st_mtime_ns, status.st_size, status.st_ino
            if version != self._version:
                self._known = ValidRecipients(self._path.read_text("utf-8").splitlines(), self._domain)
                self._version = version
        except (OSError, ValueError) as error:
            raise temporary("recipients-unreadable", f"{self._path}: {error}") from error
        return self._known


def relay_domains(options: tuple[RelayDomainOptions, ...]) -> Callable[[str], RelayDomain | None]:
    """What finds the entry for a canonical domain."""
    made = {one.name: _make(one) for one in options}

    def find(domain: str) -> RelayDomain | None:
        found = find_relay_domain(options, domain)
        return made[found.name] if found else None

    return find


def _make(options: RelayDomainOptions) -> RelayDomain:
    return RelayDomain(ListFile(options.recipients, options.name) if options.recipients else lambda: None)
