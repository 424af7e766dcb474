"""docs/benchmarks.md, made of docs/benchmarks.json, where the last figures are kept."""

import json
import os
import platform
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.parts.targets import TARGETS, Target, middle

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT, PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"
HEAD = ("id", "what", "measured", "target", "stretch", "met?")
NOT_YET = "not measured yet"
# The rounds of a figure stand in one line.
_ROUNDS = re.compile(r"\[[^\[\]{}\"]*\]")
Records = dict[str, dict[str, Any]]

INTRODUCTION = """\
# Benchmarks

`make bench` measures all of this and writes this page; `make bench ARGS=<name>` measures one part and renews its lines
alone. Figures are medians of paired rounds with their lowest and highest. **Ratios taken in one run tell something;**
times and rates are those of one machine on one day. CPU is that of all processes with their publisher's, and gates
where it is named; wall stands beside it.
"""
PEERS = """\
## What the peers do

Five governed steps each: the run's row is locked, its state advanced, a row linked to the one before by its hash is
added, each step committed. Two worker processes, a database of its own in the same Postgres; every row of every run is
checked afterwards. The product's side is its whole walk: triggers, gate, ten layers of policy, permit, budget, act,
outcome, ledger.

- **Bare chain**: five Celery tasks that do nothing, with the product's settings and pool.
- **DBOS**: its queue, ten workflows at once for each worker, asked ten times a second; steps on pooled connections.
- **LangGraph**: a graph with the Postgres checkpointer, `durability="async"`, one interrupt that a resume answers at
  once. It has no queue: runs are handed over at no cost.
- **Procrastinate**: asynchronous workers, five jobs at once, woken by NOTIFY; jobs are deferred in one statement.
- **Prefect**: a flow with five tasks, called in two standing processes, so that none is started for a run; nothing is
  cached or persisted, no log leaves the process; its server, whose CPU is its own, keeps to SQLite. A twentieth of the runs.

The plain page that the feed is held against asks for no login, holds no fence, and has no middleware.

## Where a target is missed, and why

- **The ledger's share**: what a walk does besides became cheaper by far more than its twelve facts did, which are checked,
  written with their indexes and marked for sealing as before; its own cost fell too.
- **A reload of beat against a tick**: the tick admits each of the 1,000 (units, rates, breakers) and writes a pull for it; the
  reload only reads. Finding the 1,000 stands beside it, as `beat_50k_reload_to_find`.
"""


def load(path: Path = KEPT) -> Records:
    """What was measured last, by benchmark."""
    found: Records = json.loads(path.read_text()) if path.exists() else {}
    return found


def recorded(
    name: str, figures: dict[str, Any], *, on: datetime, took: float, versions: str
) -> dict[str, Any]:
    """One benchmark's figures with all that says where they come from."""
    before = "".join(f"{key}={os.environ[key]} " for key in sorted(_shaping(name)))
    return {
        "command": f"{before}make bench ARGS={name}",
        "date": f"{on:%Y-%m-%d}",
        "seconds": round(took),
        "machine": machine(),
        "versions": versions,
        "sizes": str(figures.get("sizes", "")),
        "figures": {key: each for key, each in figures.items() if key != "sizes"},
    }


def _shaping(name: str) -> list[str]:
    """Settings that made it shorter or longer."""
    prefix = "RIVAL_" if name == "rivals" else f"{name.upper()}_"
    return [key for key in os.environ if key == "SEED" or key.startswith(prefix)]


def machine() -> str:
    model, memory = platform.machine(), 0
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal"):
            memory = round(int(line.split()[1]) / 1024 / 1024)
    return f"{os.cpu_count()} cores of {model}, {memory} GiB"


def keep(records: Records) -> None:
    """These in place of what was there of them; the rest stays."""
    both = dict(sorted({**load(), **records}.items()))
    text = json.dumps(both, indent=1, ensure_ascii=False)
    KEPT.write_text(_ROUNDS.sub(lambda found: " ".join(found[0].split()), text) + "\n")
    PAGE.write_text(render(both))


def render(records: Records) -> str:
    """The whole page."""
    rows = [
        (*row, _where(target))
        for row, target in zip(table(records), TARGETS, strict=True)
    ]
    parts = [INTRODUCTION, _markdown((*HEAD, "by"), rows), "## Where and how\n"]
    if records:
        parts.append(
            _markdown(_PROVENANCE, [_origin(records[name]) for name in records])
        )
    else:
        parts.append("Nothing was measured yet.\n")
    parts.append(PEERS)
    parts += [_all_of(name, record) for name, record in records.items()]
    return "\n".join(parts)


def table(records: Records) -> list[tuple[str, ...]]:
    """A line for every target, whatever is known of it."""
    return [_line(target, records) for target in TARGETS]


def as_text(records: Records) -> str:
    """The same for a terminal."""
    rows = [HEAD, *table(records)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _line(target: Target, records: Records) -> tuple[str, ...]:
    wanted = _wanted(target, target.target), _wanted(target, target.stretch)
    figures = records.get(target.bench, {}).get("figures", {})
    figure = figures.get(target.figure)
    if figure is None:
        peer = target.figure.partition(" to ")[0]
        why = figures.get(f"{peer}: failed")
        measured = f"failed: {why}" if why else NOT_YET
        return (target.id, target.what, measured, *wanted, "—")
    value, said = middle(figure), shown(figure, target.unit)
    beside = figures.get(target.figure.replace(", cpu", ", wall"))
    if beside is not None and beside is not figure:
        said += f"; wall {shown(beside, target.unit)}"
    met = "stretch" if target.is_stretched(value) else _yes(target.is_met(value))
    return (target.id, target.what, said, *wanted, met)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "**no**"


def shown(figure: Any, unit: str = "") -> str:
    """A median with its spread, or a single figure, as people read them."""
    if isinstance(figure, str):
        return figure
    said = f"{_number(middle(figure))}{_spaced(unit)}"
    if isinstance(figure, list) and len(figure) > 1:
        return f"{said} ({_number(min(figure))}–{_number(max(figure))})"
    return said


def _number(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def _spaced(unit: str) -> str:
    return f" {unit}" if unit and unit != "/s" else unit


def _wanted(target: Target, value: float) -> str:
    return f"{'≥' if target.least else '≤'} {_number(value)}{_spaced(target.unit)}"


def _where(target: Target) -> str:
    return f"`make bench ARGS={target.bench}`"


_PROVENANCE = ("command", "on", "took", "machine", "versions", "sizes")


def _origin(record: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"`{record['command']}`",
        record["date"],
        f"{record['seconds']} s",
        record["machine"],
        record["versions"],
        record["sizes"],
    )


def _all_of(name: str, record: dict[str, Any]) -> str:
    rows = [(what, shown(figure)) for what, figure in record["figures"].items()]
    return f"## {name}\n\n" + _markdown(("figure", "median (lowest–highest)"), rows)


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(_cell(each) for each in row)} |\n" for row in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
