"""N3: the fit is scikit-learn's, in the units of the features, and the same every time."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from autonomy.learning.fitting import LEAST_SEEN, digest_of, model_of, names_in, newton
from autonomy.rules.ranking import score, usable


@pytest.mark.parametrize("penalty", [0.1, 1.0, 25.0])
def test_the_fit_is_that_of_the_reference(penalty: float) -> None:
    """N3: the same loss, another optimiser."""
    random = np.random.default_rng(3)
    shape = random.normal(size=(600, 6))
    logits = shape @ np.array([1.5, -1.0, 0.5, 0, 0, 2.0]) - 0.7
    hits = (random.random(600) < 1 / (1 + np.exp(-logits))).astype(float)
    found = newton(shape, hits, penalty=penalty)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-10, max_iter=10_000).fit(
        shape, hits
    )
    assert found[1:] == pytest.approx(theirs.coef_[0], abs=1e-5)
    assert found[0] == pytest.approx(float(theirs.intercept_[0]), abs=1e-5)


def test_separable_rows_have_an_end() -> None:
    """N3: the penalty holds what would run away."""
    shape = np.array([[-1.0], [-0.5], [0.5], [1.0]] * 20)
    found = newton(shape, (shape[:, 0] > 0).astype(float))
    assert np.isfinite(found).all()
    assert abs(found[1]) < 50


def test_a_model_speaks_the_units_of_its_features() -> None:
    """N3: raw features in, the same as from scaled ones; rare names are left out."""
    random = np.random.default_rng(5)
    rows = [
        {"heat": float(each), "far": 1000 + 50 * float(each) ** 2, "same": 1.0}
        for each in random.random(400)
    ]
    rows[0]["rare"] = 1.0
    hits = (random.random(400) < [each["heat"] for each in rows]).astype(float)
    model = model_of(rows, hits)
    assert usable(model)
    assert list(model["coefficients"]) == ["far", "heat", "same"]
    assert model["coefficients"]["same"] == 0.0
    said = np.array([score(model, each) for each in rows])
    assert said.mean() == pytest.approx(hits.mean(), abs=1e-6)
    assert digest_of(model) == digest_of(model_of(rows, hits))
    assert "rare" not in names_in(rows)
    assert LEAST_SEEN > 1
