"""The table in the documentation is complete: a cell that is tested stands there, and none that is not."""

from pathlib import Path

from .matrix import CELLS, committed, render

TABLE = Path(__file__).parents[2] / "docs" / "interoperability.inc"


def test_table_in_the_docs() -> None:
    """Every cell is ``ok``; after a change of cells, run the command that the page names."""
    assert committed(TABLE.read_text(encoding="utf-8")) == dict.fromkeys(CELLS, "ok")


def test_table_tells_failures() -> None:
    """What fails is written as such, what was not tried is left out."""
    results = {("curl", "none", "deliver"): "ok", ("curl", "none", "read"): "FAILED"}
    table = render(results, {"curl": "7.88.1"})
    assert committed(table) == results
    assert "curl 7.88.1,none,ok," in table
