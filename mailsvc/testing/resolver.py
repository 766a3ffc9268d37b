"""A resolver with a table instead of DNS."""

from collections.abc import Mapping, Sequence

from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.outbound import IResolver
from mailsvc.core.outbound import Exchanger
from mailsvc.formats.address import ascii_domain

__all__ = ["FakeResolver"]


@implementer(IResolver)
class FakeResolver:
    """Behaves as the real one; tests may change the tables at any time.

    :ivar mx: domain -> ``(preference, host)`` each; ``[(0, "")]``: null MX. :ivar hosts: host -> addresses.
    :ivar silent: names about which nothing can be found out for now. :ivar asked: every question so far, as ``"MX example.test"``.
    """

    def __init__(
        self,
        mx: Mapping[str, Sequence[tuple[int, str]]] | None = None,
        hosts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.mx = dict(mx or {})
        self.hosts = dict(hosts or {})
        self.silent: set[str] = set()
        self.asked: list[str] = []

    async def exchangers(self, domain: str) -> list[Exchanger]:
        """From the table."""
        name = self._ask("MX", domain)
        found = [Exchanger(preference, host) for preference, host in self.mx.get(name, ())]
        if not found and not self._exists(name):
            raise MailError(Kind.NO_SUCH_DOMAIN, "no-such-domain", detail=domain)
        return sorted(found, key=lambda one: (one.preference, one.host))

    async def addresses(self, host: str) -> list[str]:
        """From the table."""
        name = self._ask("A", host)
        if name not in self.hosts and not self._exists(name):
            raise MailError(Kind.NO_SUCH_DOMAIN, "no-such-domain", detail=host)
        return sorted(self.hosts.get(name, ()), key=lambda address: ":" not in address)

    def _ask(self, kind: str, name: str) -> str:
        try:
            name = ascii_domain(name).lower().rstrip(".")
        except ValueError:
            raise MailError(Kind.NO_SUCH_DOMAIN, "not-a-domain", detail=name) from None
        self.asked.append(f"{kind} {name}")
        if name in self.silent:
            raise temporary("dns", f"{kind} of {name}")
        return name

    def _exists(self, name: str) -> bool:
        known = {*self.mx, *self.hosts}
        return any(one == name or one.endswith("." + name) for one in known)
