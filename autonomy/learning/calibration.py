"""N4: what raw confidences are worth, fitted to what came true, and how well that fits.

Artefacts are plain JSON; `rules.calibration` reads them without numpy.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.rules.calibration import ISOTONIC, PLATT, calibrated

Floats = NDArray[np.float64]
Artefact = dict[str, Any]

# Isotonic has many free points and needs many rows; below the least nothing is fitted.
ENOUGH_FOR_ISOTONIC = 1000
LEAST_ROWS, LEAST_OF_EACH = 50, 10
STEPS, NEARLY = 100, 1e-10
BINS = 10


def isotonic(raw: Floats, hits: Floats) -> Artefact:
    """The rising step function nearest in squares, by pooling adjacent violators.

    Equal confidences are one point. Each level is kept by its two ends.
    """
    xs, place = np.unique(np.asarray(raw, dtype=float), return_inverse=True)
    sizes = np.bincount(place).astype(float)
    sums = np.bincount(place, weights=hits)
    # Blocks of [first x, last x, sum, size].
    blocks: list[list[float]] = []
    for x, total, size in zip(xs, sums, sizes, strict=True):
        blocks.append([float(x), float(x), float(total), float(size)])
        while len(blocks) > 1 and _falls(blocks[-2], blocks[-1]):
            _, last, more, many = blocks.pop()
            blocks[-1][1] = last
            blocks[-1][2] += more
            blocks[-1][3] += many
    points: list[list[float]] = []
    for first, last, total, size in blocks:
        points.append([first, total / size])
        if last > first:
            points.append([last, total / size])
    return {"kind": ISOTONIC, "points": points}


def _falls(left: list[float], right: list[float]) -> bool:
    return left[2] * right[3] >= right[2] * left[3]


def platt(raw: Floats, hits: Floats) -> Artefact:
    """A logistic curve by maximum likelihood, with Platt's held-back targets.

    Where confidence would count against itself it tells nothing, and the base rate is
    said throughout.
    """
    good = float(hits.sum())
    bad = len(hits) - good
    aims = np.where(hits > 0, (good + 1) / (good + 2), 1 / (bad + 2))
    shape = np.column_stack([raw, np.ones(len(raw))])
    theta = np.array([0.0, float(np.log(aims.mean() / (1 - aims.mean())))])
    flat = theta
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(shape @ theta, -700, 700)))
        slope = shape.T @ (aims - said)
        bend = (shape * (said * (1 - said))[:, None]).T @ shape
        step = np.linalg.solve(bend + NEARLY * np.eye(2), slope)
        # A long step overshoots where the curve is steep.
        theta = theta + step * min(1.0, 5.0 / max(float(np.abs(step).max()), NEARLY))
        if float(np.abs(step).max()) < NEARLY:
            break
    if theta[0] <= 0:
        theta = flat
    return {"kind": PLATT, "slope": float(theta[0]), "offset": float(theta[1])}


def fitted(raw: Floats, hits: Floats) -> Artefact | None:
    """What fits as many rows as there are; None where there are too few to say."""
    good = float(hits.sum())
    if len(hits) < LEAST_ROWS or min(good, len(hits) - good) < LEAST_OF_EACH:
        return None
    fit = isotonic if len(hits) >= ENOUGH_FOR_ISOTONIC else platt
    return fit(raw, hits)


def out_of_fold(
    raw: Floats,
    hits: Floats,
    *,
    groups: NDArray[np.int64] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Floats | None:
    """Calibrated by what was fitted to other groups: what figures may be made of."""
    each = np.arange(len(raw)) if groups is None else groups
    names, place = np.unique(each, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(len(names)) % folds)[place]
    shown = np.zeros(len(raw))
    for number in range(folds):
        here = fold == number
        artefact = fitted(raw[~here], hits[~here])
        if artefact is None:
            return None
        shown[here] = [calibrated(artefact, float(each)) for each in raw[here]]
    return shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Confidences between two bounds: how many, their mean, the share that came true."""

    low: float
    high: float
    count: int
    said: float | None
    true: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """How far confidences can be believed; figures are None where there are none."""

    count: int
    ece: float | None
    brier: float | None
    bins: tuple[Bin, ...]


def reliability(shown: Floats, hits: Floats, *, bins: int = BINS) -> Reliability:
    """The diagram's table, ECE and Brier.

    Bins are equally wide and open below: (low, high], the first with its lower bound.
    ECE: the mean over confidences of how far their bin's mean is from the share that
    came true. Brier: the mean of (confidence - what came)^2.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, shown, side="left") - 1, 0, bins - 1)
    rows = []
    for number, (low, high) in enumerate(pairwise(edges.tolist())):
        here = place == number
        count = int(here.sum())
        rows.append(
            Bin(
                low=low,
                high=high,
                count=count,
                said=float(shown[here].mean()) if count else None,
                true=float(hits[here].mean()) if count else None,
            )
        )
    many = len(shown)
    off = sum(row.count * abs((row.said or 0) - (row.true or 0)) for row in rows)
    return Reliability(
        count=many,
        ece=off / many if many else None,
        brier=float(np.square(shown - hits).mean()) if many else None,
        bins=tuple(rows),
    )
