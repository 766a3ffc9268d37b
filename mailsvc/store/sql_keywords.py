"""Keywords: names for the flag bits from ``SystemFlag.KEYWORDS`` up, one list for each mailbox, which only grows.

Names compare without regard to case and keep the spelling in which they came first (RFC 3501 2.3.2). There are 50 for each mailbox; flags
are 63 bits.
"""

from collections.abc import Iterable

from mailsvc.core.errors import Kind, MailError
from mailsvc.core.values import SystemFlag
from mailsvc.store.context import Context
from mailsvc.store.sql_common import Box

__all__ = ["MAX_KEYWORDS", "bits_of", "extended", "keep", "translation"]

MAX_KEYWORDS = 50


def bits_of(mailbox: Box, names: Iterable[str]) -> int:
    """The bits of those names that the mailbox knows."""
    known = _known(mailbox.keywords)
    return sum(known.get(name, 0) for name in {name.lower() for name in names})


def extended(mailbox: Box, names: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """The bits of all these names, and the mailbox's list with those that it does not know. Raises TOO_MANY, BAD_REQUEST."""
    names = tuple(names)
    known = _known(mailbox.keywords)
    keywords = list(mailbox.keywords)
    for name in names:
        if name.lower() not in known:
            known[name.lower()] = SystemFlag.KEYWORDS << len(keywords)
            keywords.append(_checked(name))
    if len(keywords) > MAX_KEYWORDS:
        raise MailError(Kind.TOO_MANY, "too-many-keywords", f"A mailbox has at most {MAX_KEYWORDS} keywords")
    return sum(known[name] for name in {name.lower() for name in names}), tuple(keywords)


def keep(context: Context, mailbox: Box, keywords: tuple[str, ...]) -> None:
    """Write down a longer list, in a transaction that changes messages: that is what others hear of."""
    if len(keywords) > len(mailbox.keywords):
        context.db.execute("UPDATE mailbox SET keywords=? WHERE id=?", (" ".join(keywords), mailbox.id))


def translation(context: Context, source: Box, target: Box, used: set[int]) -> dict[int, int]:
    """What flags of one mailbox are in another. Raises TOO_MANY."""
    if source.keywords == target.keywords:
        return {flags: flags for flags in used}
    system = SystemFlag.KEYWORDS - 1
    names = {
        flags: [name for bit, name in enumerate(source.keywords) if flags & (SystemFlag.KEYWORDS << bit)]
        for flags in used
    }
    _, keywords = extended(target, dict.fromkeys(name for each in names.values() for name in each))
    keep(context, target, keywords)
    known = _known(keywords)
    return {flags: (flags & system) | sum(known[name.lower()] for name in names[flags]) for flags in used}


def _known(keywords: tuple[str, ...]) -> dict[str, int]:
    return {name.lower(): SystemFlag.KEYWORDS << bit for bit, name in enumerate(keywords)}


def _checked(name: str) -> str:
    if not name or not name.isascii() or len(name.split()) != 1 or not name.isprintable():
        raise MailError(Kind.BAD_REQUEST, "bad-keyword", detail=repr(name))
    return name
