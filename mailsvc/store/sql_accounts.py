"""The SQL of what happens to accounts: what they may do, and how a login comes by a mailbox, loses it, and what becomes of the name."""

from mailsvc.core import operations as ops
from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import INBOX
from mailsvc.formats.address import canonical_local
from mailsvc.store import sql_mail, sql_mailboxes
from mailsvc.store.context import Context
from mailsvc.store.sql_grants import take_from

__all__ = [
    "change_account",
    "drop_mailbox",
    "must_be_free",
    "must_not_be_quarantined",
    "quarantine",
    "register_name",
    "release_name",
    "set_profile",
]


def change_account(context: Context, operation: ops.ChangeAccount) -> None:
    """:class:`~mailsvc.core.operations.ChangeAccount`."""
    context.db.execute(
        "UPDATE account SET enabled=coalesce(?, enabled), quota=coalesce(?, quota), flags=(flags | ?) & ~? WHERE id=?",
        (operation.enabled, operation.quota, operation.set_flags, operation.clear_flags, operation.account),
    )
    if not context.db.changes():
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    if operation.enabled is False or operation.set_flags:
        take_from(context, operation.account)


def set_profile(context: Context, operation: ops.SetProfile) -> None:
    """:class:`~mailsvc.core.operations.SetProfile`."""
    if not context.one("SELECT 1 FROM account WHERE id=?", operation.account):
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    context.db.execute(
        "INSERT OR REPLACE INTO profile(account, name, organisation, telephone, reply_to) VALUES(?, ?, ?, ?, ?)",
        (operation.account, operation.name, operation.organisation, operation.telephone, operation.reply_to),
    )


def register_name(context: Context, operation: ops.RegisterName) -> str:
    """:class:`~mailsvc.core.operations.RegisterName`."""
    domain, domain_name, mailbox = _account(context, operation.account)
    if mailbox:
        raise MailError(Kind.IN_USE, "has-mailbox")
    address = f"{canonical_local(operation.name)}@{domain_name}"
    must_be_free(context, domain, address, besides=operation.account)
    if context.one("SELECT 1 FROM alias WHERE address=?", address):
        raise MailError(Kind.EXISTS, "address-exists", detail=f"{address} is an alias")
    _rename(context, operation.account, address, mailbox=True)
    sql_mail.new_mailbox(context, operation.account, INBOX)
    return address


def drop_mailbox(context: Context, operation: ops.DropMailbox) -> None:
    """:class:`~mailsvc.core.operations.DropMailbox`."""
    domain, domain_name, mailbox = _account(context, operation.account)
    address, login = context.one("SELECT address, login FROM account WHERE id=?", operation.account)
    if not login or not mailbox:
        raise MailError(Kind.BAD_REQUEST, "no-login-of-its-own" if mailbox else "has-no-mailbox")
    take_from(context, operation.account)  # while it has its name
    for (one,) in context.all("SELECT id FROM mailbox WHERE account=?", operation.account):
        sql_mailboxes.erase_mailbox(context, one)
    context.db.execute("DELETE FROM subscription WHERE account=?", (operation.account,))
    context.db.execute("UPDATE account SET messages=0, octets=0 WHERE id=?", (operation.account,))
    _rename(context, operation.account, f"{login}@{domain_name}", mailbox=False)
    quarantine(context, domain, address, operation.quarantine)


def _rename(context: Context, account: int, address: str, mailbox: bool) -> None:
    """Another address. The salt of SCRAM is made from it, so verifiers go; those of the login password come back when it is shown."""
    context.db.execute("UPDATE account SET address=?, mailbox=? WHERE id=?", (address, mailbox, account))
    context.db.execute("DELETE FROM scram WHERE account=?", (account,))


def release_name(context: Context, operation: ops.ReleaseName) -> None:
    """:class:`~mailsvc.core.operations.ReleaseName`."""
    context.db.execute("DELETE FROM freed WHERE address=?", (operation.address,))
    if not context.db.changes():
        raise MailError(Kind.NOT_FOUND, "not-in-quarantine", detail=operation.address)


def quarantine(context: Context, domain: int, address: str, seconds: int) -> None:
    """From now on nobody may have the address for so long; what has passed is forgotten."""
    context.db.execute("DELETE FROM freed WHERE until<=?", (context.now,))
    if seconds:
        row = (address, domain, context.now + seconds)
        context.db.execute("INSERT OR REPLACE INTO freed(address, domain, until) VALUES(?, ?, ?)", row)


def must_not_be_quarantined(context: Context, address: str) -> None:
    """Raises EXISTS for an address in quarantine."""
    row = context.one("SELECT until FROM freed WHERE address=? AND until>?", address, context.now)
    if row:
        raise MailError(Kind.EXISTS, "name-in-quarantine", detail=f"{address} was removed and is not free yet")


def must_be_free(context: Context, domain: int, address: str, login: str = "", besides: int = 0) -> None:
    """Raises EXISTS if an account other than ``besides`` has the address, or this login, in any form; or for one in quarantine."""
    local, _, domain_name = address.rpartition("@")
    taken = context.one(
        "SELECT address FROM account WHERE domain=?1 AND id<>?6"
        " AND (address=?2 OR login=?3 OR (?4<>'' AND login=?4) OR (?4<>'' AND address=?5))",
        domain, address, local, login, f"{login}@{domain_name}", besides,
    )  # fmt: skip
    if taken:
        reason = "address-exists" if taken[0] == address else "login-exists"
        raise MailError(Kind.EXISTS, reason, detail=f"{taken[0]} has this address or login")
    must_not_be_quarantined(context, address)


def _account(context: Context, account: int) -> tuple[int, str, int]:
    """Domain, its name, and whether there is a mailbox."""
    row = context.one(
        "SELECT d.id, d.name, a.mailbox FROM account a JOIN domain d ON d.id=a.domain WHERE a.id=?", account
    )
    if not row:
        raise MailError(Kind.NOT_FOUND, "no-such-account")
    return int(row[0]), str(row[1]), int(row[2])
