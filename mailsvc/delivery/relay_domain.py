"""A domain of another server whose mail we take from anybody and send on: as its backup, or as the gateway to it.

That we do is the administrator's decision, by name; for no other domain does a stranger's mail leave this server. Nor may the other
server be talked into it: a local part that names a further way (``user%elsewhere``, ``elsewhere!user``, ``user@elsewhere``) is
refused, for the other server would take the mail from us, whom it trusts (Postfix: ``allow_untrusted_routing``).
"""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

import attrs

from mailsvc.core.errors import Kind, MailError
from mailsvc.formats.address import Address, canonical_domain, canonical_local

__all__ = ["RelayDomain", "ValidRecipients"]

_POSTMASTER = "postmaster"
_ROUTING = frozenset("%!@")


class ValidRecipients:
    """The addresses that exist elsewhere, as a list says: one a line, ``*`` for any text, without ``@`` in the domain itself."""

    def __init__(self, lines: Iterable[str], domain: str) -> None:
        """:param domain: for lines without one."""
        words = filter(None, (line.partition("#")[0].strip() for line in lines))
        entries = {_key(*word.rsplit("@", 1)) if "@" in word else _key(word, domain) for word in words}
        patterns = sorted(entry for entry in entries if "*" in entry)
        self._exact = frozenset(entries.difference(patterns))
        self._patterns = re.compile("|".join(map(translate, patterns))) if patterns else None

    def __contains__(self, address: Address) -> bool:
        key = _key(address.local, address.domain)
        return key in self._exact or bool(self._patterns and self._patterns.match(key))


@attrs.frozen
class RelayDomain:
    """:ivar recipients: gives the list as it is now, None where there is none; raises NOT_NOW if it cannot be read."""

    recipients: Callable[[], ValidRecipients | None]

    def check(self, address: Address) -> None:
        """Whether mail for this address in the domain is taken. Raises RELAY_DENIED, NO_SUCH_USER, NOT_NOW."""
        if _ROUTING & set(address.local):
            raise MailError(
                Kind.RELAY_DENIED, "source-route", "Addresses that name a way through other servers are not taken"
            )
        if canonical_local(address.local) == _POSTMASTER:  # RFC 5321 4.5.1
            return
        known = self.recipients()
        if known is not None and address not in known:
            raise MailError(Kind.NO_SUCH_USER, "unknown-at-relay-domain", "No such user there")


def _key(local: str, domain: str) -> str:
    return f"{canonical_local(local)}@{canonical_domain(domain)}"
