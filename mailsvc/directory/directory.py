"""The directory, read from the database's tables of domains, accounts and aliases.

Every question is a few indexed reads of some microseconds, so nothing is cached and a change counts from its commit on. Names are
looked up in their canonical form (:mod:`mailsvc.formats.address`); a host alias stands for its domain everywhere.

``postmaster`` always delivers (RFC 5321 4.5.1): to an alias if there is one, else to the account that each domain has, even if it is
switched off; bare, without a domain, to that of the first domain.
"""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import time
from collections.abc import Callable, Sequence
from typing import Any

import apsw
from zope.interface import implementer

from mailsvc.core.errors import Kind, MailError, temporary
from mailsvc.core.interfaces.directory import IDirectory
from mailsvc.core.values import Account, AccountFlag, Alias, Domain, FreedName, Profile, Resolution
from mailsvc.formats.address import Address, canonical_domain, canonical_local

__all__ = ["Directory"]

MAX_DEPTH = 10
POSTMASTER = "postmaster"

_COLUMNS = "id, address, login, enabled, quota, messages, octets, flags, mailbox"
_ACCOUNT = f"SELECT {_COLUMNS} FROM account"
_NOBODY = (0, "", "", 0, 0, 0, 0, 0, 0)

# A UNION would be shorter, and take three times as long.
_DOMAIN = "SELECT id, name FROM domain WHERE id="
_NAMED = "coalesce((SELECT id FROM domain WHERE name=?1), (SELECT domain FROM domain_alias WHERE name=?1))"
_FIRST = "(SELECT min(id) FROM domain WHERE ?1='')"

_CLAIMED = (
    f"SELECT d.name, {', '.join(f'a.{column}' for column in _COLUMNS.split(', '))}"
    " FROM domain d LEFT JOIN account a ON a.id=coalesce("
    "(SELECT id FROM account WHERE domain=d.id AND address=?2 || '@' || d.name),"
    "(SELECT id FROM account WHERE domain=d.id AND login=?2 AND login<>'')) WHERE d.id="
)
"""By the address, else by the login (``login<>''`` as in its index, which is not used otherwise). One statement, so that a name which
nobody has is asked for in the same way as any other."""


