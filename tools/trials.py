"""`make trials`: what breaks the house on purpose is run, counted and written down.

docs/trials.json is the one truth: a row says what is broken, what must hold, and which
tests try it; what they told when they last ran is written into it. The table in
README.md and the page docs/trials.md are what it renders to.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "docs" / "trials.json"
BEGIN, END = "<!-- begin of trials -->", "<!-- end of trials -->"
NOT_YET = "not yet run"
SURE = 0.95
Row = Mapping[str, Any]

README = """\
Whatever should never happen is provoked, and counted. Each line was run as it stands, and one command runs it again:
`make trials` with the words in its first column, and with its `SEED=` where it has one. [All of them](docs/trials.md) tells more.

| `make trials …` | What is broken | What must hold | Trials | Violations | At most | Seed |
|---|---|---|--:|--:|--:|---|
{rows}

*At most*: the share of such trials in which it could break, at 95 % confidence (exact, Clopper–Pearson, one side), as long as
trials are alike and apart. Where a list was tried as a whole, no chance is left to be estimated; it may still lack something.
"""
PAGE = """\
# What we break on purpose

Written by `make trials`, out of [trials.json](trials.json); nothing here is typed in. A row is a law of the house and tests
that try to break it. They count what they tried, and with what; `make trials ONLY=<name>` runs the tests of one row, adds up
what they counted, and writes it here and into the README. `LONG=1` chooses the long form where there is one. `SEED=` draws
chance as it was drawn then: the same faults in the same order. When processes, threads and clocks meet is up to the machine, so
that a seed repeats what was tried and not every moment of it.

