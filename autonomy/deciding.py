"""One approval, held for one decision: who may take it, whether it stands, what is said.

It is locked before anything is looked at, so that of many clicks one decides and all
others see what it decided.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from autonomy import asking, permits
from autonomy.errors import (
    AccountClosed,
    AlreadyDecided,
    Expired,
    MovedTarget,
    NeedsApprover,
    NoSuchApproval,
    NotYourDecision,
    SelfApproval,
)
from autonomy.models import Approval, Intent, Outcome
from autonomy.rules.approvals import Hindrance, Look, Standing, hindrance
from ledger.clock import clock
from ledger.record import Fact
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller
from perception.rules.roles import Role

Status = Approval.Status
REFUSALS: Mapping[Hindrance, type[NotYourDecision]] = {
    Hindrance.NOT_YOURS: NotYourDecision,
    Hindrance.NEEDS_APPROVER: NeedsApprover,
    Hindrance.SELF_APPROVAL: SelfApproval,
}


def taken(id_: UUID, by: Caller) -> Approval:
    """The approval, for this transaction alone.

    Whoever edited it may go on with the id they know: it leads to what they wrote.
    """
    rows = (
        asking.seen_by(by)
        .select_for_update(of=("self",))
        .select_related("verdict", "account", "tenant", "intent")
    )
    asked = rows.filter(pk=id_).first()
    if asked is None:
        raise NoSuchApproval(f"There is none with the id {id_}.")
    last = asked.edits[-1] if asked.edits else {}
    is_mine = (last.get("approval"), last.get("by")) == (str(id_), str(by.membership))
    if asked.status == Status.WITHDRAWN and is_mine:
        newer = rows.filter(intent_id=asked.intent_id, pk__gt=id_)
        return newer.filter(author_id=by.membership).order_by("-id").first() or asked
    return asked


def intent_of(asked: Approval) -> Intent:
    """Its intent, locked; what it is about must be what was asked about, and be open."""
    if asked.account.closed_at is not None:
        raise AccountClosed
    intent = Intent.objects.select_for_update().get(
        tenant_id=current_tenant(), pk=asked.intent_id
    )
    if intent.status not in asking.WAITING:
        raise MovedTarget(f"The intent is {intent.status}.")
    if permits.action_digest(intent) != asked.payload_hash:
        raise MovedTarget("Its parameters have changed.")
    return intent


def is_repeated(asked: Approval, status: Status, by: Caller) -> bool:
    """Whether the same person decided the same before: the answer is the same too."""
    return asked.status == status and asked.decided_by_id == by.membership


def insist(asked: Approval, by: Caller, *, is_yes: bool = False) -> datetime:
    """Refuse what is decided or over, and whoever may not decide; the time is now."""
    at = clock()
    if asked.status in (Status.APPROVED, Status.REJECTED):
        when = f"{asked.decided_at:%Y-%m-%d %H:%M:%S} UTC"
        raise AlreadyDecided(f"{asked.status} by {asked.decided_by_id} at {when}.")
    if asked.status == Status.WITHDRAWN:
        raise MovedTarget("It was edited, judged again or taken back.")
    if asked.status == Status.EXPIRED or asked.expires_at <= at:
        raise Expired(f"It expired at {minute(asked.expires_at)}.")
    found = hindrance_of(
        asked,
        by.membership,
        by.role,
        is_yes=is_yes,
        is_assigned=asked.assigned_to_id == by.membership,
    )
    if found is not None:
        raise REFUSALS[found]
    return at


def hindrance_of(
    asked: Approval, member: UUID, role: Role, *, is_yes: bool, is_assigned: bool
) -> Hindrance | None:
    """Why a member may not decide it, if so."""
    standing = Standing(
        role=role,
        owns_account=asked.account.owner_id == member,
        is_assigned=is_assigned,
        is_author=member in asking.authors_of(asked),
    )
    four_eyes = is_yes and asked.tenant.four_eyes
    return hindrance(asked.requires_role, standing, four_eyes=four_eyes)


def settle(
    asked: Approval,
    status: Status,
    *,
    by: Caller,
    at: datetime,
    opened: Look | None,
    **more: Any,
) -> None:
    decided = {"decided_by_id": by.membership, "decided_at": at}
    dwell = opened.dwell(at) if opened else None
    change(asked, status=status, **decided, dwell_seconds=dwell, **more)


def change(asked: Approval, **values: Any) -> None:
    """Change a question that stands as it was read; nothing else."""
    rows = Approval.objects.filter(
        tenant_id=current_tenant(),
        pk=asked.pk,
        status=Status.PENDING,
        payload_hash=asked.payload_hash,
    )
    if not rows.update(**values):
        raise MovedTarget
    for name, value in values.items():
        setattr(asked, name, value)


def move(asked: Approval, status: Intent.Status, *, at: datetime, **more: Any) -> None:
    if not asking.move(asked.intent_id, status, at=at, **more):
        raise MovedTarget("The intent waits no more.")


def newest(intent: UUID) -> Approval:
    rows = Approval.objects.filter(tenant_id=current_tenant(), intent_id=intent)
    return rows.order_by("-id")[0]


def fact(kind: Kind, asked: Approval, by: Caller, data: dict[str, Any]) -> Fact:
    subjects = asking.subjects_of(asked)
    return Fact(kind=kind, by=person_acting(by), subjects=subjects, data=data)


def took(asked: Approval, at: datetime) -> dict[str, float | None]:
    """How long since it was asked, and for how much of that it was looked at."""
    seconds = round((at - asked.asked_at).total_seconds(), 3)
    return {"seconds": seconds, "dwell_seconds": asked.dwell_seconds}


def outcome(asked: Approval, taxonomy: str, cause: str, at: datetime) -> Fact:
    """What people made of the idea, kept once for each intent."""
    intent = asked.intent
    Outcome.objects.bulk_create(
        [
            Outcome(
                tenant_id=current_tenant(),
                intent_id=intent.id,
                account_id=intent.account_id,
                action_type=intent.action_type,
                taxonomy=taxonomy,
                cause=cause,
                at=at,
            )
        ],
        ignore_conflicts=True,
    )
    data = {"taxonomy": taxonomy, "cause": cause}
    subjects = asking.subjects_of(asked)
    return Fact(kind=Kind.OUTCOME_RECORDED, subjects=subjects, data=data)


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
