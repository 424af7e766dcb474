"""N7: autonomy that is earned, by bounds that hold however often one looks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.learning.earned import NEVER, chances, most_regrets
from autonomy.rules.earned import Says, earned, lower_bound, upper_bound

AGENTS, ACTS = 10_000, 1000
AIMS = {"threshold": 0.9, "floor": 0.8}


def like(share: float) -> np.ndarray:
    return np.full(AGENTS, share)


@pytest.mark.parametrize("threshold", [0.8, 0.9, 0.95])
def test_at_most_one_agent_in_twenty_is_ever_promoted_wrongly(threshold) -> None:
    """N7: 10,000 agents just below what is asked, looked at after every act."""
    found = chances(like(threshold - 1e-9), acts=ACTS, threshold=threshold, seed=1)
    assert found.agents == AGENTS
    assert 0.005 < found.share <= 0.05


def test_agents_whose_luck_turns_are_not_promoted_more_often() -> None:
    """N7: it holds for shares that move about, as long as none is above."""
    random = np.random.default_rng(2)
    shares = 0.9 - 0.1 * random.random(AGENTS) * (random.random(AGENTS) < 0.5)
    assert chances(shares, acts=ACTS, threshold=0.9, seed=2).share <= 0.05


def test_those_who_deserve_it_are_promoted_and_soon() -> None:
    """N7: caution that never ends would be no use."""
    found: Any = chances(like(0.97), acts=ACTS, threshold=0.9, seed=3)
    assert found.share > 0.99
    assert found.median_acts < 150
    clean = chances(np.ones(1), acts=ACTS, threshold=0.9)
    assert clean.median_acts == 43


def test_at_most_one_good_agent_in_twenty_is_ever_narrowed() -> None:
    """N7: the upper bound, looked at after every act; those who slip are noticed."""
    # Most good acts with which a record still is narrowed, by the lower bound of the rest.
    most = most_regrets(400, threshold=1 - 0.8)
    most[:20] = [
        max([n for n in range(t + 1) if upper_bound(t, t - n) < 0.8], default=NEVER)
        for t in range(20)
    ]

    def narrowed(share: float) -> float:
        random = np.random.default_rng(4)
        good = (random.random((2000, 400)) < share).cumsum(axis=1)
        return float((good <= most[1:]).any(axis=1).mean())

    assert narrowed(0.8) <= 0.05
    assert narrowed(0.6) > 0.99


@given(st.integers(0, 300), st.data())
def test_bounds_enclose_the_share_and_move_with_every_act(trials, data) -> None:
    """N7: one act more that goes well never lowers a bound, one regret never raises it."""
    regrets = data.draw(st.integers(0, trials))
    lower, upper = lower_bound(trials, regrets), upper_bound(trials, regrets)
    share = (trials - regrets) / trials if trials else 0.5
    assert 0 <= lower <= share <= upper <= 1
    assert lower_bound(trials + 1, regrets) >= lower
    assert upper_bound(trials + 1, regrets) >= upper
    assert lower_bound(trials + 1, regrets + 1) <= lower
    assert upper_bound(trials + 1, regrets + 1) <= upper
    assert lower_bound(trials, regrets, level=0.99) <= lower


@pytest.mark.parametrize(
    ("trials", "regrets", "says"),
    [
        (0, 0, Says.TOO_LITTLE),
        (19, 0, Says.TOO_LITTLE),
        (6, 3, Says.TOO_LITTLE),
        (20, 0, Says.STAY),
        (42, 0, Says.STAY),
        (43, 0, Says.WIDEN),
        (100, 2, Says.WIDEN),
        (100, 10, Says.STAY),
        (5, 5, Says.NARROW),
        (100, 40, Says.NARROW),
    ],
)
def test_what_a_record_suggests(trials, regrets, says) -> None:
    """N7: too little says so instead of a number; what is certain is said at once."""
    found = earned(trials, regrets, **AIMS)
    assert found.says is says
    assert (found.lower is None) == (found.upper is None) == (says is Says.TOO_LITTLE)
    assert (found.trials, found.regrets, found.level) == (trials, regrets, 0.95)


def test_long_records_stay_exact() -> None:
    """N7: no overflow, and bounds close in on the share."""
    assert lower_bound(1_000_000, 50_000) == pytest.approx(0.95, abs=0.02)
    assert upper_bound(1_000_000, 50_000) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("bad", [(3, 4), (3, -1)])
def test_a_record_that_cannot_be_is_refused(bad) -> None:
    """N7: and aims that contradict each other."""
    with pytest.raises(ValueError, match="regrets"):
        lower_bound(*bad)
    with pytest.raises(ValueError, match="floor"):
        earned(1, 0, threshold=0.5, floor=0.6)
