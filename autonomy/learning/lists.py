"""N3, N5: proposals of a day as one list, in two orders: which brings more to the top."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

import numpy as np

from autonomy.learning.labels import Labelled
from autonomy.learning.metrics import Paired, paired, precision

K = 3


def compared(
    rows: Sequence[Labelled],
    candidate: Sequence[float],
    baseline: Sequence[float],
    *,
    k: int = K,
    level: float = 0.95,
    seed: int = 0,
) -> Paired:
    """Precision@k of one order less that of the other, day by day of each tenant.

    A day with no more than k proposals that became clear says nothing about an order.
    """
    days: dict[tuple[UUID, date], list[int]] = {}
    for number, row in enumerate(rows):
        if row.reward is not None:
            days.setdefault((row.tenant, row.at.date()), []).append(number)
    ours, theirs = np.array(candidate, dtype=float), np.array(baseline, dtype=float)
    worth = np.array([row.reward or 0.0 for row in rows])
    lists = [np.array(each) for _, each in sorted(days.items()) if len(each) > k]
    return paired(
        [precision(ours[each], worth[each], k) for each in lists],
        [precision(theirs[each], worth[each], k) for each in lists],
        level=level,
        seed=seed,
    )
