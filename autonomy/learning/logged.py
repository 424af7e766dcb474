"""N6: decisions as they were logged, gathered into what estimates are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autonomy.learning.estimates import Floats, Log


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """One decision: how likely each candidate was to come first, which did, its reward.

    `scores`: what the candidate ranking gives each; `group`: whose decision it was.
    """

    propensities: Sequence[float]
    chosen: int
    reward: float
    scores: Sequence[float]
    group: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A log, beside it the candidate's scores, and which places are taken."""

    log: Log
    scores: Floats
    known: NDArray[np.bool_]


def gather(decisions: Sequence[Decided]) -> Gathered:
    """Rows of equal width, the shorter filled up; groups by number."""
    width = max((len(each.propensities) for each in decisions), default=1)
    offered, scores = np.zeros((2, len(decisions), width))
    known = np.zeros((len(decisions), width), dtype=bool)
    for row, each in enumerate(decisions):
        many = len(each.propensities)
        offered[row, :many] = each.propensities
        scores[row, :many] = each.scores
        known[row, :many] = True
    names = {
        name: number for number, name in enumerate(sorted({d.group for d in decisions}))
    }
    log = Log(
        offered=offered,
        chosen=np.array([each.chosen for each in decisions], dtype=np.int64),
        reward=np.array([each.reward for each in decisions], dtype=float),
        groups=np.array([names[each.group] for each in decisions], dtype=np.int64),
    )
    return Gathered(log=log, scores=scores, known=known)
