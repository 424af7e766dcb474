"""The start of an act: permit, switches, mode, stage and policy are checked again."""

from dataclasses import dataclass, replace
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy import approve, asking, budget, permits, replaying
from autonomy.claiming import Claimed, claimed
from autonomy.errors import NoPermit
from autonomy.facts import Answer
from autonomy.models import Approval, Execution, Intent, Permit
from autonomy.rows import Writes, new
from autonomy.rules.approvals import Hindrance, Standing, hindrance, required_role
from autonomy.rules.facts import BudgetLine
from autonomy.rules.recheck import GONE, LOST_RIGHT, Lapsed, objections
from autonomy.rules.verdict import Decision, Judgement, Verdict, lowest
from autonomy.subjects import subjects_of
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Membership
from perception.rules.roles import Role

EXPIRED = Intent.Status.EXPIRED
ACCOUNT_CLOSED = "ACCOUNT_CLOSED"


@dataclass(frozen=True, kw_only=True)
class Start:
    """What became of the attempt to start: an execution, or why there is none."""

    execution: Execution | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Objects:
    """What stands in the way of a start: of the layers, and of the approval itself."""

    layers: list[Judgement]
    approval: Lapsed | None

    @property
    def reason(self) -> str:
        if self.layers or self.approval is None:
            return lowest(self.layers).reason
        return self.approval.reason

    def stated(self) -> list[dict[str, str]]:
        lapsed = [self.approval.stated()] if self.approval else []
        return [*(each.stated() for each in self.layers), *lapsed]


def start(intent: UUID) -> Start:
    """Spend an approved intent's permit and start it, in the transaction at hand."""
    held = claimed(intent)
    if held is None or held.intent.status != Intent.Status.APPROVED:
        return Start(execution=None, reason="NOT_APPROVED")
    return start_on(held)


def start_on(claim: Claimed) -> Start:
    """Spend the permit of a claimed and approved intent and start it."""
    held, permit, answer = claim.intent, claim.permit, claim.answer
    if permit is None:
        # Somebody wrote APPROVED into the row; that is no permit.
        return _ended(held, answer, EXPIRED, "NO_PERMIT", [])
    if answer.facts.switches is None or any(
        not switch.returning for switch in answer.facts.switches
    ):
        return Start(execution=None, reason="STOPPED")
    if answer.closed:
        return _called_off(held, permit, answer)
    try:
        permits.check(permit, held, at=answer.at)
    except NoPermit as refusal:
        return _withdrawn(held, permit, answer, EXPIRED, str(refusal), [])
    renewed, stated = _renewed(held, permit, answer)
    verdict = approve.judge_on(renewed)
    found = objections(permit.verdict.layers, verdict, source=str(permit.source))
    lapsed = _lapsed(permit, answer)
    if found or lapsed:
        objects = Objects(layers=found, approval=lapsed)
        return _sent_back(held, permit, renewed, verdict, objects, stated)
    return _started(held, permit, answer, stated)


def _lapsed(permit: Permit, answer: Answer) -> Lapsed | None:
    """Whether the person who approved it could not do so now; policy asks nobody."""
    if permit.approved_by_id is None:
        return None
    members = Membership.objects.select_related("person")
    member = members.get(tenant_id=current_tenant(), pk=permit.approved_by_id)
    if not (member.is_active and member.person.is_active):
        return GONE
    needed = required_role(answer.facts).value
    standing = Standing(
        role=Role(member.role),
        owns_account=answer.seller == member.id,
        is_assigned=False,
        is_author=False,
    )
    found = hindrance(needed, standing, four_eyes=False)
    if found is Hindrance.NOT_YOURS and _was_handed(permit, member.id):
        standing = replace(standing, is_assigned=True)
        found = hindrance(needed, standing, four_eyes=False)
    return LOST_RIGHT if found else None


def _was_handed(permit: Permit, member: UUID) -> bool:
    """Whether the decision was delegated to whoever took it."""
    return Approval.objects.filter(
        tenant_id=current_tenant(),
        intent_id=permit.intent_id,
        status=Approval.Status.APPROVED,
        decided_by_id=member,
        assigned_to_id=member,
    ).exists()


def _renewed(
    intent: Intent, permit: Permit, answer: Answer
) -> tuple[Answer, list[Fact]]:
    """A receipt covers one day: on a later one the budget is taken anew.

    What this act holds already counts as left; what it cannot get, as used up.
    """
    receipt, lines = permit.receipt, answer.facts.budgets
    if receipt is None:
        return answer, []
    if receipt.day == answer.day:
        held = tuple(replace(line, used=0) for line in lines)
        return _with_budgets(answer, held), []
    budget.give_back(intent.id)
    stated = [_returned(intent, receipt.id, "DAY_OVER")]
    anew = uuid7()
    if not budget.consume(lines, intent=intent.id, day=answer.day, receipt=anew):
        spent = tuple(replace(line, used=line.limit) for line in lines)
        return _with_budgets(answer, spent), stated
    stated.append(approve.consumed(intent, answer, anew))
    return answer, stated


