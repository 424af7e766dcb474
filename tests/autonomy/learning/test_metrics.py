"""N6: figures of orders, held against scikit-learn's."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import ndcg_score, precision_score

from autonomy.learning.metrics import ndcg, paired, precision

LISTS = [
    (
        np.round(random.normal(size=size), 1),
        random.integers(0, 4, size=size).astype(float),
        int(random.integers(1, size + 2)),
    )
    for random in [np.random.default_rng(20261121)]
    for size in random.integers(2, 12, size=150)
]


def test_ndcg_is_that_of_scikit_learn() -> None:
    """N6: with ties, graded gains, and k beyond the end."""
    said = 0
    for scores, gains, k in LISTS:
        found = ndcg(scores, gains, k)
        if not gains.any():
            assert found is None
            continue
        theirs = ndcg_score([gains], [scores], k=k)
        assert found == pytest.approx(theirs, abs=1e-12)
        said += 1
    assert said > 100


def test_precision_is_that_of_scikit_learn() -> None:
    """N6: the first k as what is predicted; ties broken, since there they are averaged."""
    for number, (scores, gains, k) in enumerate(LISTS):
        apart = scores + np.random.default_rng(number).permutation(len(scores)) * 1e-6
        hits = (gains > 1).astype(float)
        first = np.zeros(len(hits))
        first[np.argsort(-apart)[:k]] = 1
        theirs = precision_score(hits, first, zero_division=0)
        assert precision(apart, hits, k) == pytest.approx(theirs, abs=1e-12)


def test_ties_are_averaged_over_their_orders() -> None:
    """N6: no order gains by an accident."""
    scores, hits = np.array([1.0, 1, 1, 0]), np.array([1.0, 0, 0, 1])
    assert precision(scores, hits, 1) == pytest.approx(1 / 3)
    assert precision(scores, hits, 4) == 0.5
    assert precision(np.array([]), np.array([]), 1) is None


def test_a_better_order_is_better_beyond_doubt_and_the_same_one_is_not() -> None:
    """N5, N6: paired by list, with an interval."""
    random = np.random.default_rng(5)
    low = list(random.random(200))
    high = [each + random.normal(0.05, 0.1) for each in low]
    found: Any = paired([*high, None], [*low, 0.5])
    assert (found.lists, found.groups) == (200, 200)
    assert found.is_above_zero
    assert found.lower < found.mean < found.upper
    assert not paired(low, low).is_above_zero
    assert not paired(low, high).is_above_zero


def test_intervals_of_pairs_hold() -> None:
    """N6: 95 of 100, by groups of five that move together."""
    random = np.random.default_rng(6)
    groups = np.repeat(np.arange(60), 5)
    inside = 0
    for seed in range(150):
        shared = np.repeat(random.normal(0.1, 0.5, size=60), 5)
        found: Any = paired(
            list(shared + random.normal(0, 0.1, size=300)),
            [0.0] * 300,
            groups=groups,
            seed=seed,
        )
        inside += found.lower <= 0.1 <= found.upper
    assert 0.9 <= inside / 150 <= 0.99


def test_few_lists_have_no_interval() -> None:
    """N5: nineteen accounts prove nothing, nor does nothing."""
    found = paired([1.0] * 95, [0.0] * 95, groups=np.repeat(np.arange(19), 5))
    assert (found.mean, found.lower, found.is_above_zero) == (1.0, None, False)
    assert paired([None], [1.0]).mean is None
