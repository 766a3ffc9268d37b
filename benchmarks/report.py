"""Results: medians with their spread, ratios to the first server, and the facts of the machine; as JSON and as a table."""

import datetime
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Sample", "machine", "show", "table"]

RESULTS = Path(__file__).parent / "results"


@attrs.frozen
class Sample:
    """One measured value of one server.

    :ivar what: what was measured, with its unit, such as ``"5 kB, messages/s"``. :ivar goal: what the project promises, in words.
    """

    what: str
    server: str
    value: float
    goal: str = ""


def _sync_milliseconds(count: int = 200) -> float:
    """What one fdatasync of a small append costs here: the figure that other machines differ in most."""
    with tempfile.NamedTemporaryFile() as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        return (time.perf_counter() - began) / count * 1000


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _from_proc(file: str, key: str) -> str:
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")


def machine() -> dict[str, Any]:
    """What a reader needs to know about the machine to compare."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _said("git", "-C", str(RESULTS), "describe", "--always", "--dirty"),
        "processor": _from_proc("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _from_proc("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "file system": _said("stat", "-f", "-c", "%T", tempfile.gettempdir()),
        "fdatasync, ms": round(_sync_milliseconds(), 3),
    }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _spread(values: Sequence[float]) -> str:
    median = _number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({_number(min(values))} - {_number(max(values))})"


def table(samples: Iterable[Sample]) -> str:
    """Markdown: a row for each thing measured, a column for each server, ratios to the first server of the run, the goal."""
    samples = list(samples)
    servers = list(dict.fromkeys(sample.server for sample in samples))
    head = ["", *servers, *(f"{name} / {servers[0]}" for name in servers[1:]), "goal"]
    lines = [head, ["---", *["---:"] * (len(head) - 2), "---"]]
    for what in dict.fromkeys(sample.what for sample in samples):
        of = {name: [s.value for s in samples if (s.what, s.server) == (what, name)] for name in servers}
        base = statistics.median(of[servers[0]]) if of[servers[0]] else 0
        ratios = [f"**{statistics.median(of[name]) / base:.2f}**" if of[name] and base else "" for name in servers[1:]]
        goal = next((s.goal for s in samples if s.what == what and s.goal), "")
        lines.append([what, *(_spread(of[name]) if of[name] else "" for name in servers), *ratios, goal])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def show(name: str, title: str, samples: Sequence[Sample], notes: Sequence[str], keep: bool) -> None:
    """Print the table: medians (least - greatest of the rounds). Kept, it becomes ``results/NAME.md`` and ``.json``."""
    facts = machine()
    text = f"# {title}\n\n{table(samples)}\n"
    text += "".join(f"- {note}\n" for note in notes)
    text += "- " + ", ".join(f"{key}: {value}" for key, value in facts.items()) + "\n"
    print(text)
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
        record = {
            "title": title,
            "machine": facts,
            "notes": list(notes),
            "samples": [attrs.asdict(sample) for sample in samples],
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
