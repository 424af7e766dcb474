"""N4: confidences that are worth what they say, held against scikit-learn's."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from autonomy.learning.calibration import (
    fitted,
    isotonic,
    out_of_fold,
    platt,
    reliability,
)
from autonomy.rules.calibration import calibrated

GRID = np.linspace(-0.1, 1.1, 241)


def overconfident(seed: int, rows: int = 2000) -> Any:
    """What is said is further out than what comes true."""
    random = np.random.default_rng(seed)
    raw = np.round(random.random(rows), 3)
    hits = (random.random(rows) < 0.2 + 0.5 * raw**2).astype(float)
    return raw, hits


def served(artefact, asked) -> np.ndarray:
    """As it is served: out of JSON, number by number."""
    stored = json.loads(json.dumps(artefact))
    return np.array([calibrated(stored, float(each)) for each in asked])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40))
def test_isotonic_is_that_of_scikit_learn(rows) -> None:
    """N4: everywhere, between points and beyond them."""
    raw = np.array([each / 20 for each, _ in rows])
    hits = np.array([float(each) for _, each in rows])
    theirs = IsotonicRegression(out_of_bounds="clip").fit(raw, hits)
    assert served(isotonic(raw, hits), GRID) == pytest.approx(
        theirs.predict(GRID), abs=1e-9
    )


def test_platt_is_that_of_scikit_learn() -> None:
    """N4: the maximum of the same likelihood, by another way."""
    raw, hits = overconfident(1, rows=400)
    good, bad = hits.sum(), (1 - hits).sum()
    aims = np.where(hits > 0, (good + 1) / (good + 2), 1 / (bad + 2))
    twice, weights = np.concatenate([raw, raw]), np.concatenate([aims, 1 - aims])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(
        twice[:, None], np.repeat([1, 0], 400), sample_weight=weights
    )
    expected = theirs.predict_proba(GRID[:, None])[:, 1]
    assert served(platt(raw, hits), GRID) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("fit", [isotonic, platt])
def test_more_confidence_never_shows_as_less(fit) -> None:
    """N4: also where it counted against itself."""
    raw, hits = overconfident(2)
    for each in (hits, 1 - hits):
        shown = served(fit(raw, each), GRID)
        assert (np.diff(shown) >= -1e-12).all()
        assert ((shown >= 0) & (shown <= 1)).all()


def test_steep_and_perfect_confidences_are_fitted_too() -> None:
    """N4: no overflow, no endless climb."""
    raw = np.repeat([0.1, 0.9], 100)
    hits = (raw > 0.5).astype(float)
    low, high = served(platt(raw, hits), [0.1, 0.9])
    assert low == pytest.approx(1 / 102, abs=1e-3)
    assert high == pytest.approx(101 / 102, abs=1e-3)
    assert served({"kind": "platt", "slope": 1e6, "offset": 0.0}, [-1, 1]) == (
        pytest.approx([0, 1])
    )


def test_what_is_shown_is_nearer_to_what_comes_true() -> None:
    """N4: on rows that no fit has seen, by ECE and Brier."""
    raw, hits = overconfident(3, rows=4000)
    before: Any = reliability(raw, hits)
    after: Any = reliability(out_of_fold(raw, hits), hits)
    assert after.ece < 0.5 * before.ece
    assert after.brier < before.brier
    assert before.brier == pytest.approx(brier_score_loss(hits, raw))


def test_the_diagram_counts_everybody_once() -> None:
    """N4: bins, their bounds, and ECE by hand."""
    shown = np.array([0.0, 0.1, 0.11, 0.95, 1.0])
    found = reliability(shown, np.array([0.0, 1, 0, 1, 1]))
    assert [row.count for row in found.bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.ece == pytest.approx((2 * 0.45 + 0.11 + 2 * 0.025) / 5)
    assert found.bins[2].said is None
    none = reliability(np.array([]), np.array([]))
    assert (none.count, none.ece, none.brier) == (0, None, None)


def test_too_little_is_not_fitted() -> None:
    """N4: fifty rows, ten of each; many rows may bend freely."""
    raw, hits = overconfident(4)
    assert fitted(raw[:49], hits[:49]) is None
    assert fitted(raw, np.ones(2000)) is None
    assert out_of_fold(raw[:50], hits[:50]) is None
    some: Any = fitted(raw[:999], hits[:999])
    many: Any = fitted(raw, hits)
    assert (some["kind"], many["kind"]) == ("platt", "isotonic")
