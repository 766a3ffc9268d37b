"""What one FETCH item is: a column of the response."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from mailsvc.core.interfaces.store import Field
from mailsvc.formats.imap.extract import Range
from mailsvc.formats.imap.sections import FetchItem, Partial, Section
from mailsvc.imap.fetch.batch import Batch, Need

if TYPE_CHECKING:
    from mailsvc.imap.selection import Selection

__all__ = ["Column", "Plan", "Spot"]


@attrs.frozen
class Spot:
    """Where a section lies, for those that are sent from where they lie."""

    section: Section
    partial: Partial | None = None
    locate: Callable[[Batch, int], list[Range]] | None = None
    """Of one message of a batch; None if it takes the structure of the message to know."""


@attrs.frozen
class Column:
    """One item.

    :ivar label: its name in the response. :ivar values: of all messages of a batch. :ivar number: whether they are numbers, not octets.
    :ivar need: how much has to be read. :ivar fields: what the store is to be asked for.
    :ivar spot: of what can be large; None if it cannot be sent in pieces.
    """

    label: bytes
    values: Callable[[Batch], Iterable[object]]
    number: bool = False
    need: Need = Need.ROW
    fields: tuple[Field, ...] = ()
    spot: Spot | None = None

    @property
    def form(self) -> bytes:
        """Label and value, for ``%``."""
        return self.label.replace(b"%", b"%%") + (b" %d" if self.number else b" %b")


Build = Callable[["Selection", FetchItem], Column]
"""Makes the column for an item."""


class Plan:
    """The columns of one FETCH and all that they need."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.need = max((column.need for column in columns), default=Need.ROW)
        fields = [field for column in columns for field in column.fields]
        if self.need is Need.BODY and any(column.need is Need.HEADER for column in columns):
            fields.append(Field.HEADER_SIZE)
        self.fields = tuple(dict.fromkeys(fields))
        self.template = b"* %d FETCH (" + b" ".join(column.form for column in columns) + b")\r\n"

    def lines(self, batch: Batch) -> bytes:
        """The responses of a loaded batch."""
        rows = zip(batch.numbers, *(column.values(batch) for column in self.columns), strict=True)
        return b"".join(map(self.template.__mod__, rows))

    @property
    def about_octets(self) -> bool:
        """Whether any of it depends on the octets of a message."""
        return self.need > Need.ROW or any(column.label == b"RFC822.SIZE" for column in self.columns)

    @property
    def structured(self) -> bool:
        """Whether messages have to be taken apart, which takes its time."""
        return any(column.spot is None or column.spot.locate is None for column in self.large)

    @property
    def large(self) -> list[Column]:
        """The columns that may be large."""
        return [column for column in self.columns if column.need is Need.BODY]
