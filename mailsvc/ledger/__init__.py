"""The ledger: what was decided and what happened to messages, for people to read (DESIGN idea 6).

``core.ledger`` has its values, ``core.interfaces.ledger`` how others write it. Rows are written by the store's owner like everything else
(``store.sql_ledger``): the row of an accepted message in the transaction that accepts it.
"""

from mailsvc.ledger.ledger import Ledger, record
from mailsvc.ledger.options import LedgerOptions

__all__ = ["Ledger", "LedgerOptions", "record"]
