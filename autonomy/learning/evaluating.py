"""N6: everything that is known of how well a tenant's proposals are ranked, as one report."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from autonomy.learning.calibration import out_of_fold, reliability
from autonomy.learning.completeness import completeness
from autonomy.learning.estimates import estimate, first_by
from autonomy.learning.fitting import matrix, names_in
from autonomy.learning.gating import decisions_of
from autonomy.learning.labels import HORIZON, Labelled, labelled
from autonomy.learning.lists import compared
from autonomy.learning.logged import gather
from autonomy.learning.predicting import cross_fit, ridge
from autonomy.models import Evaluation, Ranking
from autonomy.rules.estimates import About, Estimate, Method
from ledger.scope import current_tenant

DAYS = 90
LEAST_FOR_FOLDS = 5
SILENT = "Nothing has become clear yet: a choice counts when its horizon is over."


def evaluate(
    *, now: datetime, days: int = DAYS, horizon: timedelta = HORIZON
) -> Evaluation:
    """Look at the tenant in scope, and keep what was found."""
    body = report(now=now, days=days, horizon=horizon)
    return Evaluation.objects.create(tenant_id=current_tenant(), body=body, at=now)


def report(
    *, now: datetime, days: int = DAYS, horizon: timedelta = HORIZON
) -> dict[str, Any]:
    """As plain JSON; where nothing can be said, why."""
    begin = now - timedelta(days=days) - horizon
    rows = labelled(begin=begin, now=now, horizon=horizon)
    models = Ranking.objects.filter(tenant_id=current_tenant()).order_by("-id")
    tried = models.filter(status__in=[Ranking.Status.SHADOW, Ranking.Status.ACTIVE])
    clear = [each for each in rows if each.reward is not None]
    return {
        "at": now.isoformat(),
        "from": begin.isoformat(),
        "to": (now - horizon).isoformat(),
        "horizon_days": horizon.days,
        "choices": len(rows),
        "clear": len(clear),
        "says": "" if clear else SILENT,
        "completeness": completeness(now=now).stated(),
        "confidence": _confidence(clear),
        "models": [
            {
                "version": each.version,
                "status": each.status,
                **_tried(rows, each),
            }
            for each in tried
        ],
    }


def _confidence(clear: Sequence[Labelled]) -> dict[str, Any]:
    """How far confidences can be believed: as they are, and as they would be shown."""
    raw = np.array([each.confidence for each in clear], dtype=float)
    hits = np.array([each.reward for each in clear], dtype=float)
    _, groups = np.unique(
        np.array([str(each.account) for each in clear]), return_inverse=True
    )
    shown = None
    if len(np.unique(groups)) >= LEAST_FOR_FOLDS:
        shown = out_of_fold(raw, hits, groups=groups)
    return {
        "raw": asdict(reliability(raw, hits)),
        "calibrated": None if shown is None else asdict(reliability(shown, hits)),
    }


def _tried(rows: Sequence[Labelled], model: Ranking) -> dict[str, Any]:
    """What the log says of a model by the scores that it wrote beside others."""
    seen = [each for each in rows if model.version in each.shadow]
    ours = [each.shadow[model.version][each.position - 1] for each in seen]
    pair = compared(seen, ours, [each.score for each in seen])
    return {
        "paired": asdict(pair),
        "uplift": [_stated(each) for each in _estimates(seen, model.version)],
    }


def _estimates(rows: Sequence[Labelled], version: str) -> list[Estimate]:
    decisions = decisions_of(rows, version)
    held = gather(decisions)
    policy = first_by(held.scores, held.known) if decisions else held.scores
    about = About.UPLIFT
    found = [
        estimate(held.log, policy, method, about=about)
        for method in (Method.IPS, Method.SNIPS)
    ]
    accounts = {each.group for each in decisions}
    if len(accounts) < LEAST_FOR_FOLDS or found[0].why is not None:
        return found
    predicted = cross_fit(held.log, _features(rows, version, held.known.shape), ridge())
    dr = estimate(held.log, policy, Method.DR, about=about, predicted=predicted)
    return [*found, dr]


def _features(rows: Sequence[Labelled], version: str, shape: Any) -> Any:
    """Of every candidate of every decision, in the order in which they were gathered."""
    first = [
        row.candidates
        for row in rows
        if row.position == 1 and row.reward is not None and version in row.shadow
    ]
    names = names_in([each["features"] for row in first for each in row])
    made = np.zeros((*shape, len(names)))
    for number, row in enumerate(first):
        made[number, : len(row)] = matrix([each["features"] for each in row], names)
    return made


def _stated(found: Estimate) -> dict[str, Any]:
    return {**asdict(found), "says": found.says}
