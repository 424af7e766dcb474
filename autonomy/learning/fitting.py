"""N3: logistic regression by Newton's method, held back by a penalty; the artefact is JSON.

What is minimised: the sum of log losses plus penalty / 2 times the sum of squares of the
coefficients of scaled features. The intercept is free.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.learning.calibration import fitted as calibration_of
from autonomy.learning.labels import Labelled
from autonomy.learning.lists import compared
from autonomy.rules.ranking import FEATURES_VERSION, LOGISTIC, score
from ledger.rules.canonical import canonical
from ledger.rules.digest import sha256_of

Floats = NDArray[np.float64]
Artefact = dict[str, Any]

PENALTY = 1.0
STEPS, NEARLY, SMALLEST = 100, 1e-10, 1e-9
# What was seen less often says nothing; with fewer labels nothing is fitted at all.
LEAST_SEEN, LEAST_ROWS, LEAST_OF_EACH = 10, 200, 20
# The last part of the time is kept away from the fit that figures are made of.
HELD_OUT = 0.25
# Older choices were made in another world.
LOOKS_BACK = timedelta(days=180)


class TooFew(Exception):
    """Too few choices have become clear to learn from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A model, and where it comes from."""

    artefact: Artefact
    provenance: dict[str, Any]


def matrix(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> Floats:
    """Features as columns, by name; what is not there is 0."""
    place = {name: number for number, name in enumerate(names)}
    made = np.zeros((len(rows), len(names)))
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name in place:
                made[number, place[name]] = value
    return made


def names_in(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """Features that were seen often enough, in a fixed order."""
    seen = Counter(name for row in rows for name in row)
    return sorted(name for name, count in seen.items() if count >= LEAST_SEEN)


def newton(shape: Floats, hits: Floats, *, penalty: float = PENALTY) -> Floats:
    """The coefficients that minimise the penalised loss; the first is the intercept."""
    whole = np.column_stack([np.ones(len(shape)), shape])
    held = np.full(whole.shape[1], penalty)
    held[0] = 0.0
    theta = np.zeros(whole.shape[1])
    now = _loss(whole, hits, theta, held)
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(whole @ theta, -700, 700)))
        slope = whole.T @ (hits - said) - held * theta
        bend = (whole * (said * (1 - said))[:, None]).T @ whole + np.diag(held)
        step = np.linalg.solve(bend + NEARLY * np.eye(len(theta)), slope)
        size = 1.0
        tried = _loss(whole, hits, theta + step, held)
        while tried > now and size > SMALLEST:
            size /= 2
            tried = _loss(whole, hits, theta + size * step, held)
        theta, now = theta + size * step, tried
        if float(np.abs(size * step).max()) < NEARLY:
            break
    return theta


def _loss(whole: Floats, hits: Floats, theta: Floats, held: Floats) -> float:
    logits = whole @ theta
    losses = np.logaddexp(0, logits) - hits * logits
    return float(losses.sum() + (held * np.square(theta)).sum() / 2)


def model_of(
    rows: Sequence[Mapping[str, float]], hits: Floats, *, penalty: float = PENALTY
) -> Artefact:
    """A model in the units of the features themselves; `scales` tells their spread."""
    names = names_in(rows)
    raw = matrix(rows, names)
    means, scales = raw.mean(axis=0), raw.std(axis=0)
    moves = scales > NEARLY
    scaled = (raw[:, moves] - means[moves]) / scales[moves]
    theta = newton(scaled, hits, penalty=penalty)
    slopes = np.zeros(len(names))
    slopes[moves] = theta[1:] / scales[moves]
    return {
        "kind": LOGISTIC,
        "features_version": FEATURES_VERSION,
        "intercept": float(theta[0] - (slopes * means).sum()),
        "coefficients": dict(zip(names, slopes.tolist(), strict=True)),
        "means": dict(zip(names, means.tolist(), strict=True)),
        "scales": dict(zip(names, scales.tolist(), strict=True)),
    }


def fit(rows: Sequence[Labelled], *, penalty: float = PENALTY, seed: int = 0) -> Fitted:
    """A model of all labelled rows; its figures come from one that has not seen the last
    quarter of the time.
    """
    clear = [
        each
        for each in rows
        if each.reward is not None and each.features_version == FEATURES_VERSION
    ]
    hits = np.array([each.reward for each in clear], dtype=float)
    good = float(hits.sum())
    if len(clear) < LEAST_ROWS or min(good, len(hits) - good) < LEAST_OF_EACH:
        raise TooFew(
            f"{len(clear)} choices have become clear, {good:.0f} of them good: it takes "
            f"{LEAST_ROWS}, and {LEAST_OF_EACH} of each kind."
        )
    known = [each.features for each in clear]
    artefact = model_of(known, hits, penalty=penalty)
    sure = np.array([each.confidence for each in clear])
    artefact["calibration"] = calibration_of(sure, hits)
    provenance = {
        "from": clear[0].at.isoformat(),
        "to": clear[-1].at.isoformat(),
        "rows": len(clear),
        "good": int(good),
        "data_digest": digest_of(
            [[str(each.intent), each.reward, dict(each.features)] for each in clear]
        ),
        "artefact_digest": digest_of(artefact),
        "features_version": FEATURES_VERSION,
        "penalty": penalty,
        "seed": seed,
        "baseline": sorted({each.model for each in clear}),
        "metrics": _figures(clear, hits, penalty=penalty, seed=seed),
    }
    return Fitted(artefact=artefact, provenance=provenance)


def _figures(
    clear: Sequence[Labelled], hits: Floats, *, penalty: float, seed: int
) -> dict[str, Any]:
    """Of the last quarter of the time, by a model of the time before."""
    cut = int(len(clear) * (1 - HELD_OUT))
    before = [each.features for each in clear[:cut]]
    later = clear[cut:]
    model = model_of(before, hits[:cut], penalty=penalty)
    said = np.array([score(model, each.features) for each in later])
    true = hits[cut:]
    kept = np.clip(said, 1e-12, 1 - 1e-12)
    paired = compared(later, said.tolist(), [each.score for each in later], seed=seed)
    return {
        "rows": len(later),
        "brier": float(np.square(said - true).mean()),
        "log_loss": float(-np.log(np.where(true > 0, kept, 1 - kept)).mean()),
        "precision_gain": paired.mean,
        "lower": paired.lower,
        "upper": paired.upper,
        "lists": paired.lists,
    }


def digest_of(value: Any) -> str:
    """The digest of plain JSON, however its keys were ordered."""
    return sha256_of(canonical(value))
