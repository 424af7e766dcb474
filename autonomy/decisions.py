"""People decide: yes, no, differently, later, somebody else. The first decision counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from autonomy import asking, deciding, notices, permits, replaying, traces
from autonomy.approve import Judged, look, question_about
from autonomy.approve import approve as judge_again
from autonomy.errors import (
    AutonomyError,
    CannotDelegate,
    CannotSnooze,
    Mixed,
    MovedTarget,
    NoLongerAllowed,
    Stopped,
)
from autonomy.models import Approval, Intent
from autonomy.propose import check_parameters, known_type
from autonomy.rules.approvals import Look, is_mixed, risk_of
from autonomy.rules.recheck import objections
from autonomy.rules.verdict import Decision, Judgement, Layer
from ledger import spans
from ledger.record import SYSTEM, Fact, Secret, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import find_member, person_acting
from perception.rules.callers import Caller
from perception.rules.roles import Role

Status = Approval.Status
REFUSED = "A person refused it."
NO_LOOKS: Mapping[UUID, Look] = {}
# What an intent that was sent back may still hold of its earlier start.
AT_ONCE = {"attempts": 0, "lease_until": None, "dispatched_at": None}


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What became of an approval.

    `refusal`: what was asked for was not done, but what stands now must stay.
    """

    approval: Approval
    refusal: MovedTarget | NoLongerAllowed | None = None


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """How many were decided, and why the others were not."""

    decided: int
    refused: list[tuple[UUID, AutonomyError]]


def approve(
    id_: UUID,
    *,
    by: Caller,
    payload_hash: str | None = None,
    opened: Look | None = None,
) -> Decided:
    """Allow exactly this action, once: a permit, and it starts as soon as it may."""
    asked = deciding.taken(id_, by)
    if payload_hash is not None and payload_hash != asked.payload_hash:
        raise MovedTarget("Its parameters are not those that were shown.")
    if deciding.is_repeated(asked, Status.APPROVED, by):
        return Decided(approval=asked)
    deciding.insist(asked, by, is_yes=True)
    intent = deciding.intent_of(asked)
    judged = look(question_about(intent))
    _insist_on_running(judged)
    found = objections(asked.verdict.layers, judged.verdict, source="HUMAN")
    if found:
        return _moved(asked, intent, found, at=judged.answer.at)
    at = judged.answer.at
    permit = permits.draw_up(
        intent, asked.verdict, judged.answer, receipt=None, approved_by=by.membership
    )
    deciding.settle(asked, Status.APPROVED, by=by, at=at, opened=opened)
    # What leaves the house can be pulled back for a while, even so.
    starts = at + timedelta(seconds=judged.answer.release_seconds)
    deciding.move(asked, Intent.Status.APPROVED, at=at, **AT_ONCE, due_at=starts)
    permit.save(force_insert=True)
    data = {"payload_hash": asked.payload_hash, **deciding.took(asked, at)}
    approved = deciding.fact(Kind.APPROVAL_APPROVED, asked, by, data)
    record_all([approved, permits.minted(permit)], now=at)
    _told(asked, Status.APPROVED)
    return Decided(approval=asked)


def reject(
    id_: UUID, cause: str, *, by: Caller, note: str = "", opened: Look | None = None
) -> Decided:
    """Refuse it, and say whether idea, timing, execution or something outside was why."""
    asked = deciding.taken(id_, by)
    if deciding.is_repeated(asked, Status.REJECTED, by):
        return Decided(approval=asked)
    at = deciding.insist(asked, by)
    said = {"cause": cause, "note": note}
    deciding.settle(asked, Status.REJECTED, by=by, at=at, opened=opened, **said)
    deciding.move(asked, Intent.Status.REJECTED, at=at)
    data = {"cause": cause, **deciding.took(asked, at)}
    stated = [
        deciding.fact(Kind.APPROVAL_REJECTED, asked, by, data),
        deciding.outcome(asked, "IDEA_REJECTED", cause, at),
        *replaying.came_to_nothing(asked.intent.replay_id, REFUSED, at=at),
    ]
    record_all(stated, now=at)
    _told(asked, Status.REJECTED, cause=cause)
    return Decided(approval=asked)


def edit(id_: UUID, parameters: Mapping[str, Any], *, by: Caller) -> Decided:
    """Change what would be done. That is judged again: old words bind nobody."""
    asked = deciding.taken(id_, by)
    at = deciding.insist(asked, by)
    intent = deciding.intent_of(asked)
    if dict(parameters) == intent.parameters:
        return Decided(approval=asked)
    replaying.insist_on_the_same(intent)
    action = known_type(intent.action_type)
    if action is not None:
        check_parameters(action, parameters)
    change = {
        "approval": str(asked.id),
        "by": str(by.membership),
        "at": at.isoformat(),
        "before": intent.parameters,
        "after": dict(parameters),
    }
    edits = [*asked.edits, change]
    asking.withdraw(intent.id, edits=edits)
    intent.parameters = dict(parameters)
    intent.save(update_fields=["parameters"])
    stated = [
        _edited(asked, intent, by, change),
        asking.withdrawn(asked, "EDITED", by=person_acting(by)),
        deciding.outcome(asked, "IDEA_EDITED", "", at),
    ]
    record_all(stated, now=at)
    _told(asked, Status.WITHDRAWN, cause="edited")
    _insist_on_running(judge_again(intent, is_first=False))
    Approval.objects.filter(
        tenant_id=current_tenant(), intent=intent, status=Status.PENDING
    ).update(author_id=by.membership, edits=edits)
    return Decided(approval=deciding.newest(intent.id))


