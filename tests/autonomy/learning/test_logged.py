"""N6: logs of the house and of others, as estimates take them."""

from typing import Any

import numpy as np
import pytest

from autonomy.learning.estimates import Log, estimate, first_by
from autonomy.learning.logged import Decided, gather
from autonomy.rules.estimates import Interval, Method, Why
from tests.autonomy.learning import open_bandit


@pytest.mark.parametrize(
    ("method", "theirs"),
    [
        (Method.IPS, open_bandit.IPS),
        (Method.SNIPS, open_bandit.SNIPS),
        (Method.DR, open_bandit.DR),
    ],
)
def test_figures_are_those_of_the_reference_on_its_own_data(method, theirs) -> None:
    """N6: ten thousand choices of a real shop, and what the sampler really earned."""
    shown, clicked = open_bandit.SHOWN, open_bandit.CLICKED
    items = np.arange(80)
    reward = np.zeros(10_000)
    reward[: clicked.sum()] = 1
    # Each click was one of the times it was shown.
    chosen = np.concatenate(
        [np.repeat(items, clicked), np.repeat(items, shown - clicked)]
    )
    wanted = open_bandit.WANTED / 10_000
    guess = np.tile(0.004 + 0.002 * np.sin(items), (10_000, 1))
    found: Any = estimate(
        Log(offered=np.full((10_000, 80), 1 / 80), chosen=chosen, reward=reward),
        np.tile(wanted, (10_000, 1)),
        method,
        predicted=guess if method is Method.DR else None,
    )
    assert found.value == pytest.approx(theirs, abs=1e-12)
    assert found.interval is Interval.NORMAL
    assert found.lower < open_bandit.CLICKS_OF_THE_SAMPLER < found.upper


def test_decisions_of_any_width_are_gathered() -> None:
    """N6: what was not there can neither come first nor be wanted."""
    given = gather(
        [
            Decided(
                propensities=[0.9, 0.1],
                chosen=1,
                reward=1.0,
                scores=[-3.0, -2.0],
                group="b",
            ),
            Decided(
                propensities=[0.5, 0.25, 0.25],
                chosen=0,
                reward=0.0,
                scores=[1.0, 2.0, 2.0],
                group="a",
            ),
        ]
    )
    assert given.log.offered.tolist() == [[0.9, 0.1, 0], [0.5, 0.25, 0.25]]
    assert given.log.groups.tolist() == [1, 0]
    policy = first_by(given.scores, given.known)
    assert policy.tolist() == [[0, 1, 0], [0, 0.5, 0.5]]
    assert estimate(given.log, policy, Method.IPS).why is Why.TOO_FEW


def test_nothing_gathered_is_nothing_logged() -> None:
    """N6: an empty stretch says so."""
    given = gather([])
    found = estimate(given.log, first_by(given.scores, given.known), Method.SNIPS)
    assert (found.why, found.value) == (Why.NO_CHOICES, None)
