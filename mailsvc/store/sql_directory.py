"""The SQL of domains, accounts and aliases."""

# ruff: noqa: S608 - SQL is put together from constants of this module only

import attrs

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.secrets import LOGIN
from mailsvc.core.values import INBOX
from mailsvc.formats.address import Address, canonical_domain, canonical_local
from mailsvc.store import sql_accounts, sql_mail, sql_mailboxes, sql_secrets
from mailsvc.store.context import Context
from mailsvc.store.sql_grants import take_from

__all__ = [
    "add_account",
    "add_alias",
    "add_domain",
    "remove_account",
    "remove_alias",
    "remove_domain",
]

POSTMASTER = "postmaster"


def add_domain(context: Context, operation: ops.AddDomain) -> int:
    """:class:`~mailsvc.core.operations.AddDomain`."""
    name = _domain_name(operation.name)
    if context.one("SELECT 1 FROM domain_alias WHERE name=?", name):
        raise MailError(Kind.EXISTS, "domain-exists", detail=f"{name} is a host alias")
    row = context.one("SELECT id FROM domain WHERE name=?", name)
    domain = int(row[0]) if row else _new_domain(context, name)
    for alias in operation.aliases:
        _add_host_alias(context, domain, _domain_name(alias))
    return domain


def _new_domain(context: Context, name: str) -> int:
    context.db.execute("INSERT INTO domain(name) VALUES(?)", (name,))
    domain = context.db.last_insert_rowid()
    _insert_account(context, domain, f"{POSTMASTER}@{name}", ops.AddAccount(""))
    return domain


def _add_host_alias(context: Context, domain: int, name: str) -> None:
    if context.one("SELECT 1 FROM domain WHERE name=?", name):
        raise MailError(Kind.EXISTS, "domain-exists", detail=name)
    owner = context.one("SELECT domain FROM domain_alias WHERE name=?", name)
    if owner and owner[0] != domain:
        raise MailError(Kind.EXISTS, "domain-exists", detail=f"{name} is a host alias of another domain")
    context.db.execute("INSERT OR IGNORE INTO domain_alias(name, domain) VALUES(?, ?)", (name, domain))


def remove_domain(context: Context, operation: ops.RemoveDomain) -> None:
    """:class:`~mailsvc.core.operations.RemoveDomain`. Its aliases go with it."""
    row = context.one("SELECT id, name FROM domain WHERE name=?", canonical_domain(operation.name))
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-domain", detail=operation.name)
    domain, name = row
    accounts = context.all("SELECT id, address FROM account WHERE domain=? ORDER BY address", domain)
    left = [address for _, address in accounts if address != f"{POSTMASTER}@{name}"]
    if left:
        raise MailError(Kind.IN_USE, "domain-has-accounts", detail=", ".join(left[:20]))
    for account, _ in accounts:
        _erase_account(context, account)
    context.db.execute("DELETE FROM alias_target WHERE alias IN (SELECT address FROM alias WHERE domain=?)", (domain,))
    for table in ("alias", "domain_alias", "freed"):
        context.db.execute(f"DELETE FROM {table} WHERE domain=?", (domain,))
    context.db.execute("DELETE FROM domain WHERE id=?", (domain,))


def add_account(context: Context, operation: ops.AddAccount) -> int:
    """:class:`~mailsvc.core.operations.AddAccount`. An address in a host alias is made in its domain."""
    domain, address = _our_address(context, operation.address)
    local = address.rpartition("@")[0]
    operation = operation if operation.mailbox else attrs.evolve(operation, login=local)
    login = canonical_local(operation.login)
    if "@" in login:
        raise MailError(Kind.BAD_REQUEST, "bad-login", detail="a login has no @: its domain is that of the address")
    if local != POSTMASTER and context.one("SELECT 1 FROM alias WHERE address=?", address):
        raise MailError(Kind.EXISTS, "address-exists", detail=f"{address} is an alias")
    sql_accounts.must_be_free(context, domain, address, login)
    return _insert_account(context, domain, address, operation)


def _insert_account(context: Context, domain: int, address: str, operation: ops.AddAccount) -> int:
    login = canonical_local(operation.login)
    context.db.execute(
        "INSERT INTO account(domain, address, login, password_hash, quota, mailbox) VALUES(?, ?, ?, ?, ?, ?)",
        (domain, address, login, operation.password_hash, operation.quota, operation.mailbox),
    )
    account = context.db.last_insert_rowid()
    sql_secrets.set_verifiers(context, account, LOGIN, operation.verifiers)
    if operation.mailbox:
        sql_mail.new_mailbox(context, account, INBOX)
    return account


