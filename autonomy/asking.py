"""A person is asked: opened, reminded, handed on, and over when nobody answers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from autonomy import notices, replaying
from autonomy.facts import Answer
from autonomy.models import Approval, Intent, Notice, Verdict
from autonomy.permits import action_digest, until
from autonomy.rows import Writes
from autonomy.rules.approvals import (
    Step,
    Waiting,
    lifetime,
    required_role,
    step_due,
)
from autonomy.subjects import subjects_of as subjects_of_intent
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.models import Account
from perception.rules.callers import Caller
from perception.rules.roles import Role, sees_all_accounts

WAITING = (Intent.Status.PROPOSED, Intent.Status.AWAITING_APPROVAL)
CLOCK = Actor(type="schedule", id="approvals")
BATCH = 500
UNANSWERED = "Nobody decided in time."

# As `step_due` has it, so that nothing is looked at before its time.
_DUE = """
SELECT tenant_id, id FROM autonomy_approval
WHERE status = 'PENDING'
  AND (expires_at <= %(now)s OR remind_at <= %(now)s
       OR (requires_role = 'SELLER' AND escalated_at IS NULL
           AND asked_at + (expires_at - asked_at) * 0.75 <= %(now)s))
ORDER BY expires_at LIMIT %(batch)s
"""


def open_for(intent: Intent, row: Verdict, answer: Answer) -> Fact:
    """Ask a person about exactly this action; the fact is the caller's to state."""
    allowed = timedelta(seconds=settings.APPROVAL_TTL_SECONDS)
    ttl = lifetime(answer.facts, default=allowed)
    asked = Approval(
        tenant_id=current_tenant(),
        intent=intent,
        verdict=row,
        account_id=intent.account_id,
        payload_hash=action_digest(intent),
        requires_role=required_role(answer.facts).value,
        author_id=_author(intent),
        asked_at=answer.at,
        expires_at=until(intent, answer.at + ttl),
        remind_at=answer.at + ttl / 2,
    )
    Writes().insert(asked, _noted(Kind.APPROVAL_REQUESTED, asked, answer.at)).send()
    data = {
        "payload_hash": asked.payload_hash,
        "requires_role": asked.requires_role,
        "expires_at": asked.expires_at.isoformat(),
        "reason": row.reason,
    }
    return Fact(kind=Kind.APPROVAL_REQUESTED, subjects=subjects_of(asked), data=data)


def _noted(kind: Kind, asked: Approval, at: datetime) -> Notice:
    return notices.noted(kind, asked.id, at=at, account=asked.account_id)


def authors_of(asked: Approval) -> set[UUID | None]:
    """Whose idea it is: who proposed it, edited it, or wants it gone through again."""
    return {asked.author_id, asked.intent.proposed_by_id, _author(asked.intent)}


def _author(intent: Intent) -> UUID | None:
    author: UUID | None = intent.proposed_by_id
    if intent.replay_id is not None and intent.replay is not None:
        author = intent.replay.by_id
    return author


def withdraw(intent: UUID, **more: Any) -> bool:
    """Take a question back that nobody has answered; True where there was one."""
    waiting = Approval.objects.filter(
        tenant_id=current_tenant(), intent_id=intent, status=Approval.Status.PENDING
    )
    return bool(waiting.update(status=Approval.Status.WITHDRAWN, **more))


def withdrawn(asked: Approval, reason: str, *, by: Actor) -> Fact:
    """The fact that a question was taken back."""
    data = {"reason": reason}
    subjects = subjects_of(asked)
    return Fact(kind=Kind.APPROVAL_WITHDRAWN, by=by, subjects=subjects, data=data)


def seen_by(caller: Caller) -> QuerySet[Approval]:
    """A seller sees those of their accounts, and those that were handed to them."""
    rows = Approval.objects.filter(tenant_id=caller.tenant)
    if sees_all_accounts(caller.role):
        return rows
    if caller.role is not Role.SELLER:
        return rows.none()
    mine = Account.objects.filter(
        tenant_id=caller.tenant, owner_id=caller.membership
    ).values("id")
    return rows.filter(Q(account_id__in=mine) | Q(assigned_to_id=caller.membership))


def move(intent: UUID, status: Intent.Status, *, at: datetime, **more: Any) -> bool:
    """Move an intent that waits for a person; False where it waits no more."""
    rows = Intent.objects.filter(
        tenant_id=current_tenant(), pk=intent, status__in=WAITING
    )
    return bool(rows.update(status=status, updated_at=at, **more))


def subjects_of(asked: Approval) -> dict[str, UUID]:
    return {**subjects_of_intent(asked.intent), "approval": asked.id}


def sweep(*, now: datetime) -> int:
    """Remind, escalate and expire what is due, of every tenant; how many that were."""
    with system_scope("sweep approvals"), connection.cursor() as cursor:
        cursor.execute(_DUE, {"now": now, "batch": BATCH})
        due = sorted(cursor.fetchall())
    count = 0
    for tenant, rows in groupby(due, key=lambda row: row[0]):
        with tenant_scope(tenant):
            count += _advance([id_ for _, id_ in rows], now=now)
    return count


def _advance(ids: Sequence[UUID], *, now: datetime) -> int:
    """Those that nobody is deciding at this moment."""
    rows = Approval.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        tenant_id=current_tenant(), pk__in=ids, status=Approval.Status.PENDING
    )
    stated: list[Fact] = []
    count = 0
    for asked in rows.select_related("intent").order_by("id"):
        waiting = Waiting(
            requires_role=asked.requires_role,
            asked_at=asked.asked_at,
            expires_at=asked.expires_at,
            remind_at=asked.remind_at,
            escalated_at=asked.escalated_at,
        )
        if (step := step_due(waiting, now=now)) is not None:
            stated += _take(step, asked, now=now)
            count += 1
    record_all(stated, now=now)
    return count


def _take(step: Step, asked: Approval, *, now: datetime) -> list[Fact]:
    rows = Approval.objects.filter(pk=asked.pk, status=Approval.Status.PENDING)
    match step:
        case Step.EXPIRE:
            rows.update(status=Approval.Status.EXPIRED, remind_at=None)
            move(asked.intent_id, Intent.Status.EXPIRED, at=now)
            data = {"asked_at": asked.asked_at.isoformat()}
            return [
                _stated(Kind.APPROVAL_EXPIRED, asked, data),
                *replaying.came_to_nothing(asked.intent.replay_id, UNANSWERED, at=now),
            ]
        case Step.ESCALATE:
            rows.update(escalated_at=now, assigned_to=None, remind_at=None)
            Writes().insert(_noted(Kind.APPROVAL_ESCALATED, asked, now)).send()
            data = {"to": Role.APPROVER.value}
            return [_stated(Kind.APPROVAL_ESCALATED, asked, data)]
        case Step.REMIND:
            rows.update(remind_at=None)
            Writes().insert(_noted(Kind.APPROVAL_REMINDED, asked, now)).send()
            return [_stated(Kind.APPROVAL_REMINDED, asked, {})]


def _stated(kind: Kind, asked: Approval, data: dict[str, Any]) -> Fact:
    return Fact(kind=kind, by=CLOCK, subjects=subjects_of(asked), data=data)