def snooze(id_: UUID, until: datetime, *, by: Caller) -> Decided:
    """Put the decision off; it is shown, and reminded of, when the time has come."""
    asked = deciding.taken(id_, by)
    at = deciding.insist(asked, by)
    if not at < until < asked.expires_at:
        raise CannotSnooze(f"It expires at {deciding.minute(asked.expires_at)}.")
    deciding.change(asked, snoozed_until=until, remind_at=until)
    data = {"until": until.isoformat()}
    record_all([deciding.fact(Kind.APPROVAL_SNOOZED, asked, by, data)], now=at)
    return Decided(approval=asked)


def delegate(id_: UUID, to: str, *, by: Caller) -> Decided:
    """Hand the decision to a member who could take it."""
    asked = deciding.taken(id_, by)
    at = deciding.insist(asked, by)
    member = find_member(to, at="to")
    role = Role(member.role)
    found = deciding.hindrance_of(asked, member.id, role, is_yes=True, is_assigned=True)
    if found is not None:
        raise CannotDelegate(str(deciding.REFUSALS[found]()))
    deciding.change(asked, assigned_to_id=member.id, snoozed_until=None)
    fact = deciding.fact(Kind.APPROVAL_DELEGATED, asked, by, {"to": str(member.id)})
    record_all([fact], now=at)
    notices.note(Kind.APPROVAL_DELEGATED, asked.id, at=at, account=asked.account_id)
    return Decided(approval=asked)


def decide_all(
    ids: Sequence[UUID],
    decision: str,
    *,
    by: Caller,
    cause: str = "",
    opened: Mapping[UUID, Look] = NO_LOOKS,
) -> Bulk:
    """Decide many of one kind; each for itself, and what is stale is left out."""
    wanted = sorted(set(ids))
    if is_mixed(_kinds(wanted, by)):
        return Bulk(decided=0, refused=[(id_, Mixed()) for id_ in wanted])
    # One page was before them for all: each has its share of that time, as otherwise a
    # minute over forty would look like forty minutes of reading.
    shares = {id_: replace(one, among=len(wanted)) for id_, one in opened.items()}
    refused: list[tuple[UUID, AutonomyError]] = []
    for id_ in wanted:
        try:
            with transaction.atomic():
                how: Any = {"by": by, "opened": shares.get(id_)}
                done = approve(id_, **how) if decision == "approve" else None
                done = done or reject(id_, cause, **how)
        except AutonomyError as error:
            refused.append((id_, error))
        else:
            if done.refusal is not None:
                refused.append((id_, done.refusal))
    return Bulk(decided=len(wanted) - len(refused), refused=refused)


def _told(asked: Approval, status: Approval.Status, cause: str = "") -> None:
    """How long a question waited, in the trace of what led to it."""
    of = traces.of_intent(asked.intent_id, asked.tenant_id)
    intent, said = asked.intent_id, status.value
    spans.lasted(
        "question", of, asked.asked_at, intent=intent, decision=said, cause=cause
    )


def _kinds(ids: Sequence[UUID], by: Caller) -> list[tuple[str, str]]:
    """Action type and risk of each of them that is there."""
    rows = asking.seen_by(by).filter(pk__in=ids)
    found = rows.values_list(
        "intent__action_type",
        F("verdict__facts__traits__risk_level"),
        F("verdict__facts__risk_level"),
    )
    return [(key, risk_of(risk, claimed)) for key, risk, claimed in found]


def _insist_on_running(judged: Judged) -> None:
    """What a switch stops is not lost: it can be decided when that is released."""
    for each in judged.verdict.layers:
        if each.layer is Layer.KILL_SWITCH and each.decision is Decision.BLOCK:
            raise Stopped("Decide when it is released.")


def _moved(
    asked: Approval, intent: Intent, found: list[Judgement], *, at: datetime
) -> Decided:
    """What was approved is no longer what stands: judged again, it is asked anew."""
    asking.withdraw(intent.id)
    record_all([asking.withdrawn(asked, found[0].reason, by=SYSTEM)], now=at)
    _insist_on_running(judge_again(intent, is_first=False))
    why = found[0].explanation
    blocked = intent.status == Intent.Status.BLOCKED
    refusal = NoLongerAllowed(why) if blocked else MovedTarget(why)
    return Decided(approval=deciding.newest(intent.id), refusal=refusal)


def _edited(
    asked: Approval, intent: Intent, by: Caller, change: Mapping[str, Any]
) -> Fact:
    """What was changed; words about a person are committed to, not shown."""
    before, after = change["before"], change["after"]
    names = sorted({*before, *after})
    person = intent.contact_id
    words = [Secret(person=person, field="words", value=after)] if person else []
    return Fact(
        kind=Kind.APPROVAL_EDITED,
        by=person_acting(by),
        subjects=asking.subjects_of(asked),
        data={
            "changed": [n for n in names if before.get(n) != after.get(n)],
            "before_digest": permits.digest(before),
            "after_digest": permits.digest(after),
        },
        private=words,
    )
