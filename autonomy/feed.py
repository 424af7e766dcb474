"""What to do next, what ran by itself, what waits: the three lists of a seller's day."""

from datetime import datetime
from functools import singledispatch
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    F,
    FloatField,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Greatest, Least

from autonomy import asking, ranking
from autonomy.lists import UNSHOWN, Merged, Ran
from autonomy.models import Approval, Execution, Intent, Run
from autonomy.rules.actions import Reversal
from autonomy.rules.approvals import APPROVERS, Standing, hindrance
from autonomy.rules.runs import RunStatus
from autonomy.rules.undo import WINDOW
from perception.accounts import visible_to
from perception.rules.callers import Caller
from perception.rules.roles import Role, sees_all_accounts

Item = dict[str, Any]
BLANK: Item = dict.fromkeys(
    (
        "intent", "execution", "run", "action_type", "parameters", "payload_hash",
        "requires_role", "can_decide", "confidence", "risk_level", "rationale",
        "auto_executed", "approval_source", "undo_possible", "undo_until",
        "expires_at", "escalated_at", "finished_at",
    )
)  # fmt: skip
# What a question is shown with; whoever wants an act gone through again is its author.
BESIDE = ("intent__replay", "account", "verdict", "tenant")

# Sure and warm first, later proposals of a run behind; what nobody answered before all.
# How sure: as the place stands for, so that no run's own order is turned.
_SURE = Coalesce(F("intent__lead"), F("intent__confidence"), Value(0.0))
_WORTH = (
    _SURE * 600
    + F("account__heat_score") * 400
    - Cast(F("intent__rank"), FloatField()) * 50
)
_PRESSING = Case(
    When(escalated_at__isnull=False, then=Value(5000)),
    default=Value(0),
    output_field=IntegerField(),
)


def next_for(caller: Caller, *, now: datetime) -> QuerySet[Approval]:
    """Open questions of the caller, the most worthwhile first: by `score`.

    Sellers see all of their accounts; what an approver has to decide comes last. Among
    those that are worth the same, what confidence is worth by the model that ranks.
    """
    rows = _open(caller, now=now)
    if sees_all_accounts(caller.role):
        rows = rows.filter(_for(caller))
    turn = Case(
        When(_for(caller), then=Value(2000)),
        default=Value(0),
        output_field=IntegerField(),
    )
    worth = Cast(_WORTH, IntegerField()) + turn + _PRESSING
    return rows.annotate(
        score=worth * 1000 + _tie(ranking.in_percent(ranking.calibration()))
    )


def autopilot(caller: Caller) -> QuerySet[Execution]:
    """What ran without anybody having been asked."""
    return executions(caller).filter(auto_executed=True)


def inbox(caller: Caller, *, now: datetime) -> Merged:
    """Everything that waits for the caller: questions, doubts, runs that stopped, and
    what is held back for a while before it goes out.
    """
    return Merged(*waiting(caller, now=now).values())


def waiting(caller: Caller, *, now: datetime) -> dict[str, QuerySet[Any]]:
    """The same by kind, each as its own rows."""
    # What is being gone through again is not a person's to settle meanwhile.
    in_doubt = {"status": Execution.Status.IN_DOUBT, "intent__status": "IN_DOUBT"}
    doubts = executions(caller).filter(**in_doubt)
    parts: dict[str, QuerySet[Any]] = {
        "approval": _open(caller, now=now).filter(_for(caller)),
        "doubt": doubts,
        "held": _held_back(caller, now=now),
    }
    if caller.role in (Role.ADMIN, Role.AUDITOR):
        parked = Run.objects.filter(
            tenant_id=caller.tenant, status=RunStatus.PARKED.value
        )
        parts["parked"] = parked.select_related("account").defer("context", "decided")
    return parts


@singledispatch
def item(row: Any, caller: Caller) -> Item:
    """One row of a list, as all three lists show it."""
    raise TypeError(f"{type(row).__name__} is in no list")


@item.register
def _(row: Approval, caller: Caller) -> Item:
    intent = row.intent
    return {
        **BLANK,
        "kind": "approval",
        "id": row.id,
        "intent": intent.id,
        "account": row.account_id,
        "account_name": row.account.name,
        "run": intent.run_id,
        "action_type": intent.action_type,
        "parameters": intent.parameters,
        "payload_hash": row.payload_hash,
        "status": intent.status,
        "requires_role": row.requires_role,
        "can_decide": _can_decide(row, caller),
        "confidence": intent.confidence,
        "risk_level": intent.risk_level,
        "rationale": intent.rationale,
        "why": row.verdict.explanation,
        "would_be_automatic_if": row.verdict.would_be_automatic_if,
        "at": row.asked_at,
        "expires_at": row.expires_at,
        "escalated_at": row.escalated_at,
    }


@item.register
def _(row: Execution, caller: Caller) -> Item:
    intent, verdict = row.intent, row.permit.verdict
    return item(
        Ran(
            id=row.id,
            intent=row.intent_id,
            account=row.account_id,
            account_name=row.account.name,
            run=intent.run_id,
            action_type=row.action_type,
            parameters=intent.parameters,
            status=row.status,
            confidence=intent.confidence,
            risk_level=intent.risk_level,
            rationale=intent.rationale,
            auto_executed=row.auto_executed,
            approval_source=row.approval_source,
            explanation=verdict.explanation,
            would_be_automatic_if=verdict.would_be_automatic_if,
            reversal=getattr(row, "reversal", None),
            error=row.error,
            started_at=row.started_at,
            finished_at=row.finished_at,
            called_at=row.called_at,
        ),
        caller,
    )


