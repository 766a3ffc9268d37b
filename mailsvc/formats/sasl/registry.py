"""The mechanisms that we speak, best first."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import attrs

from mailsvc.formats.sasl.bearer import OAuthBearer, XOAuth2
from mailsvc.formats.sasl.cram_md5 import CramMD5
from mailsvc.formats.sasl.exchange import Circumstances, Mechanism
from mailsvc.formats.sasl.external import External
from mailsvc.formats.sasl.login import Login
from mailsvc.formats.sasl.plain import Plain
from mailsvc.formats.sasl.scram import Scram

__all__ = ["MECHANISMS", "SPA", "Entry"]

SPA = frozenset({"NTLM", "MSN", "GSS-SPNEGO"})
"""What clients try whose user has switched on "Secure Password Authentication"; never offered, and answered with words of its own."""


@attrs.frozen
class Entry:
    """One mechanism.

    :ivar make: begins an exchange. :ivar readable: whether what the client sends is good for whoever reads it: needs TLS.
    :ivar initial: whether the client may send a response with its very first command (RFC 4954 4).
    :ivar binding: whether it needs channel binding data. :ivar certificate: whether it needs a client certificate.
    """

    make: Callable[[Circumstances], Mechanism]
    readable: bool = False
    initial: bool = True
    binding: bool = False
    certificate: bool = False


MECHANISMS: Mapping[str, Entry] = MappingProxyType(
    {
        "EXTERNAL": Entry(lambda _: External(), certificate=True),
        "SCRAM-SHA-256-PLUS": Entry(partial(Scram, "SHA-256", True), binding=True),
        "SCRAM-SHA-1-PLUS": Entry(partial(Scram, "SHA-1", True), binding=True),
        "SCRAM-SHA-256": Entry(partial(Scram, "SHA-256", False)),
        "SCRAM-SHA-1": Entry(partial(Scram, "SHA-1", False)),
        "OAUTHBEARER": Entry(lambda _: OAuthBearer(), readable=True),
        "XOAUTH2": Entry(lambda _: XOAuth2(), readable=True),
        "CRAM-MD5": Entry(CramMD5, initial=False),
        "PLAIN": Entry(lambda _: Plain(), readable=True),
        "LOGIN": Entry(lambda _: Login(), readable=True),
    }
)
"""Name in capitals -> what it is, in the order in which they are announced."""
