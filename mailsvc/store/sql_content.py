"""The SQL of contents, which live as long as rows of ``msg`` and ``queued`` point to them."""

# ruff: noqa: S608 - SQL is put together from constants of this package only

import json
from collections import Counter
from collections.abc import Iterable

from mailsvc.store.context import Context
from mailsvc.store.sql_common import LISTED

__all__ = ["let_go"]


def let_go(context: Context, contents: Iterable[int]) -> None:
    """One reference less for each; what nobody refers to any more is removed, its file after the commit."""
    counted = Counter(contents)
    context.db.executemany(
        "UPDATE content SET refs=refs-? WHERE id=?", [(n, content) for content, n in counted.items()]
    )
    listed = json.dumps(list(counted))
    gone = context.all(f"SELECT id, location FROM content WHERE refs<=0 AND id {LISTED}", listed)
    ids = json.dumps([content for content, _ in gone])
    context.db.execute(f"DELETE FROM body WHERE content {LISTED}", (ids,))
    context.db.execute(f"DELETE FROM content WHERE id {LISTED}", (ids,))
    for location in {location for _, location in gone if location is not None}:
        if not context.one("SELECT 1 FROM content WHERE location=?", location):  # one file may serve two prefixes
            context.db.execute("INSERT OR IGNORE INTO unlink_later(location) VALUES(?)", (location,))
            context.unlinked.append(location)
