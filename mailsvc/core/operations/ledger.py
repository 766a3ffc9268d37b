"""What changes the ledger: new rows, and how long they are kept."""

import attrs

from mailsvc.core.ledger import Row
from mailsvc.core.operations.base import Operation

__all__ = ["KeepLedger", "Record"]


@attrs.frozen
class Record(Operation):
    """Write rows into the ledger."""

    rows: tuple[Row, ...]


@attrs.frozen
class KeepLedger(Operation):
    """From now on, forget rows of the ledger that are older than ``seconds``; write those of what the store itself does only if ``on``."""

    seconds: int
    on: bool = True
