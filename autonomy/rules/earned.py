"""N7: what a record of acts has earned: bounds that hold however often one looks.

The construction is the one-sided betting e-process (Waudby-Smith and Ramdas 2024, after
Ville 1939), mixed over a grid. Suppose that at most a share m of acts goes well. Then
somebody who bets, act by act, that the next one goes well wins nothing on average: a
bet of strength c multiplies what they have by 1 + c(1-m)/m if it goes well and by 1-c
if it does not. The mean over several c, begun at 1, is a non-negative supermartingale,
so the chance that it EVER reaches 20 is at most 1 in 20. The lower bound is the largest
m at which it has; the upper bound is the same for what goes badly.

So a bound may be looked at after every act, and acted upon at once, and is still wrong
somewhere along the way for at most one agent in twenty. It also holds where the share
moves about, as long as it never exceeds m given what came before. It holds for acts one
after another from a beginning that was not picked by hand: count from when the mode
was last set, and count every act that was looked at.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import exp, log, log1p

# How much of what is bet on each act; the mean over all is what counts.
BETS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
# Fewer acts speak for nothing wider, whatever they were.
LEAST_TRIALS = 20
HALVINGS = 40


class Says(StrEnum):
    """What the record suggests."""

    TOO_LITTLE = "TOO_LITTLE"
    STAY = "STAY"
    WIDEN = "WIDEN"
    NARROW = "NARROW"


@dataclass(frozen=True, kw_only=True, slots=True)
class Earned:
    """A record, between what bounds the share that goes well lies, what that suggests.

    Each bound holds at the level for itself; both together at twice the risk.
    """

    trials: int
    regrets: int
    lower: float | None
    upper: float | None
    level: float
    says: Says


def earned(
    trials: int, regrets: int, *, threshold: float, floor: float, level: float = 0.95
) -> Earned:
    """What a record suggests: wider from the threshold up, narrower below the floor.

    Too little says so instead of a number. What already is certain to be below the
    floor is narrowed, however short the record.
    """
    if not 0 <= floor <= threshold < 1:
        raise ValueError("the floor is above the threshold")
    lower = lower_bound(trials, regrets, level=level)
    upper = upper_bound(trials, regrets, level=level)
    says = Says.STAY
    if upper < floor:
        says = Says.NARROW
    elif trials < LEAST_TRIALS:
        return Earned(
            trials=trials,
            regrets=regrets,
            lower=None,
            upper=None,
            level=level,
            says=Says.TOO_LITTLE,
        )
    elif lower >= threshold:
        says = Says.WIDEN
    return Earned(
        trials=trials,
        regrets=regrets,
        lower=lower,
        upper=upper,
        level=level,
        says=says,
    )


@lru_cache(maxsize=4096)
def lower_bound(trials: int, regrets: int, *, level: float = 0.95) -> float:
    """At most `1 - level` of all records ever have this above their true share."""
    if not 0 <= regrets <= trials:
        raise ValueError("more regrets than trials, or fewer than none")
    stake = -log(1 - level)
    low, high = 0.0, 1.0
    # What is won falls as the supposed share rises, so the crossing is found by halves.
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _won(trials - regrets, regrets, middle) >= stake:
            low = middle
        else:
            high = middle
    return low


def upper_bound(trials: int, regrets: int, *, level: float = 0.95) -> float:
    """At most `1 - level` of all records ever have this below their true share."""
    return 1 - lower_bound(trials, trials - regrets, level=level)


def _won(good: int, bad: int, share: float) -> float:
    """The logarithm of what betting against a share has made of 1."""
    ends = [
        good * log1p(each * (1 - share) / share) + bad * log1p(-each) for each in BETS
    ]
    most = max(ends)
    return most + log(sum(exp(each - most) for each in ends) / len(BETS))
