"""What was broken on purpose is counted where it is broken, and told when somebody asks.

`make trials` asks: it names a file in TRIALS_FILE, runs the tests behind a row of
docs/trials.json, and adds up what they tell. Without that variable nothing is written.
"""

import json
import os
from pathlib import Path
from random import randrange


def record(
    name: str, *, trials: int, violations: int = 0, seed: int | None, **figures: int
) -> None:
    """Tell what a test has tried, at its end: of which row, how often, what broke.

    `trials` and `figures` are counted by the test and added up over all that tell of
    the same row, so one that counts `kills` tells its own alone. Whoever asserts each
    trial gets here only if none broke, and leaves `violations` out; whoever can go on
    counts first, tells, and asserts then. `seed` is what its chance was drawn with.
    """
    told = os.environ.get("TRIALS_FILE")
    if not told:
        return
    line = {
        "name": name, "trials": trials, "violations": violations, "seed": seed,
        "figures": figures,
    }  # fmt: skip
    # One write of one line: whoever tells at the same time does not tear it.
    with Path(told).open("a") as file:
        file.write(json.dumps(line) + "\n")


def seed(default: int | None = None) -> int:
    """SEED where it is set; else the default, or another one every time."""
    given = os.environ.get("SEED")
    if given:
        return int(given)
    return randrange(2**32) if default is None else default
