"""The header with which SCRAM and OAUTHBEARER begin: channel binding and authorisation identity (RFC 5801 4, RFC 5802 7)."""

import re

import attrs

from mailsvc.formats.sasl.exchange import NAME_LIMIT, SaslError, text

__all__ = ["Gs2", "gs2_header", "saslname"]

_HEADER = re.compile(rb"(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,(.*)", re.DOTALL)


@attrs.frozen
class Gs2:
    """A header as it was read.

    :ivar flag: ``"n"`` (the client knows no channel binding), ``"y"`` (it does, and thinks that we do not) or ``"p"`` (it binds).
    :ivar binding: the type that it binds to. :ivar octets: the header itself, with its last comma. :ivar rest: what follows.
    """

    flag: str
    binding: str
    authzid: str
    octets: bytes
    rest: bytes


def gs2_header(message: bytes) -> Gs2 | None:
    """The header at the beginning of a message; None if there is none. Raises SaslError for an authzid that is no name."""
    found = _HEADER.match(message)
    if found is None:
        return None
    flag, binding, authzid, rest = found.groups()
    return Gs2(
        flag=flag.decode("ascii") if flag else "p",
        binding=(binding or b"").decode("ascii"),
        authzid=saslname(authzid, "authzid") if authzid else "",
        octets=message[: len(message) - len(rest)],
        rest=rest,
    )


def saslname(octets: bytes, what: str) -> str:
    """A name in which ``=2C`` stands for a comma and ``=3D`` for an equals sign; no other ``=`` may be there (RFC 5802 5.1)."""
    name = octets.replace(b"=2C", b",").replace(b"=3D", b"\0")
    if b"=" in name or b"\0" in octets:
        raise SaslError(f"bad-{what}")
    return text(name.replace(b"\0", b"="), NAME_LIMIT, what)
