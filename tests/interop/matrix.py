"""The tables client x TLS x operation: which cells there are, and how they are written down.

Each cell is a test. What became of them is collected in ``conftest.py``, printed at the end of a run, and written to the file that the
environment variable ``MAILSVC_INTEROP_TABLE`` names; ``docs/interoperability.inc`` is such a file.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

from .imap_mailers import MAILERS
from .imap_mailers import OPERATIONS as IMAP
from .logins import COLUMNS
from .logins import cells as logins
from .programs import VERSIONS
from .readers import COUNTERS, READERS
from .senders import SENDERS

__all__ = [
    "CELLS",
    "DELIVERY",
    "IMAP",
    "LMTP",
    "OPERATIONS",
    "READING",
    "SUBMISSION",
    "TLS",
    "Cell",
    "committed",
    "render",
]

Cell = tuple[str, str, str]
"""Client, TLS mode, operation."""

_MARK = ".. csv-table::"

TLS = ("none", "starttls", "implicit")

DELIVERY = ("deliver", "unknown user", "relay denied")
"""On port 25 without a log-in, where TLS is never implicit."""

SUBMISSION = ("submit", "outside", "wrong password")
"""On the submission ports."""

LMTP = ("LMTP",)

READING = ("list", "read", "delete", "wrong password (POP3)")

OPERATIONS = {
    "SMTP, LMTP, POP3": (*DELIVERY, "deferred", *LMTP, *SUBMISSION, *READING),
    "IMAP": IMAP,
    **COLUMNS,
}
"""Title of a table -> its columns."""


def _sending() -> set[Cell]:
    everybody = set(SENDERS)
    cells = {(client, tls, operation) for client in everybody for tls in TLS[:2] for operation in DELIVERY}
    cells |= {(client, tls, operation) for client in everybody for tls in TLS for operation in SUBMISSION}
    cells |= {(client, tls, operation) for client in everybody - {"curl"} for tls in TLS[:2] for operation in LMTP}
    cells |= {("Postfix", tls, operation) for tls in TLS[:2] for operation in ("deliver", "unknown user", *LMTP)}
    return cells | {("Postfix", "none", "deferred"), ("fetchmail", "none", "deliver"), ("fetchmail", "none", "LMTP")}


def _reading() -> set[Cell]:
    cells = {(client, tls, operation) for client in READERS for tls in TLS for operation in READING}
    cells -= {(client, tls, "list") for client in set(READERS) - set(COUNTERS) for tls in TLS}
    return cells - {("getmail", "starttls", operation) for operation in READING}


def _using_folders() -> set[Cell]:
    modes = {"getmail": ("none", "implicit"), "aioimaplib": ("none", "implicit")}  # they know no STARTTLS
    return {
        (client, tls, operation)
        for client, mailer in MAILERS.items()
        for tls in modes.get(client, TLS)
        for operation, method in IMAP.items()
        if hasattr(mailer, method)
    }


CELLS = frozenset(_sending() | _reading() | _using_folders() | set(logins()))
"""All that are tested; the others are nothing that a client can do, or that a listener offers."""


def render(results: Mapping[Cell, str], versions: Mapping[str, str]) -> str:
    """The tables as reStructuredText."""
    tables = (_table(title, columns, results, versions) for title, columns in OPERATIONS.items())
    return "\n".join(table for table in tables if table)


def _table(title: str, columns: Iterable[str], results: Mapping[Cell, str], versions: Mapping[str, str]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for client in VERSIONS:
        for tls in TLS:
            row = [results.get((client, tls, operation), "") for operation in columns]
            if any(row):
                rows.writerow([f"{client} {versions.get(client, '')}".strip(), tls, *row])
    lines = [",".join(["client", "TLS", *columns]), *text.getvalue().splitlines()]
    if len(lines) == 1:
        return ""
    return f"{_MARK} {title}\n   :header-rows: 1\n\n" + "".join(f"   {line}\n" for line in lines)


def committed(tables: str) -> dict[Cell, str]:
    """The cells of tables that were rendered, whatever the versions."""
    return {cell: result for table in tables.split(_MARK)[1:] for cell, result in _cells(table)}


def _cells(table: str) -> Iterator[tuple[Cell, str]]:
    first, *rows = csv.reader(line.strip() for line in table.strip().splitlines()[3:])
    for row in rows:
        for operation, result in zip(first[2:], row[2:], strict=True):
            if result:
                yield (row[0].split()[0], row[1], operation), result
