"""The FETCH items without arguments, and the table of all (RFC 3501 6.4.5, RFC 7162 3.1.4.2)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap.bodystructure import bodystructure
from mailsvc.formats.imap.dates import internal_date
from mailsvc.formats.imap.sections import FetchItem, Section
from mailsvc.imap.fetch.batch import Batch, Need
from mailsvc.imap.fetch.columns import Build, Column, Plan
from mailsvc.imap.fetch.sections import binary_column, binary_size_column, section_column
from mailsvc.imap.flags import RECENT

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["ITEMS", "make_plan"]


def _flags(selection: "Selection", item: FetchItem) -> Column:
    names, recent = selection.names, selection.recent

    def values(batch: Batch) -> Iterable[bytes]:
        flags: Iterable[int] = batch.flags
        if batch.uids[-1] >= recent:
            flags = [bits | RECENT if uid >= recent else bits for bits, uid in zip(flags, batch.uids, strict=True)]
        return map(names.__getitem__, flags)

    return Column(b"FLAGS", values)


def _uid(selection: "Selection", item: FetchItem) -> Column:
    return Column(b"UID", lambda batch: batch.uids, number=True)


def _size(selection: "Selection", item: FetchItem) -> Column:
    return Column(b"RFC822.SIZE", lambda batch: batch.sizes, number=True)


def _modseq(selection: "Selection", item: FetchItem) -> Column:
    return Column(b"MODSEQ", lambda batch: [b"(%d)" % modseq for modseq in batch.modseqs])


def _date(selection: "Selection", item: FetchItem) -> Column:
    return Column(b"INTERNALDATE", lambda batch: map(internal_date, batch.dates))


def _described(field: Field) -> Build:
    def build(selection: "Selection", item: FetchItem) -> Column:
        return Column(
            item.name.encode("ascii"), lambda batch: batch.described[field], need=Need.DESCRIPTION, fields=(field,)
        )

    return build


def _body(selection: "Selection", item: FetchItem) -> Column:
    """BODYSTRUCTURE without extension data; only that is kept ready."""
    return Column(b"BODY", lambda batch: [bodystructure(part, False) for part in batch.parts], need=Need.BODY)


def _rfc822(section: Section) -> Build:
    return lambda selection, item: section_column(section, item.name.encode("ascii"))


ITEMS: dict[str, Build] = {
    "FLAGS": _flags,
    "UID": _uid,
    "RFC822.SIZE": _size,
    "INTERNALDATE": _date,
    "MODSEQ": _modseq,
    "ENVELOPE": _described(Field.ENVELOPE),
    "BODYSTRUCTURE": _described(Field.BODYSTRUCTURE),
    "BODY": _body,
    "RFC822": _rfc822(Section()),
    "RFC822.HEADER": _rfc822(Section(text="HEADER")),
    "RFC822.TEXT": _rfc822(Section(text="TEXT")),
    "BODY[]": lambda selection, item: section_column(item.section, item.label, item.partial),
    "BINARY[]": binary_column,
    "BINARY.SIZE[]": binary_size_column,
}


def make_plan(selection: "Selection", items: Iterable[FetchItem]) -> Plan:
    """What these items ask for."""
    return Plan([ITEMS[item.name](selection, item) for item in items])
