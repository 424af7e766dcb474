"""Known weaknesses of what is locked; `make audit` runs it.

Ends with 0 where all that is locked was looked up and nothing is known of it, with 1
where something is, and with 3 where somebody could not be asked: silence is no answer.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOUND, UNASKED = 1, 3
SECONDS, SHOWN = 900, 8
KNOWN, ASSETS = "vulnerabilities", "all of assets/package-lock.json"


@dataclass
class Audit:
    """What was looked up, what is known of it, and of whom nobody could be asked."""

    asked: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    unasked: set[str] = field(default_factory=set)

    @property
    def code(self) -> int:
        return FOUND if self.known else UNASKED if self.unasked else 0


def of_python(lock: str, said: str, complaint: str) -> Audit:
    """What pip-audit says, which takes a package that nobody knows for a sound one."""
    try:
        found = json.loads(said)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (complaint.strip().splitlines() or ["nothing was said"])[-1]
        return Audit(unasked={f"all of {lock} ({last})"})
    audit = Audit()
    for each in found:
        if "skip_reason" in each:
            audit.unasked.add(each["name"])
            continue
        audit.asked.add(f"{each['name']} {each['version']}")
        audit.known |= {
            f"{each['name']} {each['version']}: {weakness['id']}, mended in "
            f"{', '.join(weakness['fix_versions']) or 'no release'}"
            for weakness in each["vulns"]
        }
    return audit


def of_assets(said: str) -> Audit:
    """What npm says of the tools that build the style; none of them is served."""
    try:
        found: Mapping[str, Any] = json.loads(said)
        total = int(found["metadata"]["dependencies"]["total"])
        known = {f"{name}: {each['severity']}" for name, each in found[KNOWN].items()}
    except (ValueError, KeyError, TypeError):
        return Audit(unasked={ASSETS})
    return Audit(asked={f"asset {number}" for number in range(total)}, known=known)


def told(name: str, audit: Audit) -> list[str]:
    lines = [f"{name}: {len(audit.asked)} looked up, {len(audit.known)} weaknesses."]
    lines += [f"  {each}" for each in sorted(audit.known)]
    if audit.unasked:
        lines.append(
            f"  NOT LOOKED UP, so nothing is known of them, good or bad "
            f"({len(audit.unasked)}): {', '.join(sorted(audit.unasked)[:SHOWN])}"
            f"{' …' if len(audit.unasked) > SHOWN else ''}"
        )
    return lines


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("locks", nargs="+", metavar="LOCK")
    audits = {lock: _python(lock) for lock in given.parse_args().locks}
    npm = shutil.which("npm")
    answer = _run(ROOT / "assets", npm, "audit", "--json").stdout if npm else ""
    audits["assets"] = of_assets(answer)
    lines = [line for name, audit in audits.items() for line in told(name, audit)]
    sys.stdout.write("\n".join(lines) + "\n")
    codes = {audit.code for audit in audits.values()}
    return FOUND if FOUND in codes else max(codes)


def _python(lock: str) -> Audit:
    program = str(Path(sys.executable).with_name("pip-audit"))
    how = ("--disable-pip", "--progress-spinner=off", "--format=json")
    done = _run(ROOT, program, *how, "--requirement", lock)
    return of_python(lock, done.stdout, done.stderr)


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
    )


if __name__ == "__main__":
    sys.exit(main())
