"""Accounts, mailboxes and messages in SQLite and files, with one process that commits for all.

Workers use :class:`~mailsvc.store.client.StoreClient`; the main process runs :class:`~mailsvc.store.supervisor.OwnerService`;
commands use :func:`~mailsvc.store.connect.open_store`; tests use :class:`~mailsvc.store.direct.DirectStore`.
"""

from mailsvc.store.client import StoreClient
from mailsvc.store.connect import open_store
from mailsvc.store.direct import DirectStore
from mailsvc.store.options import StoreOptions
from mailsvc.store.supervisor import OwnerService

__all__ = ["DirectStore", "OwnerService", "StoreClient", "StoreOptions", "open_store"]
