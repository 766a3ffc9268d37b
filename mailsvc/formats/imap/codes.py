"""Response codes (RFC 3501 7.1, RFC 5530 and the extensions named), without their brackets.

Plain codes are names of :class:`Code`; codes with arguments are functions. All are bytes for :func:`mailsvc.formats.imap.responses.tagged`.
"""

from collections.abc import Iterable

from mailsvc.formats.imap.sets import NumberSet

__all__ = [
    "Code",
    "append_uid",
    "capability",
    "copy_uid",
    "highest_modseq",
    "modified",
    "permanent_flags",
    "uid_next",
    "uid_validity",
    "unseen",
]


class Code:
    """Codes without arguments."""

    ALERT = b"ALERT"
    PARSE = b"PARSE"
    READ_ONLY = b"READ-ONLY"
    READ_WRITE = b"READ-WRITE"
    TRYCREATE = b"TRYCREATE"
    # RFC 5530
    UNAVAILABLE = b"UNAVAILABLE"
    AUTHENTICATIONFAILED = b"AUTHENTICATIONFAILED"
    AUTHORIZATIONFAILED = b"AUTHORIZATIONFAILED"
    EXPIRED = b"EXPIRED"
    PRIVACYREQUIRED = b"PRIVACYREQUIRED"
    CONTACTADMIN = b"CONTACTADMIN"
    NOPERM = b"NOPERM"
    INUSE = b"INUSE"
    EXPUNGEISSUED = b"EXPUNGEISSUED"
    CORRUPTION = b"CORRUPTION"
    SERVERBUG = b"SERVERBUG"
    CLIENTBUG = b"CLIENTBUG"
    CANNOT = b"CANNOT"
    LIMIT = b"LIMIT"
    OVERQUOTA = b"OVERQUOTA"
    ALREADYEXISTS = b"ALREADYEXISTS"
    NONEXISTENT = b"NONEXISTENT"
    # RFC 3516, 4315, 4469, 6154, 7162, 9051
    UNKNOWN_CTE = b"UNKNOWN-CTE"
    UIDNOTSTICKY = b"UIDNOTSTICKY"
    TOOBIG = b"TOOBIG"
    USEATTR = b"USEATTR"
    NOMODSEQ = b"NOMODSEQ"
    CLOSED = b"CLOSED"
    HASCHILDREN = b"HASCHILDREN"


def capability(names: Iterable[str]) -> bytes:
    """``CAPABILITY IMAP4rev1 ...``."""
    return " ".join(["CAPABILITY", *names]).encode("ascii")


def permanent_flags(flags: Iterable[str], more: bool) -> bytes:
    """``PERMANENTFLAGS (...)``; ``more``: keywords can be created (RFC 3501 7.1: ``\\*``)."""
    return ("PERMANENTFLAGS (" + " ".join([*flags, "\\*"] if more else flags) + ")").encode("ascii")


def uid_next(uid: int) -> bytes:
    """``UIDNEXT n``."""
    return b"UIDNEXT %d" % uid


def uid_validity(value: int) -> bytes:
    """``UIDVALIDITY n``."""
    return b"UIDVALIDITY %d" % value


def unseen(number: int) -> bytes:
    """``UNSEEN n``: sequence number of the first message without ``\\Seen``."""
    return b"UNSEEN %d" % number


def append_uid(validity: int, uids: NumberSet) -> bytes:
    """``APPENDUID`` (RFC 4315 3)."""
    return b"APPENDUID %d %b" % (validity, bytes(uids))


def copy_uid(validity: int, source: NumberSet, target: NumberSet) -> bytes:
    """``COPYUID`` (RFC 4315 3): both sets ascending, the n-th of one became the n-th of the other."""
    return b"COPYUID %d %b %b" % (validity, bytes(source), bytes(target))


def highest_modseq(modseq: int) -> bytes:
    """``HIGHESTMODSEQ n`` (RFC 7162 3.1.2.1)."""
    return b"HIGHESTMODSEQ %d" % modseq


def modified(numbers: NumberSet) -> bytes:
    """``MODIFIED set`` (RFC 7162 3.1.3)."""
    return b"MODIFIED " + bytes(numbers)
