"""Mail addresses: local part and domain, with the rules for comparing them (RFC 5321 4.1.2, 6531 3.3).

The SMTP path grammar that reads them off the wire is in :mod:`mailsvc.formats.smtp`.
"""

import unicodedata

import attrs
import idna

__all__ = ["Address", "ascii_domain", "canonical_domain", "canonical_local"]

MAX_OCTETS = 254
"""Octets of an address: what fits into a path with its angle brackets (RFC 5321 4.5.3.1.3)."""


def canonical_local(local: str) -> str:
    """The form under which a local part is looked up here: NFC, case folded (RFC 5321 2.4 leaves this to the receiving host)."""
    return unicodedata.normalize("NFC", local).casefold()


def canonical_domain(domain: str) -> str:
    """The form under which a domain is looked up: U-labels, lower case, no final dot (RFC 5890 2.3.2.1)."""
    name = unicodedata.normalize("NFC", domain).casefold().rstrip(".")
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


def ascii_domain(domain: str) -> str:
    """The form for DNS and for servers without SMTPUTF8: A-labels (RFC 5890 2.3.2.1); ASCII stays as it is. Raises ValueError."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(canonical_domain(domain)).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{domain!r} cannot be written in A-labels: {error}") from None


@attrs.frozen
class Address:
    """``local@domain`` as the peer spelled it, the local part without quotes; ``domain`` is ``""`` only for a bare ``postmaster``."""

    local: str
    domain: str

    @property
    def canonical(self) -> str:
        """The lookup key ``local@domain``."""
        return f"{canonical_local(self.local)}@{canonical_domain(self.domain)}"

    @property
    def is_ascii(self) -> bool:
        """Whether it can travel without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii() and self.domain.isascii()

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Split plain ``local@domain`` (configuration and commands; not for the wire, where names may be quoted). Raises ValueError."""
        local, at, domain = text.strip().rpartition("@")
        plain = text.strip().isprintable() and not any(c.isspace() or c in '<>,@"\\' for c in local + domain)
        if not (at and local and domain and plain) or len(text.encode("utf-8", "replace")) > MAX_OCTETS:
            raise ValueError(f"{text!r} is not an address: write it as name@domain")
        return cls(local, domain)

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local
