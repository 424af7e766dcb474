"""The verdict on an intent, and what follows of it at once: a permit, a person, an end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy import asking, budget, facts, permits, replaying, switchboard
from autonomy.facts import Answer, Question
from autonomy.models import Intent, Permit, Verdict
from autonomy.policies import policy_of
from autonomy.rows import Writes, new
from autonomy.rules import verdict as verdicts
from autonomy.rules.catalogue import CORE
from autonomy.rules.judge import judge
from autonomy.rules.modes import resolve
from autonomy.rules.verdict import Decision
from autonomy.subjects import subjects_of
from ledger import spans
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

# A budget may come back between the reading and the taking; it is asked again.
ROUNDS = 3


# Spends a permit at once, and says what is to be written after it; None: not now.
AtOnce = Callable[[Permit, Answer, list[Fact]], Writes | None]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict, and the read it rests on."""

    verdict: verdicts.Verdict
    answer: Answer


def approve(
    intent: Intent,
    *,
    is_first: bool = True,
    act: AtOnce | None = None,
    rides: bool = False,
    answer: Answer | None = None,
) -> Judged:
    """Judge an intent and let follow what must, all in the transaction at hand; its act
    too, where `act` can do it now. `rides`: for whoever begins anew where a budget turns
    out to be empty at the commit. `answer`: what it rests on, where that was read behind
    the lock of the switches already.
    """
    question = question_about(intent)
    if act is not None and answer is None:
        switchboard.hold().ride()
    judged = judged_on(answer) if answer else look(question)
    for _ in range(ROUNDS):
        if judged.verdict.decision is not Decision.AUTO_EXECUTE:
            break
        if _let_run(intent, judged, is_first=is_first, act=act, rides=rides):
            return _told(intent, judged)
        # Somebody was faster: what they left is what counts now.
        judged = look(question)
    else:
        judged = _exhausted(judged)
    _hold(intent, judged, is_first=is_first)
    return _told(intent, judged)


def _told(intent: Intent, judged: Judged) -> Judged:
    found = judged.verdict
    spans.happened(
        "judged",
        intent=intent.id,
        verdict=found.decision.value,
        reason=found.reason,
        # Types of the house's catalogue only: a tenant's own are its words.
        action=intent.action_type if intent.action_type in CORE else None,
    )
    return judged


def _let_run(
    intent: Intent,
    judged: Judged,
    *,
    is_first: bool,
    act: AtOnce | None,
    rides: bool,
) -> bool:
    """A permit and its budget, or nothing of both: False where a budget is empty.

    All of it is written in the same breath before the budget is taken, as others wait
    for its rows from then on.
    """
    answer, receipt = judged.answer, uuid7()
    row = _row(intent, judged, is_first=is_first)
    permit = permits.draw_up(intent, row, answer, receipt=receipt)
    stated = [
        _stated(intent, row, answer),
        consumed(intent, answer, receipt),
        permits.minted(permit),
    ]
    intent.status = Intent.Status.APPROVED
    done = act(permit, answer, stated) if act else None
    writes = Writes().insert(row, permit)
    writes.take(done or Writes().state(stated, now=answer.at))
    _move(intent, intent.status, answer, writes)
    return budget.consume(
        answer.facts.budgets,
        intent=intent.id,
        day=answer.day,
        receipt=receipt,
        after=writes,
        rides=rides,
    )


def _hold(intent: Intent, judged: Judged, *, is_first: bool) -> None:
    """What does not run by itself waits for a person, or has ended."""
    answer, row = judged.answer, _row(intent, judged, is_first=is_first)
    writes = Writes().insert(row)
    stated = [_stated(intent, row, answer)]
    if judged.verdict.decision is Decision.BLOCK:
        status = Intent.Status.BLOCKED
        stated.append(_blocked(intent, judged))
    elif resolve(answer.facts.modes).mode == "ASSIST":
        status = Intent.Status.PROPOSED
    else:
        status = Intent.Status.AWAITING_APPROVAL
    _move(intent, status, answer, writes)
    writes.ride()
    if status != Intent.Status.BLOCKED:
        stated.append(asking.open_for(intent, row, answer))
    else:
        why = judged.verdict.explanation
        stated += replaying.came_to_nothing(intent.replay_id, why, at=answer.at)
    record_all(stated, now=answer.at)


def _move(
    intent: Intent, status: Intent.Status, answer: Answer, writes: Writes
) -> None:
    """From here on it waits for its start, for a person, or for nothing."""
    intent.status, intent.updated_at = status, answer.at
    intent.judged_at = answer.at
    # Outreach that policy lets out is held back for a while first.
    starts = answer.at + timedelta(seconds=answer.hold_seconds)
    intent.due_at = starts if status == Intent.Status.APPROVED else None
    if status != Intent.Status.APPROVED or answer.hold_seconds:
        # Nobody has it in hand: should it start, the relay sends it then.
        intent.dispatched_at = None
    moved = ("status", "updated_at", "judged_at", "due_at", "dispatched_at")
    writes.update(intent, *moved)


def look(question: Question) -> Judged:
    """The verdict on a question, changing nothing."""
    return judged_on(facts.read(question, tenant=current_tenant()))


def judged_on(answer: Answer) -> Judged:
    """The verdict on what was read."""
    return Judged(verdict=judge_on(answer), answer=answer)


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


def answer_about(intent: Intent, found: str) -> Answer:
    """What was read beside a recorded intent, as its facts."""
    return facts.answered(question_about(intent), found, tenant=current_tenant())


def keep(intent: Intent, judged: Judged, *, is_first: bool = True) -> Verdict:
    """The verdict as a row, with the facts that it rests on whole."""
    row = _row(intent, judged, is_first=is_first)
    Writes().insert(row).send()
    return row


def _row(intent: Intent, judged: Judged, *, is_first: bool) -> Verdict:
    """The same, not yet kept."""
    return new(
        Verdict,
        tenant_id=current_tenant(),
        intent=intent,
        facts=judged.answer.facts.sealed(),
        judged_at=judged.answer.at,
        is_first=is_first,
        **judged.verdict.stated(),
    )


def _exhausted(judged: Judged) -> Judged:
    """Budgets came and went each time: as things stand, none is left."""
    held = judged.answer.facts
    spent = tuple(replace(line, used=line.limit) for line in held.budgets)
    return judged_on(replace(judged.answer, facts=replace(held, budgets=spent)))


def _stated(intent: Intent, row: Verdict, answer: Answer) -> Fact:
    return Fact(
        kind=Kind.INTENT_JUDGED,
        by=Actor(type="policy", id=row.policy_version),
        subjects={**subjects_of(intent), "verdict": row.id},
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


def consumed(intent: Intent, answer: Answer, receipt: UUID) -> Fact:
    """The fact that an intent took its part of the day's budgets."""
    return Fact(
        kind=Kind.BUDGET_CONSUMED,
        subjects={**subjects_of(intent), "receipt": receipt},
        data={
            "day": answer.day.isoformat(),
            "budgets": [line.budget for line in answer.facts.budgets],
        },
    )


def _blocked(intent: Intent, judged: Judged) -> Fact:
    return Fact(
        kind=Kind.INTENT_BLOCKED,
        by=Actor(type="policy", id=judged.verdict.policy_version),
        subjects=subjects_of(intent),
        data={
            "reason": judged.verdict.reason,
            "explanation": judged.verdict.explanation,
        },
    )
