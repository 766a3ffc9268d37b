"""Who exists here, and where an address goes."""

from zope.interface import Interface

from mailsvc.core.values import Account, Alias, Domain, FreedName, Profile, Resolution
from mailsvc.formats.address import Address

__all__ = ["IDirectory"]


class IDirectory(Interface):
    """Reads of domains, accounts and aliases. Answers are as of the last commit: nothing is cached."""

    async def domains() -> list[Domain]:
        """All domains, the first one first (it is the default for logins without a domain)."""

    async def is_local(domain: str) -> bool:
        """Whether mail for this domain (or host alias, or ``""``) is ours to deliver."""

    async def resolve(address: Address) -> Resolution:
        """Where mail for a local address goes: exact address, alias (followed to 10 levels, loops ignored), ``postmaster``.

        Raises NO_SUCH_USER; DISABLED if the only account is switched off.
        """

    async def find_login(name: str, domain: str = "") -> Account | None:
        """The account whose address or login this is. ``domain`` completes a name without one; ``""`` means the first domain."""

    async def claimed(name: str, domain: str = "") -> tuple[Account | None, str]:
        """As find_login, and the canonical address that the account has, or that this name would have. The same work for every name."""

    async def password_hash(account: int) -> str:
        """The stored hash, ``""`` if the account has none."""

    async def account(account: int) -> Account | None:
        """The account with this id."""

    async def find_account(address: str) -> Account | None:
        """The account with this canonical address (host aliases are followed)."""

    async def canonical(address: Address) -> str:
        """The address as an account here would have it: host aliases followed, without a domain in the first one; else as it is."""

    async def accounts(domain: str = "") -> list[Account]:
        """All accounts, or those of one domain, by address."""

    async def aliases(domain: str = "") -> list[Alias]:
        """All aliases, or those of one domain, by address."""

    async def profile(account: int) -> Profile:
        """What an account tells about its owner."""

    async def freed(domain: str = "") -> list[FreedName]:
        """The addresses in quarantine, of all domains or of one, by address."""
