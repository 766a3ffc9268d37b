"""A directory in memory: domains, accounts and aliases for tests, with the answers that the real one gives."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.values import NO_FLAGS, Account, AccountFlag, Alias, Domain, FreedName, Profile, Resolution
from mailsvc.formats.address import Address, canonical_domain

__all__ = ["MemoryDirectory"]

T = TypeVar("T", Account, Alias)

_LEVELS = 10


@implementer(IDirectory)
class MemoryDirectory:
    """Filled by :meth:`add`; ``failure``, if set, is raised by every question; ``changed`` is called after every change."""

    def __init__(self, *domains: str) -> None:
        """:param domains: their names, the first one being the default; ``example.test`` if none is given."""
        names = domains or ("example.test",)
        self._domains = [Domain(number, canonical_domain(name)) for number, name in enumerate(names, 1)]
        self._accounts: dict[int, Account] = {}
        self._hashes: dict[int, str] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        self.failure: MailError | None = None
        self.changed: Callable[[], None] = lambda: None

    # --- for tests ---

    def add(
        self,
        address: str,
        *,
        login: str = "",
        password_hash: str = "",
        enabled: bool = True,
        quota: int = 0,
        flags: AccountFlag = NO_FLAGS,
        mailbox: bool = True,
    ) -> Account:
        """Make an account."""
        number = len(self._accounts) + 1
        canonical = Address.parse(address).canonical
        account = Account(number, canonical, login, enabled, quota, flags=flags, mailbox=mailbox)
        self._accounts[number] = account
        self._hashes[number] = password_hash
        return account

    def change(self, account: Account, **changes: Any) -> Account:
        """Replace fields of an account."""
        self._accounts[account.id] = attrs.evolve(self._accounts[account.id], **changes)
        self.changed()
        return self._accounts[account.id]

    def set_hash(self, account: Account, password_hash: str) -> None:
        """Replace a password."""
        self._hashes[account.id] = password_hash

    def hash_of(self, account: Account) -> str:
        """The stored hash."""
        return self._hashes[account.id]

    def alias(self, address: str, *targets: str) -> None:
        """Make an alias."""
        self._aliases[Address.parse(address).canonical] = targets
        self.changed()

    # --- IDirectory ---

    async def domains(self) -> list[Domain]:
        """All domains."""
        self._check()
        return list(self._domains)

    async def is_local(self, domain: str) -> bool:
        """Whether a domain is ours."""
        self._check()
        return not domain or self._main_domain(domain) is not None

    async def resolve(self, address: Address) -> Resolution:
        """Where mail for an address goes."""
        self._check()
        accounts: dict[int, Account] = {}
        outside: list[Address] = []
        found = self._follow(address, accounts, outside, _LEVELS)
        if not found:
            raise MailError(Kind.NO_SUCH_USER, "unknown-recipient")
        enabled = tuple(account for account in accounts.values() if account.enabled)
        if not enabled and not outside:
            raise MailError(Kind.DISABLED, "account-disabled")
        return Resolution(enabled, tuple(outside))

    async def find_login(self, name: str, domain: str = "") -> Account | None:
        """The account that a person means."""
        return (await self.claimed(name, domain))[0]

    async def claimed(self, name: str, domain: str = "") -> tuple[Account | None, str]:
        """The account that a person means, and its address."""
        self._check()
        local, at, given = name.rpartition("@")
        address = self._canonical(Address(local, given) if at else Address(name, domain))
        found = next((one for one in self._accounts.values() if address in (one.address, _login_address(one))), None)
        return found, found.address if found else address

    async def password_hash(self, account: int) -> str:
        """The stored hash."""
        self._check()
        return self._hashes.get(account, "")

    async def account(self, account: int) -> Account | None:
        """By id."""
        self._check()
        return self._accounts.get(account)

    async def find_account(self, address: str) -> Account | None:
        """By canonical address."""
        self._check()
        wanted = self._canonical(Address.parse(address))
        return next((account for account in self._accounts.values() if account.address == wanted), None)

    async def canonical(self, address: Address) -> str:
        """As an account here would have it."""
        self._check()
        return self._canonical(address)

    async def accounts(self, domain: str = "") -> list[Account]:
        """All accounts, by address."""
        self._check()
        return sorted(_of(self._accounts.values(), domain), key=lambda account: account.address)

    async def aliases(self, domain: str = "") -> list[Alias]:
        """All aliases, by address."""
        self._check()
        return sorted(
            _of((Alias(address, targets) for address, targets in self._aliases.items()), domain),
            key=lambda alias: alias.address,
        )

    async def profile(self, account: int) -> Profile:
        """Nobody tells anything."""
        self._check()
        return Profile()

    async def freed(self, domain: str = "") -> list[FreedName]:
        """Nothing was removed."""
        self._check()
        return []

    # --- inside ---

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _main_domain(self, name: str) -> Domain | None:
        wanted = canonical_domain(name)
        return next((one for one in self._domains if wanted in (one.name, *one.aliases)), None)

    def _canonical(self, address: Address) -> str:
        domain = self._main_domain(address.domain or self._domains[0].name)
        return Address(address.local, domain.name if domain else address.domain).canonical

    def _follow(self, address: Address, accounts: dict[int, Account], outside: list[Address], levels: int) -> bool:
        """Add what ``address`` leads to; returns whether it leads anywhere."""
        if address.domain and self._main_domain(address.domain) is None:
            outside.append(address)
            return True
        key = self._canonical(address)
        account = next((one for one in self._accounts.values() if one.address == key and one.mailbox), None)
        if account is not None:
            accounts[account.id] = account
            return True
        if not levels or key not in self._aliases:
            return False
        found = [self._follow(Address.parse(target), accounts, outside, levels - 1) for target in self._aliases[key]]
        return any(found)


def _login_address(account: Account) -> str:
    """The login completed with the domain of its account, ``""`` if there is none."""
    return Address(account.login, account.address.rpartition("@")[2]).canonical if account.login else ""


def _of(rows: Iterable[T], domain: str) -> list[T]:
    return [row for row in rows if not domain or row.address.endswith(f"@{canonical_domain(domain)}")]