@implementer(IDirectory)
class Directory:
    """Reads of the directory."""

    def __init__(self, connection: Callable[[], apsw.Connection]) -> None:
        """:param connection: gives a read-only connection; raises MailError(NOT_NOW) if there is none now."""
        self._connection = connection

    async def domains(self) -> list[Domain]:
        """All domains, the first one first."""
        aliases: dict[int, list[str]] = {}
        for domain, name in self._all("SELECT domain, name FROM domain_alias ORDER BY name"):
            aliases.setdefault(domain, []).append(name)
        rows = self._all("SELECT id, name FROM domain ORDER BY id")
        return [Domain(domain, name, tuple(aliases.get(domain, ()))) for domain, name in rows]

    async def is_local(self, domain: str) -> bool:
        """Whether mail for this domain, host alias or ``""`` is ours."""
        return self._domain(domain) is not None

    async def resolve(self, address: Address) -> Resolution:
        """Where mail for a local address goes. Raises NO_SUCH_USER, NO_SUCH_DOMAIN, DISABLED."""
        if not address.domain and canonical_local(address.local) != POSTMASTER:
            raise MailError(Kind.NO_SUCH_USER, "unknown-recipient", detail=str(address))
        key = self._key(address)
        if key is None:
            raise MailError(Kind.NO_SUCH_DOMAIN, "unknown-domain", detail=address.domain)
        found, outside = self._expand(key, address)
        accounts = tuple(account for account in found if account.enabled or account.is_postmaster)
        if accounts or outside:
            return Resolution(accounts, outside)
        if found:
            raise MailError(Kind.DISABLED, "account-disabled", detail=key)
        raise MailError(Kind.NO_SUCH_USER, "unknown-recipient", detail=key)

    async def find_login(self, name: str, domain: str = "") -> Account | None:
        """The account whose address or login this is."""
        return (await self.claimed(name, domain))[0]

    async def claimed(self, name: str, domain: str = "") -> tuple[Account | None, str]:
        """The account whose address or login this is, and its address, or that which the name would have."""
        local, at, given = name.rpartition("@")
        address = Address(local, given) if at else Address(name, domain)
        key = canonical_local(address.local)
        where = _NAMED if address.domain else _FIRST
        rows = self._all(_CLAIMED + where, canonical_domain(address.domain), key)
        if not rows:
            return None, address.canonical
        ours, *row = rows[0]
        # Made for nobody too, who must not be answered sooner.
        account = _account(row if row[0] is not None else _NOBODY)
        return (account, account.address) if account.id else (None, f"{key}@{ours}")

    async def password_hash(self, account: int) -> str:
        """The stored hash, ``""`` if the account has none."""
        rows = self._all("SELECT password_hash FROM account WHERE id=?", account)
        return str(rows[0][0]) if rows else ""

    async def account(self, account: int) -> Account | None:
        """The account with this id."""
        return self._account("id=?", account)

    async def find_account(self, address: str) -> Account | None:
        """The account with this address; host aliases are followed."""
        local, _, domain = address.rpartition("@")
        key = self._key(Address(local, domain)) if local and domain else None
        return self._account("address=?", key) if key else None

    async def canonical(self, address: Address) -> str:
        """The address as an account here would have it."""
        return self._key(address) or address.canonical

    async def accounts(self, domain: str = "") -> list[Account]:
        """All accounts, or those of one domain, by address."""
        where, bindings = self._in_domain(domain)
        return [_account(row) for row in self._all(f"{_ACCOUNT}{where} ORDER BY address", *bindings)]

    async def aliases(self, domain: str = "") -> list[Alias]:
        """All aliases, or those of one domain, by address."""
        where, bindings = self._in_domain(domain)
        rows = self._all(f"SELECT address FROM alias{where} ORDER BY address", *bindings)
        return [Alias(address, tuple(self._targets(address))) for (address,) in rows]

    async def profile(self, account: int) -> Profile:
        """What an account tells about its owner."""
        rows = self._all("SELECT name, organisation, telephone, reply_to FROM profile WHERE account=?", account)
        return Profile(*rows[0]) if rows else Profile()

    async def freed(self, domain: str = "") -> list[FreedName]:
        """The addresses in quarantine, by address; one whose time has passed is not."""
        where, bindings = self._in_domain(domain)
        rows = self._all(f"SELECT address, until FROM freed{where} ORDER BY address", *bindings)
        return [FreedName(address, until) for address, until in rows if until > time.time()]

    def _expand(self, key: str, address: Address) -> tuple[list[Account], tuple[Address, ...]]:
        """Accounts and outside addresses that a key leads to, level by level; what was seen is not followed again."""
        accounts: dict[int, Account] = {}
        outside: dict[str, Address] = {}
        seen: set[str] = set()
        level = [address]
        for _ in range(MAX_DEPTH + 1):
            following: list[Address] = []
            for one in level:
                here = key if one is address else self._key(one)
                if here is None:
                    outside.setdefault(one.canonical, one)
                elif here not in seen:
                    seen.add(here)
                    following += self._step(here, accounts)
            level = following
        return list(accounts.values()), tuple(outside.values())

    def _step(self, key: str, accounts: dict[int, Account]) -> list[Address]:
        """The targets of an alias; or none, and the account of that address is added."""
        targets = self._targets(key)
        if targets:
            return [Address.parse(target) for target in targets]
        account = self._account("address=?", key)
        if account and account.mailbox:
            accounts.setdefault(account.id, account)
        return []

    def _targets(self, address: str) -> list[str]:
        return [
            target
            for (target,) in self._all("SELECT target FROM alias_target WHERE alias=? ORDER BY position", address)
        ]

    def _key(self, address: Address) -> str | None:
        """The address as the tables have it; None if the domain is not ours."""
        domain = self._domain(address.domain)
        return f"{canonical_local(address.local)}@{domain[1]}" if domain else None

    def _domain(self, name: str) -> tuple[int, str] | None:
        """Id and name of a domain or host alias; ``""`` is the first domain."""
        rows = self._all(_DOMAIN + (_NAMED if name else _FIRST), canonical_domain(name))
        return (rows[0][0], rows[0][1]) if rows else None

    def _in_domain(self, domain: str) -> tuple[str, tuple[int, ...]]:
        if not domain:
            return "", ()
        ours = self._domain(domain)
        return " WHERE domain=?", (ours[0] if ours else 0,)

    def _account(self, where: str, *bindings: Any) -> Account | None:
        rows = self._all(f"{_ACCOUNT} WHERE {where}", *bindings)
        return _account(rows[0]) if rows else None

    def _all(self, sql: str, *bindings: Any) -> list[tuple[Any, ...]]:
        try:
            return self._connection().execute(sql, bindings).fetchall()
        except apsw.Error as error:
            raise temporary("directory-unreadable", repr(error)) from error
        except UnicodeEncodeError:  # a name with a lone surrogate is nobody's
            return []


def _account(row: Sequence[Any]) -> Account:
    account, address, login, enabled, quota, messages, octets, flags, mailbox = row
    return Account(account, address, login, bool(enabled), quota, messages, octets, AccountFlag(flags), bool(mailbox))