**At most** is the exact upper bound (Clopper–Pearson, one side, 95 %): were the law broken in more than this share of trials,
so few violations, mostly none, would be seen in one of twenty such runs at best. For none of *n* it is 1 − 0.05^(1/*n*), close to
3/*n*. It takes trials as alike and apart from each other. Signals that go through the same storm are not quite that, so read it
as how much was looked at, not as a promise. Where a list was tried as a whole (each route, each byte, each attack of a table),
there is no chance to estimate, and no bound is given: what the list lacks, no bound would tell.

{rows}
"""


def at_most(broken: int, trials: int) -> float:
    """The largest share of violations under which so few are still believable."""
    if broken >= trials:
        return 1.0
    if broken == 0:
        return -math.expm1(math.log(1 - SURE) / trials)
    low, high = broken / trials, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if _chance(broken, trials, middle) > 1 - SURE:
            low = middle
        else:
            high = middle
    return high


def _chance(most: int, trials: int, share: float) -> float:
    """Of so many violations or fewer, if each trial breaks with this share."""
    return sum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(each + 1)
            - math.lgamma(trials - each + 1)
            + each * math.log(share)
            + (trials - each) * math.log1p(-share)
        )
        for each in range(most + 1)
    )


def percent(share: float) -> str:
    """Two digits that count, rounded up: a bound is never made smaller."""
    places = 1 - math.floor(math.log10(100 * share))
    up = math.ceil(round(100 * share * 10**places, 6)) / 10**places
    return f"{up:.{max(places, 0)}f} %"


# What is shown.


def forms(row: Row) -> Iterator[tuple[str, Row]]:
    """The words of `make trials` for each form that has been run, the longest last."""
    for name, words in (("short", ""), ("long", " LONG=1")):
        form = row["forms"].get(name)
        if form and form["found"] != NOT_YET:
            yield f"ONLY={row['name']}{words}", form


def bound(form: Row) -> str:
    found = form["found"]
    if form["all"] and not found["violations"]:
        return "whole list"
    return percent(at_most(found["violations"], found["trials"]))


def readme(rows: Sequence[Row]) -> str:
    """The table: of each row in front the longest form that has been run."""
    lines = []
    for row in rows:
        for words, form in list(forms(row))[-1:] if row["front"] else ():
            found = form["found"]
            cells = (
                f"`{words}`", row["broken"], row["holds"],
                f"{found['trials']:,} {row['unit']}", f"{found['violations']:,}",
                bound(form), _seeds(found),
            )  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
    return README.format(rows="\n".join(lines))


def page(rows: Sequence[Row]) -> str:
    """Everything that has been run, row by row."""
    return PAGE.format(rows="\n\n".join(_told(row) for row in rows if any(forms(row))))


def _told(row: Row) -> str:
    lines = [
        f"## {row['name']}", "",
        f"Broken: {row['broken']}.", "",
        f"Must hold: {row['holds']}.", "",
        "| Command | Trials | With | Violations | At most | Seed | Took | When |",
        "|---|--:|---|--:|--:|---|--:|---|",
    ]  # fmt: skip
    for words, form in forms(row):
        found = form["found"]
        given = ", ".join(
            f"{count:,} {name.replace('_', ' ')}"
            for name, count in found["figures"].items()
        )
        cells = (
            f"`make trials {words}`", f"{found['trials']:,} {row['unit']}", given or "–",
            f"{found['violations']:,}", bound(form), _seeds(found),
            f"{found['seconds']:,} s", f"{found['date']}, {found['machine']}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    for words, form in forms(row):
        tests = ", ".join(f"`{each}`" for each in form["tests"])
        lines += ["", f"`{words}` runs {tests}."]
    return "\n".join(lines)


def _seeds(found: Row) -> str:
    return ", ".join(map(str, found["seeds"])) or "–"


def between(text: str, table: str) -> str:
    """The README with this table in the place of the one it has."""
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise SystemExit(f"README.md has no {BEGIN} before {END}.")
    return f"{head}{BEGIN}\n{table}{END}{tail}"


def pages(rows: Sequence[Row]) -> dict[Path, str]:
    """Every page that the truth renders to, as it must be."""
    front = ROOT / "README.md"
    return {
        front: between(front.read_text(), readme(rows)),
        ROOT / "docs" / "trials.md": page(rows),
    }


# What is run.


def run(row: Row, form: Row) -> tuple[Row | None, bool]:
    """What the tests of a form told, if anything, and whether all of them passed."""
    with TemporaryDirectory() as folder:
        told, began = Path(folder) / "told", time.monotonic()
        # A busy machine is slow, and no fault; what a test says itself counts.
        limit = ("--timeout", "1800")
        words = [sys.executable, "-m", "pytest", "-m", "", *limit, *form["tests"]]
        env = {**os.environ, "TRIALS_FILE": str(told)}
        done = subprocess.run(words, cwd=ROOT, env=env, check=False)
        seconds = math.ceil(time.monotonic() - began)
        lines = told.read_text().splitlines() if told.exists() else []
    names = row.get("tells", [row["name"]])
    mine = [line for line in map(json.loads, lines) if line["name"] in names]
    return (summed(mine, seconds) if mine else None), done.returncode == 0


def summed(lines: Sequence[Row], seconds: int) -> dict[str, Any]:
    """What several tests told of one row, as one."""
    figures: dict[str, int] = {}
    for line in lines:
        for name, count in line["figures"].items():
            figures[name] = figures.get(name, 0) + count
    return {
        "trials": sum(line["trials"] for line in lines),
        "violations": sum(line["violations"] for line in lines),
        "seeds": sorted({line["seed"] for line in lines} - {None}),
        "figures": dict(sorted(figures.items())),
        "seconds": seconds,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
    }


def machine() -> str:
    """What it ran on, as far as figures depend on it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    said = Path("/proc/cpuinfo")
    lines = said.read_text().splitlines() if said.exists() else []
    models = [
        line.partition(": ")[2] for line in lines if line.startswith("model name")
    ]
    model = " ".join(models[0].split()) if models else os.uname().machine
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB"


def truth() -> list[Row]:
    rows: list[Row] = json.loads(TRUTH.read_text())
    return rows


def write(rows: Sequence[Row]) -> None:
    TRUTH.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    for path, text in pages(rows).items():
        path.write_text(text)


def chosen(rows: Sequence[Row], only: Sequence[str], name: str) -> list[Row]:
    """The rows that have such a form, or those of them that were asked for."""
    can = {row["name"]: row for row in rows if name in row["forms"]}
    if strange := set(only) - set(can):
        raise SystemExit(
            f"No {name} form of {', '.join(sorted(strange))}: {', '.join(can)}."
        )
    return [row for row in can.values() if not only or row["name"] in only]


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--only", nargs="*", default=[], help="names of rows")
    given.add_argument("--long", action="store_true", help="the long forms")
    given.add_argument("--render", action="store_true", help="only write the pages")
    choice = given.parse_args()
    name = "long" if choice.long else "short"
    asked = [] if choice.render else chosen(truth(), choice.only, name)
    failed = [row["name"] for row in asked if not _runs_well(row, name)]
    write(truth())
    if failed:
        sys.stdout.write(f"Not as it must be: {', '.join(failed)}.\n")
    return bool(failed)


def _runs_well(row: Row, name: str) -> bool:
    """Run a form and write down what its tests told; whether they passed, and told it."""
    sys.stdout.write(f"== {row['name']}\n")
    sys.stdout.flush()
    found, passed = run(row, row["forms"][name])
    if found is None or not (passed or found["violations"]):
        return False
    # Somebody may have written another row meanwhile.
    rows = truth()
    (mine,) = (each for each in rows if each["name"] == row["name"])
    mine["forms"][name]["found"] = found
    write(rows)
    return passed


if __name__ == "__main__":
    sys.exit(main())
