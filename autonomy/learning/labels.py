"""N3: choices with what became of them, and nothing that was known only later.

A choice's features are those of its row, written when it was made and never changed.
Its label is made of outcomes within the horizon after it; a choice whose horizon is not
over has no label yet, however its outcomes stand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy.models import Choice
from autonomy.rules.outcomes import reward
from ledger.scope import current_tenant

HORIZON = timedelta(days=14)
MOST_ROWS = 50_000

_OUTCOMES = """
SELECT o.intent_id, o.taxonomy, o.cause, o.at FROM autonomy_outcome o
JOIN autonomy_choice c ON c.tenant_id = o.tenant_id AND c.intent_id = o.intent_id
WHERE o.tenant_id = %s AND c.at >= %s AND c.at < %s AND o.at <= c.at + %s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """One candidate as it was chosen, and its worth; None where nothing can be said."""

    tenant: UUID
    intent: UUID
    run: UUID
    account: UUID
    action_type: str
    at: datetime
    position: int
    confidence: float
    score: float
    model: str
    features: Mapping[str, float]
    features_version: int
    candidates: Sequence[Mapping[str, Any]]
    shadow: Mapping[str, Sequence[float]]
    reward: float | None


def labelled(
    *,
    begin: datetime,
    now: datetime,
    horizon: timedelta = HORIZON,
    most: int = MOST_ROWS,
) -> list[Labelled]:
    """Choices of the tenant in scope whose horizon is over, the oldest first; of more
    than `most`, the newest.
    """
    end = now - horizon
    held: dict[UUID, dict[str, str]] = {}
    named: list[Any] = [current_tenant(), begin, end, horizon]
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, named)
        for intent, taxonomy, cause, _ in cursor.fetchall():
            held.setdefault(intent, {})[taxonomy] = cause
    rows = Choice.objects.filter(
        tenant_id=current_tenant(), at__gte=begin, at__lt=end
    ).order_by("-at", "-id")[:most]
    return [_labelled(each, held.get(each.intent_id, {})) for each in rows][::-1]


def _labelled(choice: Choice, held: Mapping[str, str]) -> Labelled:
    return Labelled(
        tenant=choice.tenant_id,
        intent=choice.intent_id,
        run=choice.run_id,
        account=choice.account_id,
        action_type=choice.action_type,
        at=choice.at,
        position=choice.position,
        confidence=choice.candidates[choice.position - 1]["confidence"],
        score=choice.score,
        model=choice.model,
        features=choice.features,
        features_version=choice.features_version,
        candidates=choice.candidates,
        shadow=choice.shadow,
        reward=reward(held),
    )
