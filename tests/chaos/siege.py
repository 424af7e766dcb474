"""What the long forms of siege share: how long they last, how they end, what they tell."""

import os
import sys
from collections.abc import Sequence
from statistics import median, quantiles

from tests import trials
from tests.chaos.test_spine import Storm


def seconds(name: str, default: float) -> float:
    """So many minutes as the variable says, as seconds."""
    return float(os.environ.get(name, default)) * 60


def count(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else 0.0


def middle(values: Sequence[float]) -> float:
    return median(values) if values else 0.0


def tell(
    name: str, *, tried: int, broken: int = 0, seed: int, **figures: float
) -> None:
    """One line of figures; whole ones are added up over all runs."""
    shown = ", ".join(f"{key} {value:.5g}" for key, value in figures.items())
    sys.stdout.write(
        f"\n{name}: tried {tried}, broken {broken}, seed {seed}, {shown}\n"
    )
    whole = {key: value for key, value in figures.items() if isinstance(value, int)}
    trials.record(name, trials=tried, violations=broken, seed=seed, **whole)


def is_ended(storm: Storm, seconds: float = 300) -> None:
    """Nothing is under way, and every process shows life."""
    storm.running.wait_for(storm.is_quiet, seconds)
    storm.running.wait_for(lambda: storm.running.ask("/readyz")[0] == 200, 120)


def holds(storm: Storm, signals: int) -> str:
    """Nothing lost, nothing twice, budgets exact, all of it proven."""
    storm.assert_nothing_lost(signals)
    storm.assert_nothing_twice()
    storm.assert_sink_agrees()
    assert storm.duplicates() == 0
    storm.assert_budgets_exact()
    return storm.seal()
