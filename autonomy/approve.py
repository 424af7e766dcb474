"""The verdict on an intent, and what follows of it at once: a permit, a person, an end."""

from dataclasses import dataclass, replace
from uuid import UUID

from autonomy import budget, facts, permits
from autonomy.facts import Answer, Question
from autonomy.models import Intent, Verdict
from autonomy.policies import policy_of
from autonomy.rules import verdict as verdicts
from autonomy.rules.judge import judge
from autonomy.rules.modes import resolve
from autonomy.rules.verdict import Decision
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

# A budget may come back between the reading and the taking; it is asked again.
ROUNDS = 3


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict, the read it rests on, and the budget it took."""

    verdict: verdicts.Verdict
    answer: Answer
    taken: budget.Taken | None


def approve(intent: Intent) -> Judged:
    """Judge an intent and let follow what must, all in the transaction at hand."""
    judged = _judged(question_about(intent), intent.id)
    row = keep(intent, judged)
    stated = [_stated(intent, row, judged.answer), *_followed(intent, judged, row)]
    intent.updated_at = judged.answer.at
    intent.save(update_fields=["status", "updated_at"])
    record_all(stated, now=judged.answer.at)
    return judged


def _followed(intent: Intent, judged: Judged, row: Verdict) -> list[Fact]:
    """Move the intent to where its verdict sends it; what there is to state of it."""
    answer = judged.answer
    if judged.taken is not None:
        intent.status = Intent.Status.APPROVED
        permit = permits.mint(intent, row, answer, receipt=judged.taken.receipt)
        return [consumed(intent, answer, judged.taken), permits.minted(permit)]
    if judged.verdict.decision is Decision.BLOCK:
        intent.status = Intent.Status.BLOCKED
        return [_blocked(intent, judged)]
    assists = resolve(answer.facts.modes).mode == "ASSIST"
    waiting = Intent.Status.AWAITING_APPROVAL
    intent.status = Intent.Status.PROPOSED if assists else waiting
    return []


def look(question: Question) -> Judged:
    """The verdict on a question, changing nothing."""
    answer = facts.read(question, tenant=current_tenant())
    return Judged(verdict=judge_on(answer), answer=answer, taken=None)


def judge_on(answer: Answer) -> verdicts.Verdict:
    """What all layers say of what was read."""
    return judge(answer.facts, policy_of(answer))


def question_about(intent: Intent) -> Question:
    """What is asked about a recorded intent."""
    return Question(
        intent=intent.id,
        account=intent.account_id,
        action_type=intent.action_type,
        parameters=intent.parameters,
        confidence=intent.confidence,
        risk_level=intent.risk_level or None,
        origin=intent.origin,
        opportunity=intent.opportunity_id,
        contact=intent.contact_id,
        tainted=intent.tainted,
        plan_type=intent.plan_type,
    )


def keep(intent: Intent, judged: Judged, *, is_first: bool = True) -> Verdict:
    """The verdict as a row, with the facts that it rests on whole."""
    found = judged.verdict.stated()
    at = judged.taken.at if judged.taken else judged.answer.at
    return Verdict.objects.create(
        tenant_id=current_tenant(),
        intent=intent,
        facts=judged.answer.facts.sealed(),
        judged_at=at,
        is_first=is_first,
        **found,
    )


def _judged(question: Question, intent: UUID) -> Judged:
    """A verdict, with its budget taken where it is to run by itself."""
    judged = look(question)
    for _ in range(ROUNDS):
        if judged.verdict.decision is not Decision.AUTO_EXECUTE:
            return judged
        answer = judged.answer
        taken = budget.consume(answer.facts.budgets, intent=intent, day=answer.day)
        if taken is not None:
            return replace(judged, taken=taken)
        # Somebody was faster: what they left is what counts now.
        judged = look(question)
    return _exhausted(judged)


def _exhausted(judged: Judged) -> Judged:
    """Budgets came and went each time: as things stand, none is left."""
    held = judged.answer.facts
    spent = tuple(replace(line, used=line.limit) for line in held.budgets)
    answer = replace(judged.answer, facts=replace(held, budgets=spent))
    return Judged(verdict=judge_on(answer), answer=answer, taken=None)


def _stated(intent: Intent, row: Verdict, answer: Answer) -> Fact:
    return Fact(
        kind=Kind.INTENT_JUDGED,
        by=Actor(type="policy", id=row.policy_version),
        subjects={
            "account": intent.account_id,
            "intent": intent.id,
            "verdict": row.id,
            **({"run": intent.run_id} if intent.run_id else {}),
        },
        data={
            "decision": row.decision,
            "reason": row.reason,
            "policy_clause": row.policy_clause,
            "explanation": row.explanation,
            "policy_version": row.policy_version,
            "layers": row.layers,
            "would_be_automatic_if": row.would_be_automatic_if,
            "facts": row.facts,
            "epoch": answer.epoch,
        },
    )


def consumed(intent: Intent, answer: Answer, taken: budget.Taken) -> Fact:
    """The fact that an intent took its part of the day's budgets."""
    return Fact(
        kind=Kind.BUDGET_CONSUMED,
        subjects={
            "account": intent.account_id,
            "intent": intent.id,
            "receipt": taken.receipt,
        },
        data={
            "day": answer.day.isoformat(),
            "budgets": [line.budget for line in answer.facts.budgets],
        },
    )


def _blocked(intent: Intent, judged: Judged) -> Fact:
    return Fact(
        kind=Kind.INTENT_BLOCKED,
        by=Actor(type="policy", id=judged.verdict.policy_version),
        subjects={"account": intent.account_id, "intent": intent.id},
        data={
            "reason": judged.verdict.reason,
            "explanation": judged.verdict.explanation,
        },
    )
