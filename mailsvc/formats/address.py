"""Mail addresses: local part and domain, with the rules for comparing them (RFC 5321 4.1.2, 6531 3.3).

The SMTP path grammar that reads them off the wire is in :mod:`mailsvc.formats.smtp`.
"""

import unicodedata

import attrs
import idna

__all__ = ["Address", "canonical_domain", "canonical_local"]


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
        """Split plain ``local@domain`` at the last ``@`` (configuration and commands; not for the wire). Raises ValueError."""
        local, at, domain = text.strip().rpartition("@")
        if not at or not local or not domain or any(c.isspace() or c in "<>,\0" for c in text.strip()):
            raise ValueError(f"{text!r} is not an address: write it as name@domain")
        return cls(local, domain)

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local
