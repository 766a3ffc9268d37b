"""The table client x TLS x operation: which cells there are, and how it is written down.

Each cell is a test. What became of them is collected in ``conftest.py``, printed at the end of a run, and written to the file that the
environment variable ``MAILSVC_INTEROP_TABLE`` names; ``docs/interoperability.inc`` is such a file.
"""

import csv
import io
from collections.abc import Mapping

from .programs import VERSIONS
from .readers import COUNTERS, READERS
from .senders import SENDERS

__all__ = ["CELLS", "DELIVERY", "LMTP", "OPERATIONS", "READING", "SUBMISSION", "TLS", "Cell", "committed", "render"]

Cell = tuple[str, str, str]
"""Client, TLS mode, operation."""

TLS = ("none", "starttls", "implicit")

DELIVERY = ("deliver", "unknown user", "relay denied")
"""On port 25 without a log-in, where TLS is never implicit."""

SUBMISSION = ("submit", "outside", "wrong password")
"""On the submission ports."""

LMTP = ("LMTP",)

READING = ("list", "read", "delete", "wrong password (POP3)")

OPERATIONS = (*DELIVERY, "deferred", *LMTP, *SUBMISSION, *READING)
"""The columns."""


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


CELLS = frozenset(_sending() | _reading())
"""All that are tested; the others are nothing that a client can do, or that a listener offers."""


def render(results: Mapping[Cell, str], versions: Mapping[str, str]) -> str:
    """The table as reStructuredText."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["client", "TLS", *OPERATIONS])
    for client in VERSIONS:
        for tls in TLS:
            row = [results.get((client, tls, operation), "") for operation in OPERATIONS]
            if any(row):
                rows.writerow([f"{client} {versions.get(client, '')}".strip(), tls, *row])
    lines = text.getvalue().splitlines()
    return ".. csv-table::\n   :header-rows: 1\n\n" + "".join(f"   {line}\n" for line in lines)


def committed(table: str) -> dict[Cell, str]:
    """The cells of a table that was rendered, whatever the versions."""
    first, *rows = csv.reader(line.strip() for line in table.splitlines()[3:])
    return {
        (row[0].split()[0], row[1], operation): result
        for row in rows
        for operation, result in zip(first[2:], row[2:], strict=True)
        if result
    }
