"""From the configuration to the rules of a domain: which names and passwords its people may choose."""

from pathlib import Path

from mailsvc.app.config import Config
from mailsvc.app.options import DomainOptions
from mailsvc.auth.password_rules import COMMON, PasswordRules, read_words
from mailsvc.directory.naming import NamingRules
from mailsvc.formats.address import canonical_domain, canonical_local

__all__ = ["naming_rules", "password_rules"]


def naming_rules(config: Config, domain: str) -> NamingRules:
    """The rules for names in a domain of ours. Raises OSError for a file that cannot be read."""
    options = _options(config, domain)
    return NamingRules(
        shortest=options.shortest_name,
        longest=options.longest_name,
        pattern=options.name_pattern,
        reserved=frozenset(map(canonical_local, config.accounts.reserved)),
        words=_words(options.name_words),
    )


def password_rules(config: Config, domain: str) -> PasswordRules:
    """The rules for passwords in a domain of ours. Raises OSError for a file that cannot be read."""
    options = _options(config, domain)
    return PasswordRules(shortest=options.shortest_password, words=COMMON | _words(options.password_words))


def _options(config: Config, domain: str) -> DomainOptions:
    """Those of the domain; a domain that is only in the store has the usual rules."""
    wanted = canonical_domain(domain)
    declared = (one for one in config.domains if canonical_domain(one.name) == wanted)
    return next(declared, DomainOptions(name=domain))


def _words(path: Path | None) -> frozenset[str]:
    return read_words(path.read_text("utf-8")) if path is not None else frozenset()