@item.register
def _(row: Ran, caller: Caller) -> Item:
    in_doubt = row.status == Execution.Status.IN_DOUBT
    return {
        **BLANK,
        "kind": "doubt" if in_doubt else "execution",
        "id": row.id,
        "intent": row.intent,
        "execution": row.id,
        "account": row.account,
        "account_name": row.account_name,
        "run": row.run,
        "action_type": row.action_type,
        "parameters": row.parameters,
        "status": row.status,
        "confidence": row.confidence,
        "risk_level": row.risk_level,
        "rationale": row.rationale,
        "auto_executed": row.auto_executed,
        "approval_source": row.approval_source,
        **_undo_of(row),
        "why": row.error if in_doubt and row.error else row.explanation,
        "would_be_automatic_if": row.would_be_automatic_if,
        "at": row.started_at,
        "finished_at": row.finished_at,
    }


@item.register
def _(row: Intent, caller: Caller) -> Item:
    """What has not gone out yet, and can be pulled back until then."""
    return {
        **BLANK,
        "kind": "held",
        "id": row.id,
        "intent": row.id,
        "account": row.account_id,
        "account_name": row.account.name,
        "run": row.run_id,
        "action_type": row.action_type,
        "parameters": row.parameters,
        "status": row.status,
        "confidence": row.confidence,
        "risk_level": row.risk_level,
        "rationale": row.rationale,
        "undo_possible": True,
        "undo_until": row.due_at,
        "why": "It goes out when its hold is over; until then it can be called off.",
        "would_be_automatic_if": [],
        "at": row.updated_at,
    }


@item.register
def _(row: Run, caller: Caller) -> Item:
    return {
        **BLANK,
        "kind": "parked",
        "id": row.id,
        "run": row.id,
        "account": row.account_id,
        "account_name": row.account.name,
        "status": row.status,
        "why": f"It stopped at {row.stage.lower()}: {row.error}".rstrip(": "),
        "would_be_automatic_if": [],
        "at": row.updated_at,
    }


def _tie(percents: list[int]) -> Any:
    """From 0 to 999: less than any difference in worth."""
    if not percents:
        return Value(0)
    sure = Coalesce(F("intent__confidence"), Value(0.0))
    place = Cast(Greatest(Least(sure, 1.0), 0.0) * 100, IntegerField()) + 1
    table = Value(percents, output_field=ArrayField(IntegerField()))
    return Func(table, place, template="(%(expressions)s]", arg_joiner=")[",
                output_field=IntegerField())  # fmt: skip


def _open(caller: Caller, *, now: datetime) -> QuerySet[Approval]:
    """What can still be decided, is not put off, and was not handed to somebody else."""
    mine = Q(assigned_to=None) | Q(assigned_to_id=caller.membership)
    awake = Q(snoozed_until=None) | Q(snoozed_until__lte=now)
    rows = asking.seen_by(caller).filter(
        mine, awake, status=Approval.Status.PENDING, expires_at__gt=now
    )
    return rows.select_related(*BESIDE).defer(*UNSHOWN)


def _held_back(caller: Caller, *, now: datetime) -> QuerySet[Intent]:
    """Approved and waiting for nothing but the end of its hold."""
    rows = Intent.objects.filter(
        tenant_id=caller.tenant,
        status=Intent.Status.APPROVED,
        due_at__gt=now,
        attempts=0,
        error="",
    )
    if caller.role not in (Role.ADMIN, Role.AUDITOR):
        rows = rows.filter(account__owner_id=caller.membership)
    return rows.select_related("account")


def _for(caller: Caller) -> Q:
    """Whose turn it is. Auditors decide nothing, and look at everything."""
    assigned = Q(assigned_to_id=caller.membership)
    own = Q(account__owner_id=caller.membership)
    if caller.role is Role.SELLER:
        return assigned | (own & Q(requires_role=Role.SELLER.value))
    if caller.role in APPROVERS:
        open_to_all = Q(escalated_at__isnull=False) | Q(account__owner=None)
        needs_one = Q(requires_role=Role.APPROVER.value)
        return assigned | own | open_to_all | needs_one
    return Q(pk__isnull=False)


def executions(caller: Caller) -> QuerySet[Execution]:
    """Those of the accounts that the caller sees."""
    rows = Execution.objects.filter(tenant_id=caller.tenant)
    if not sees_all_accounts(caller.role):
        rows = rows.filter(account_id__in=visible_to(caller).values("id"))
    return rows


def _can_decide(row: Approval, caller: Caller) -> bool:
    standing = Standing(
        role=caller.role,
        owns_account=row.account.owner_id == caller.membership,
        is_assigned=row.assigned_to_id == caller.membership,
        is_author=caller.membership in asking.authors_of(row),
    )
    four_eyes = row.tenant.four_eyes
    return hindrance(row.requires_role, standing, four_eyes=four_eyes) is None


def _undo_of(row: Ran) -> Item:
    """Whether what it did can be put back as it was, and until when."""
    if row.status != Execution.Status.SUCCEEDED:
        return {"undo_possible": False}
    left_here = row.called_at is None
    can = left_here or row.reversal == Reversal.INVERSE
    until = (row.finished_at or row.started_at) + WINDOW
    return {"undo_possible": can, "undo_until": until if can else None}
