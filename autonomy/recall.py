"""What is on its way and has not started is called off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from autonomy import asking, budget, replaying
from autonomy.models import Approval, Intent, Permit
from autonomy.subjects import subjects_of
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

Status = Intent.Status
UNSTARTED = (*asking.WAITING, Status.APPROVED)
RECALLED = "RECALLED"
CALLED_OFF = "It was called off."


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """An intent that was called off: of which step, and how far it had come."""

    intent: UUID
    step: UUID | None
    before: str


@dataclass(frozen=True, kw_only=True)
class _Held:
    """Intents that have not started, and the open questions about them, all locked."""

    intents: Sequence[Intent]
    questions: Sequence[Approval]


def recall(intents: Sequence[UUID], *, by: Actor, reason: str) -> list[Recalled]:
    """Call off those that have not started, in the transaction at hand; once it is
    committed, none of them can start.

    What is under way, or over, is left alone. Nothing of this is news to their plan.
    """
    held = _held(intents)
    if not held.intents:
        return []
    at = clock()
    Approval.objects.filter(
        tenant_id=current_tenant(), pk__in=[each.pk for each in held.questions]
    ).update(status=Approval.Status.WITHDRAWN)
    stated = [asking.withdrawn(asked, RECALLED, by=by) for asked in held.questions]
    stated += call_off(
        held.intents, by=by, reason=reason, at=at, heard=Status.CANCELLED.value
    )
    record_all(stated, now=at)
    return [
        Recalled(intent=each.id, step=each.step_id, before=str(each.status))
        for each in held.intents
    ]


def call_off(
    held: Sequence[Intent], *, by: Actor, reason: str, at: datetime, **more: Any
) -> list[Fact]:
    """End intents that are locked and have not started; the facts are the caller's to
    state. Permits are void, budgets come back. `more`: what else changes about them.
    """
    here = {"tenant_id": current_tenant()}
    ids = [each.id for each in held]
    Permit.objects.filter(
        **here, intent_id__in=ids, spent_at=None, voided_at=None
    ).update(voided_at=at)
    ends = {"due_at": None, "dispatched_at": None, "lease_until": None}
    Intent.objects.filter(**here, pk__in=ids).update(
        status=Status.CANCELLED, updated_at=at, **ends, **more
    )
    receipts = budget.give_back_all(ids)
    stated: list[Fact] = []
    for each in held:
        subjects = subjects_of(each)
        said = {"reason": reason}
        stated.append(
            Fact(kind=Kind.INTENT_RETRACTED, by=by, subjects=subjects, data=said)
        )
        if (receipt := receipts.get(each.id)) is not None:
            named = {**subjects, "receipt": receipt}
            returned = {"reason": "RETRACTED"}
            stated.append(
                Fact(kind=Kind.BUDGET_RETURNED, subjects=named, data=returned)
            )
        stated += replaying.came_to_nothing(each.replay_id, CALLED_OFF, at=at)
    return stated


def _held(intents: Sequence[UUID]) -> _Held:
    """Lock questions before intents, as whoever decides does.

    A start may send an intent back to a person meanwhile: then there is a question that
    is not held yet, everything is let go, and begins anew.
    """
    held = None
    while held is None:
        with transaction.atomic():
            held = _locked(intents)
            transaction.set_rollback(held is None)
    return held


def _locked(intents: Sequence[UUID]) -> _Held | None:
    here = {"tenant_id": current_tenant()}
    questions = Approval.objects.filter(
        **here, intent_id__in=intents, status=Approval.Status.PENDING
    )
    asked = list(questions.select_for_update().order_by("id"))
    # The newest first, as sweeps take them.
    rows = Intent.objects.filter(**here, pk__in=intents, status__in=UNSTARTED)
    held = {each.id: each for each in rows.select_for_update().order_by("-id")}
    known = {each.id for each in asked}
    if not known.issuperset(questions.values_list("id", flat=True)):
        return None
    asked = [each for each in asked if each.intent_id in held]
    for each in asked:
        each.intent = held[each.intent_id]
    return _Held(intents=list(held.values()), questions=asked)
