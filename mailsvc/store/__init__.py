"""Accounts, mailboxes and messages in SQLite and files, with one process that commits for all.

Workers use :class:`~mailsvc.store.client.StoreClient`; the main process runs :class:`~mailsvc.store.supervisor.OwnerService`;
commands use :func:`~mailsvc.store.connect.open_store`; tests use :class:`~mailsvc.store.direct.DirectStore`.

The names are looked up when they are first used: the owner process lives in this package too, and must start (again) in a few
hundredths of a second, which Twisted's import alone would take four times over.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailsvc.store.client import StoreClient
    from mailsvc.store.connect import open_store
    from mailsvc.store.direct import DirectStore
    from mailsvc.store.options import StoreOptions
    from mailsvc.store.supervisor import OwnerService

__all__ = ["DirectStore", "OwnerService", "StoreClient", "StoreOptions", "open_store"]

_HOMES = {
    "DirectStore": "direct",
    "OwnerService": "supervisor",
    "StoreClient": "client",
    "StoreOptions": "options",
    "open_store": "connect",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"mailsvc.store.{_HOMES[name]}"), name)
