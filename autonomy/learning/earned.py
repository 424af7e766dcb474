"""N7: what it takes to earn a wider mode, and how often it would be earned wrongly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.rules.earned import LEAST_TRIALS, lower_bound

NEVER = -1


def most_regrets(
    acts: int, *, threshold: float, level: float = 0.95
) -> NDArray[np.int64]:
    """For a record of 0, 1, … acts: the most regrets with which it suggests a wider mode.

    NEVER where not even a clean record does. It only rises, so it is walked along.
    """
    most = np.full(acts + 1, NEVER, dtype=np.int64)
    regrets = NEVER
    for trials in range(LEAST_TRIALS, acts + 1):
        while lower_bound(trials, regrets + 1, level=level) >= threshold:
            regrets += 1
        most[trials] = regrets
    return most


@dataclass(frozen=True, kw_only=True, slots=True)
class Chances:
    """Of agents that are looked at after every act: how many widened, and how soon."""

    agents: int
    widened: int
    median_acts: float | None

    @property
    def share(self) -> float:
        """How many of all."""
        return self.widened / self.agents


def chances(
    shares: NDArray[np.float64],
    *,
    acts: int,
    threshold: float,
    level: float = 0.95,
    seed: int = 0,
) -> Chances:
    """Agents act one after another, each going well with its share; an ever-open eye."""
    most = most_regrets(acts, threshold=threshold, level=level)
    random = np.random.default_rng(seed)
    first = np.zeros(len(shares), dtype=np.int64)
    regrets = np.zeros(len(shares), dtype=np.int64)
    for trials in range(1, acts + 1):
        regrets += random.random(len(shares)) >= shares
        now = (regrets <= most[trials]) & (first == 0)
        first[now] = trials
    done = first[first > 0]
    return Chances(
        agents=len(shares),
        widened=len(done),
        median_acts=float(np.median(done)) if len(done) else None,
    )
