"""N1, N3, N6: what is learned by itself, day by day, tenant by tenant. Nothing is promoted.

The fault of one tenant is its own: it is told, and the others are served.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from autonomy.learning import evaluating, fitting, house, registry
from autonomy.learning.completeness import completeness
from autonomy.learning.labels import HORIZON, labelled
from autonomy.models import Choice, Evaluation, HouseRanking, Ranking
from ledger.scope import PLATFORM, current_tenant, system_scope, tenant_scope
from perception.faults import Tell, unheard
from perception.models import Tenant

logger = structlog.get_logger("autonomy.learning")

# A model is tried for as long as the gate looks back, and another begun every four weeks:
# more of them would only teach what each of them knows already.
APART, MOST_IN_SHADOW = timedelta(days=28), 3
# Whoever was looked at since then is not looked at again.
A_DAY = timedelta(hours=20)
# What is more is gone on with by the next tick.
SECONDS = 600.0

Status = Ranking.Status
Found = TypeVar("Found")


class TimeUp(Exception):
    """There were more tenants than time."""


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """How many acts ended, and how many of them without an outcome."""

    ended: int = 0
    missing: int = 0


def fit_all(
    *, now: datetime, horizon: timedelta = HORIZON, broke: Tell = unheard
) -> int:
    """Fit what became clear, where it is time, and let it score without effect; how
    many models were made.
    """
    return sum(_each(lambda: _fit(now, horizon), broke))


def fit_house(
    *, now: datetime, horizon: timedelta = HORIZON, broke: Tell = unheard
) -> int:
    """The same for the model of the house."""
    tried = HouseRanking.objects.exclude(status=Status.CANDIDATE)
    if tried.filter(made_at__gt=now - APART).exists():
        return 0
    try:
        made = house.fit(now=now, horizon=horizon, broke=broke)
    except fitting.TooFew:
        return 0
    if made.status == Status.CANDIDATE:
        house.shadow(made.version, now=now)
    shadows = HouseRanking.objects.filter(status=Status.SHADOW).order_by("-made_at")
    for each in shadows[MOST_IN_SHADOW:]:
        house.retire(each.version, now=now)
    return 1


def evaluate_all(*, now: datetime, broke: Tell = unheard) -> int:
    """A report of every tenant where something was chosen; how many were written."""
    return sum(_each(lambda: _evaluate(now), broke))


def reconcile_all(*, now: datetime, broke: Tell = unheard) -> Reconciled:
    """Whether everything that ended has its outcome, of every tenant."""
    found = _each(lambda: _reconcile(now), broke)
    return Reconciled(
        ended=sum(each.ended for each in found),
        missing=sum(each.missing for each in found),
    )


def _fit(now: datetime, horizon: timedelta) -> int:
    own = Ranking.objects.filter(tenant_id=current_tenant())
    tried = own.exclude(status=Status.CANDIDATE)
    if tried.filter(made_at__gt=now - APART).exists() or not _has_enough(now):
        return 0
    begin = now - fitting.LOOKS_BACK
    try:
        made = fitting.fit(labelled(begin=begin, now=now, horizon=horizon))
    except fitting.TooFew:
        return 0
    held = registry.keep(made.artefact, made.provenance, now=now)
    if held.status == Status.CANDIDATE:
        registry.shadow(held.version, by=None, now=now)
    shadows = own.filter(status=Status.SHADOW).order_by("-made_at", "-id")
    for each in shadows[MOST_IN_SHADOW:]:
        registry.retire(each.version, by=None, now=now)
    return 1


def _has_enough(now: datetime) -> bool:
    """Whether a fit could come to anything: asked of an index."""
    rows = Choice.objects.filter(
        tenant_id=current_tenant(), at__gte=now - fitting.LOOKS_BACK
    )
    return rows[: fitting.LEAST_ROWS].count() >= fitting.LEAST_ROWS


def _evaluate(now: datetime) -> int:
    begin = now - timedelta(days=evaluating.DAYS) - HORIZON
    own = {"tenant_id": current_tenant()}
    if not Choice.objects.filter(**own, at__gte=begin).exists():
        return 0
    if Evaluation.objects.filter(**own, at__gt=now - A_DAY).exists():
        return 0
    evaluating.evaluate(now=now)
    return 1


def _reconcile(now: datetime) -> Reconciled:
    found = completeness(now=now)
    if found.missing:
        logger.warning(
            "outcomes are missing", tenant=str(current_tenant()), count=found.missing
        )
    return Reconciled(ended=found.ended, missing=found.missing)


def _each(do: Callable[[], Found], broke: Tell) -> list[Found]:
    """Do it in the scope of every tenant, in any order, while there is time."""
    ends, found = monotonic() + SECONDS, []
    for tenant in _tenants():
        if monotonic() >= ends:
            broke(TimeUp())
            break
        try:
            with tenant_scope(tenant):
                found.append(do())
        except Exception as problem:  # noqa: BLE001  counted; the others are served
            if isinstance(problem, DatabaseError):
                connection.close()
            broke(problem)
            error = type(problem).__name__
            logger.warning("a tenant was not learned from", id=str(tenant), error=error)
    return found


def _tenants() -> list[UUID]:
    with system_scope("learn"):
        rows = Tenant.objects.exclude(pk=PLATFORM)
        held = list(rows.values_list("id", flat=True))
    random.shuffle(held)
    return held
