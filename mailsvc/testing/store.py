"""A small real store for tests: in a directory of the test, in this process, with a domain and accounts."""

import os
from collections.abc import Sequence

import attrs

from mailsvc.bus import Bus
from mailsvc.core.operations import AddAccount, AddDomain
from mailsvc.core.options import Size
from mailsvc.directory import Directory
from mailsvc.store.direct import DirectStore
from mailsvc.store.options import StoreOptions

__all__ = ["DOMAIN", "Made", "make_store"]

DOMAIN = "example.test"


@attrs.frozen
class Made:
    """A store with a directory over it.

    :ivar accounts: id by address, ``postmaster@example.test`` included.
    """

    store: DirectStore
    directory: Directory
    accounts: dict[str, int]


def make_store(
    path: str | os.PathLike[str],
    names: Sequence[str] = ("alice", "bob"),
    bus: Bus | None = None,
    options: StoreOptions | None = None,
) -> Made:
    """A store in ``path`` with the domain ``example.test`` and an account for each name. Close it with ``made.store.close()``."""
    store = DirectStore(path, bus, options or StoreOptions(low_disk=Size(0)))
    store.commit([AddDomain(DOMAIN)])
    for name in names:
        store.commit([AddAccount(f"{name}@{DOMAIN}")])
    rows = store.connection().execute("SELECT address, id FROM account").fetchall()
    return Made(store, Directory(store.connection), {str(address): int(str(account)) for address, account in rows})