def remove_account(context: Context, operation: ops.RemoveAccount) -> None:
    """:class:`~mailsvc.core.operations.RemoveAccount`."""
    row = context.one("SELECT address, domain, mailbox FROM account WHERE id=?", operation.account)
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    if row[0].startswith(f"{POSTMASTER}@") and not context.one("SELECT 1 FROM alias WHERE address=?", row[0]):
        raise MailError(Kind.IN_USE, "postmaster-needed", detail=f"make an alias for {row[0]} first")
    _erase_account(context, operation.account)
    if row[2]:
        sql_accounts.quarantine(context, row[1], row[0], operation.quarantine)


def _erase_account(context: Context, account: int) -> None:
    """Gone for everybody at once, however much mail there is: that is erased later (:mod:`mailsvc.store.chores`)."""
    take_from(context, account)  # while it has its name
    for (mailbox,) in context.all("SELECT id FROM mailbox WHERE account=?", account):
        sql_mailboxes.erase_mailbox(context, mailbox)
    context.db.execute("DELETE FROM subscription WHERE account=?", (account,))
    sql_secrets.erase_secrets(context, account)
    context.db.execute("DELETE FROM profile WHERE account=?", (account,))
    context.db.execute("DELETE FROM account WHERE id=?", (account,))


def add_alias(context: Context, operation: ops.AddAlias) -> None:
    """:class:`~mailsvc.core.operations.AddAlias`. An alias for ``postmaster`` may stand beside the account, and comes first."""
    domain, address = _our_address(context, operation.address)
    if not operation.targets:
        raise MailError(Kind.BAD_REQUEST, "alias-without-target")
    if not address.startswith(f"{POSTMASTER}@") and context.one("SELECT 1 FROM account WHERE address=?", address):
        raise MailError(Kind.EXISTS, "address-exists", detail=f"{address} is an account")
    sql_accounts.must_not_be_quarantined(context, address)
    targets = [str(_parsed(target)) for target in operation.targets]
    context.db.execute("INSERT OR REPLACE INTO alias(address, domain) VALUES(?, ?)", (address, domain))
    context.db.execute("DELETE FROM alias_target WHERE alias=?", (address,))
    context.db.executemany(
        "INSERT INTO alias_target(alias, position, target) VALUES(?, ?, ?)",
        [(address, position, target) for position, target in enumerate(dict.fromkeys(targets))],
    )


def remove_alias(context: Context, operation: ops.RemoveAlias) -> None:
    """:class:`~mailsvc.core.operations.RemoveAlias`."""
    _, address = _our_address(context, operation.address)
    if not context.one("SELECT 1 FROM alias WHERE address=?", address):
        raise MailError(Kind.NOT_FOUND, "no-such-alias", detail=address)
    if address.startswith(f"{POSTMASTER}@") and not context.one("SELECT 1 FROM account WHERE address=?", address):
        raise MailError(Kind.IN_USE, "postmaster-needed", detail=f"nothing else takes mail for {address}")
    context.db.execute("DELETE FROM alias WHERE address=?", (address,))
    context.db.execute("DELETE FROM alias_target WHERE alias=?", (address,))


def _domain_name(text: str) -> str:
    name = canonical_domain(text)
    if not name or "@" in name or any(c.isspace() for c in name):
        raise MailError(Kind.BAD_REQUEST, "bad-domain", detail=repr(text))
    return name


def _parsed(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise MailError(Kind.BAD_REQUEST, "bad-address", detail=str(error)) from error


def _our_address(context: Context, text: str) -> tuple[int, str]:
    """The domain's id and the canonical address. Raises NO_SUCH_DOMAIN, BAD_REQUEST."""
    address = _parsed(text)
    row = context.one(
        "SELECT id, name FROM domain WHERE name=?1"
        " UNION ALL SELECT d.id, d.name FROM domain_alias a JOIN domain d ON d.id=a.domain WHERE a.name=?1",
        canonical_domain(address.domain),
    )
    if not row:
        raise MailError(Kind.NO_SUCH_DOMAIN, "no-such-domain", detail=address.domain)
    return int(row[0]), f"{canonical_local(address.local)}@{row[1]}"
