"""What an account's flags and state let it do: one table, asked at each log-in and again when the account changes."""

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import Account, AccountFlag

__all__ = ["objection"]

_SWITCHES = {
    "smtp": (AccountFlag.NO_SEND, "Sending"),
    "submission": (AccountFlag.NO_SEND, "Sending"),
    "pop3": (AccountFlag.NO_POP3, "POP3"),
    "imap": (AccountFlag.NO_IMAP, "IMAP"),
    "web": (AccountFlag.NO_WEB, "The web interface"),
    "poppassd": (AccountFlag.NO_PASSWORD_CHANGE, "Changing the password"),
}
"""Protocol -> the flag that forbids it, and what it forbids."""

_NEEDS_MAILBOX = frozenset({"pop3", "imap"})


def objection(account: Account, protocol: str, registration: str = "") -> MailError | None:
    """Why an account with the right password may not use a protocol, for its owner to read; None: it may.

    :param registration: URL where a login that has no mailbox yet gets one.
    """
    flag, what = _SWITCHES.get(protocol, (AccountFlag(0), ""))
    if account.flags & flag:
        return MailError(Kind.FORBIDDEN, "switched-off", f"{what} is switched off for this account")
    if protocol in _NEEDS_MAILBOX and not account.mailbox:
        where = f"; register one at {registration}" if registration else ""
        return MailError(Kind.FORBIDDEN, "no-mailbox", f"You have no mailbox yet{where}")
    return None
