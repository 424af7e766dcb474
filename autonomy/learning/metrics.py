"""N6: how good an order is, and whether one of two is better.

Both figures average over the orders in which equal scores could stand, so none gains
by the accident of a tie.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DRAWS = 2000
# Below so many groups a bootstrap interval is too narrow to be believed.
LEAST_GROUPS = 20


def _in_order(scores: Floats, gains: Floats) -> Floats:
    """Gains as they come by falling score; equal scores share theirs evenly."""
    names, place = np.unique(-np.asarray(scores, dtype=float), return_inverse=True)
    sizes = np.bincount(place, minlength=len(names))
    return np.repeat(np.bincount(place, weights=gains) / sizes, sizes)


def ndcg(scores: Floats, gains: Floats, k: int) -> float | None:
    """NDCG@k: the sum over the first k of gain / log2(1 + place), over the most it could be.

    Gains count as they are (not 2^gain). None where nothing was worth anything: there
    every order is as good.
    """
    discounts = 1 / np.log2(np.arange(len(gains)) + 2)
    discounts[k:] = 0
    best = float((np.sort(gains)[::-1] * discounts).sum())
    if best <= 0:
        return None
    return float((_in_order(scores, gains) * discounts).sum()) / best


def precision(scores: Floats, hits: Floats, k: int) -> float | None:
    """Precision@k: the share of hits among the first k; of all, where there are fewer."""
    if len(hits) == 0 or k < 1:
        return None
    return float(_in_order(scores, hits)[:k].mean())


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """By how much one order is better on the same lists; no interval from too few groups."""

    lists: int
    groups: int
    mean: float | None
    lower: float | None
    upper: float | None
    level: float

    @property
    def is_above_zero(self) -> bool:
        """Whether it is better beyond doubt."""
        return self.lower is not None and self.lower > 0


def paired(
    candidate: list[float | None],
    baseline: list[float | None],
    *,
    groups: NDArray[np.int64] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Paired:
    """Candidate less baseline, list by list, with the percentile bootstrap's interval.

    Whole groups (accounts) are drawn anew, since lists of one depend on each other. A
    list on which either figure is None says nothing and is left out.
    """
    said = [
        number
        for number, pair in enumerate(zip(candidate, baseline, strict=True))
        if None not in pair
    ]
    differences = np.array(
        [(candidate[each] or 0.0) - (baseline[each] or 0.0) for each in said]
    )
    names = np.arange(len(candidate)) if groups is None else groups
    _, place = np.unique(names[said], return_inverse=True)
    many = int(place.max()) + 1 if said else 0
    mean = float(differences.mean()) if said else None
    lower = upper = None
    if many >= LEAST_GROUPS:
        sums = np.bincount(place, weights=differences)
        sizes = np.bincount(place)
        random = np.random.default_rng(seed)
        drawn = random.multinomial(many, np.full(many, 1 / many), size=DRAWS)
        means = (drawn @ sums) / (drawn @ sizes)
        tail = (1 - level) / 2
        lower, upper = (float(each) for each in np.quantile(means, [tail, 1 - tail]))
    return Paired(
        lists=len(said), groups=many, mean=mean, lower=lower, upper=upper, level=level
    )