def _with_budgets(answer: Answer, budgets: tuple[BudgetLine, ...]) -> Answer:
    return replace(answer, facts=replace(answer.facts, budgets=budgets))


def opened(
    intent: Intent, permit: Permit, answer: Answer
) -> tuple[Execution, list[Fact]]:
    """Spend a permit for an execution, neither of them kept yet, and say so."""
    automatic = permit.source == Permit.Source.POLICY
    permit.spent_at = answer.at
    execution = new(
        Execution,
        tenant_id=current_tenant(),
        intent=intent,
        permit=permit,
        account_id=intent.account_id,
        seller_id=answer.seller,
        action_type=intent.action_type,
        tool=answer.action.traits.tool if answer.action else "",
        plan_type=intent.plan_type,
        status=Execution.Status.STARTED,
        auto_executed=automatic,
        approval_source=permit.source,
        replay_id=intent.replay_id,
        started_at=answer.at,
    )
    subjects = {**subjects_of(intent), "execution": execution.id}
    data = {
        "auto_executed": automatic,
        "approval_source": str(permit.source),
        "tool": execution.tool,
        "epoch": answer.epoch,
    }
    return execution, [
        Fact(kind=Kind.PERMIT_SPENT, subjects={**subjects, "permit": permit.id}),
        Fact(kind=Kind.EXECUTION_STARTED, subjects=subjects, data=data),
    ]


def _started(
    intent: Intent, permit: Permit, answer: Answer, stated: list[Fact]
) -> Start:
    execution, begun = opened(intent, permit, answer)
    writes = Writes().update(permit, "spent_at")
    replay = replaying.begun(execution, writes, at=answer.at)
    writes.insert(execution).state([*stated, *begun, *replay], now=answer.at)
    _move(intent, Intent.Status.EXECUTING, answer, writes)
    return Start(execution=execution, reason="")


def _sent_back(
    intent: Intent,
    permit: Permit,
    answer: Answer,
    verdict: Verdict,
    found: Objects,
    stated: list[Fact],
) -> Start:
    """What no longer holds goes back to a person, with the difference shown."""
    judged = approve.Judged(verdict=verdict, answer=answer)
    row = approve.keep(intent, judged, is_first=False)
    blocked = verdict.decision is Decision.BLOCK
    status = Intent.Status.BLOCKED if blocked else Intent.Status.AWAITING_APPROVAL
    stated.append(_judged_again(intent, verdict, answer, found))
    if not blocked:
        asked = asking.open_for(intent, row, answer)
        data = {**asked.data, "reason": found.reason}
        stated.append(replace(asked, data=data))
    return _withdrawn(intent, permit, answer, status, found.reason, stated)


def _called_off(intent: Intent, permit: Permit, answer: Answer) -> Start:
    """Whoever closed the account called off what had not started there."""
    said = {"reason": ACCOUNT_CLOSED, "status": str(intent.status)}
    subjects = subjects_of(intent)
    stated = [Fact(kind=Kind.INTENT_RETRACTED, subjects=subjects, data=said)]
    status = Intent.Status.CANCELLED
    return _withdrawn(intent, permit, answer, status, ACCOUNT_CLOSED, stated)


def _withdrawn(
    intent: Intent,
    permit: Permit,
    answer: Answer,
    status: Intent.Status,
    reason: str,
    stated: list[Fact],
) -> Start:
    permit.voided_at = answer.at
    permit.save(update_fields=["voided_at"])
    return _ended(intent, answer, status, reason, stated)


def _ended(
    intent: Intent,
    answer: Answer,
    status: Intent.Status,
    reason: str,
    stated: list[Fact],
) -> Start:
    """Nothing starts; what was taken from budgets comes back."""
    intent.due_at = intent.dispatched_at = None
    writes = Writes().update(intent, "due_at", "dispatched_at")
    _move(intent, status, answer, writes)
    if (receipt := budget.give_back(intent.id)) is not None:
        stated.append(_returned(intent, receipt, reason))
    if status != Intent.Status.AWAITING_APPROVAL:
        stated += replaying.came_to_nothing(intent.replay_id, reason, at=answer.at)
    record_all(stated, now=answer.at)
    return Start(execution=None, reason=reason)


def _returned(intent: Intent, receipt: UUID, reason: str) -> Fact:
    return Fact(
        kind=Kind.BUDGET_RETURNED,
        subjects={**subjects_of(intent), "receipt": receipt},
        data={"reason": reason},
    )


def _judged_again(
    intent: Intent, verdict: Verdict, answer: Answer, found: Objects
) -> Fact:
    return Fact(
        kind=Kind.INTENT_JUDGED,
        by=Actor(type="policy", id=verdict.policy_version),
        subjects=subjects_of(intent),
        data={
            **verdict.stated(),
            "facts": answer.facts.sealed(),
            "epoch": answer.epoch,
            "no_longer_holds": found.stated(),
        },
    )


def _move(
    intent: Intent, status: Intent.Status, answer: Answer, writes: Writes
) -> None:
    intent.status, intent.updated_at = status, answer.at
    writes.update(intent, "status", "updated_at").ride()
