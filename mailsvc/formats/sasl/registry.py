"""The mechanisms that we speak, best first."""

from collections.abc import Mapping
from types import MappingProxyType

from mailsvc.formats.sasl.exchange import Mechanism
from mailsvc.formats.sasl.login import Login
from mailsvc.formats.sasl.plain import Plain

__all__ = ["MECHANISMS", "offered"]

MECHANISMS: Mapping[str, type[Mechanism]] = MappingProxyType({"PLAIN": Plain, "LOGIN": Login})
"""Name in capitals -> class, in the order in which they are announced."""


def offered(password_ok: bool) -> tuple[str, ...]:
    """The names to announce on a line where a password may (``Peer.password_ok``) or may not be asked for (RFC 4954 4, RFC 5034 4)."""
    return tuple(name for name, mechanism in MECHANISMS.items() if password_ok or not mechanism.cleartext)
