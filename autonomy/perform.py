"""One approved act, completely: begun, carried out, its end recorded.

Effects of the house commit with the execution. A call outside goes out between two
transactions: the first one records that it will, under a lease and a fence; the second
one what came of it. Whoever finds the lease over goes on from what is recorded. A tool
that can look does so before it acts, and what it saw is recorded before the call.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from autonomy import giving_up, leases, service, switchboard, traces
from autonomy.carry import Claim, carried_out
from autonomy.claiming import Claimed, claimed
from autonomy.execute import start_on
from autonomy.facts import Answer
from autonomy.models import Execution, Intent, Tool
from autonomy.rows import Writes
from autonomy.rules import answers
from autonomy.rules.answers import Course, Meaning, Said, Step
from autonomy.rules.switches import STOPPED
from autonomy.settle import finish, finish_here
from autonomy.tools import internal
from autonomy.tools.base import Act, End
from autonomy.tools.outside import Called
from autonomy.tools.reaching import Way, job_for, way_of
from ledger import spans
from ledger.clock import clock
from ledger.scope import current_tenant, tenant_scope
from perception import guards
from perception.errors import NotNow

WAITS = "WAITS"
COUNTED = "COUNTED"
NOTHING = "NOTHING"
# How often what a switch stopped looks whether it was released.
STOPPED_FOR = timedelta(seconds=5)
CALLS_KEPT = 10
ENDS = {
    Step.SUCCEED: Execution.Status.SUCCEEDED,
    Step.FAIL: Execution.Status.FAILED,
    Step.DOUBT: Execution.Status.IN_DOUBT,
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long an act may be held, and how often it is tried."""

    lease: float
    most: int
    # Whether this attempt was counted, and committed, before it began.
    counted: bool = False

    def span(self, way: Way) -> timedelta:
        """A lease outlives what happens under it: half of it, and the call."""
        return timedelta(seconds=max(self.lease, self.lease / 2 + way.timeout))


def perform(
    intent: UUID, *, tenant: UUID, lease: float | None = None, most: int | None = None
) -> str:
    """Do what is due of one intent. Says how it stands now, or why nothing was done."""
    if connection.in_atomic_block:
        raise RuntimeError("an act opens its own transactions")
    limits = Limits(
        lease=settings.LEASE_SECONDS if lease is None else lease,
        most=settings.MAX_ATTEMPTS if most is None else most,
    )
    with traces.act(intent, tenant):
        stands = _performed(intent, limits, tenant)
        spans.note(outcome=stands)
    return stands


def _performed(intent: UUID, limits: Limits, tenant: UUID) -> str:
    since = monotonic()
    try:
        with tenant_scope(tenant):
            claim = _taken(intent, limits)
        if claim == COUNTED:
            limits = replace(limits, counted=True)
            with tenant_scope(tenant):
                claim = _taken(intent, limits)
    except NotNow as refusal:
        # Everything was taken back: a permit, a claim, a place in the budget.
        leases.put_off(intent, refusal, tenant=tenant, counted=limits.counted)
        return WAITS
    except Exception as error:
        with suppress(Error):
            leases.stumble(intent, error, tenant=tenant, counted=limits.counted)
        raise
    if isinstance(claim, str):
        return claim
    if monotonic() - since > limits.lease / 2:
        # This process slept. What it would send now could come too late.
        said = Said(meaning=Meaning.WAIT, detail="It was not sent.", wait=0)
        called: Called | None = Called(said=said, took_ms=0)
        claim = replace(claim, probe=None)
    else:
        called = carried_out(claim, tenant)
    if called is None:
        return NOTHING
    with tenant_scope(tenant):
        return _recorded(claim, called)


def _taken(id_: UUID, limits: Limits) -> Claim | str:
    held = claimed(id_)
    if held is None:
        return NOTHING
    match held.intent.status:
        case Intent.Status.APPROVED:
            return _begun(held, limits)
        case Intent.Status.EXECUTING:
            return _resumed(held.intent, limits)
        case _:
            return NOTHING


def _begun(claim: Claimed, limits: Limits) -> Claim | str:
    """Spend the permit and start. The house's own tools end it here."""
    held, now = claim.intent, claim.at
    if held.due_at is not None and held.due_at > now:
        return WAITS
    if held.attempts and not limits.counted:
        return _counted(held, limits, now)
    answer = claim.answer
    if way := way_of(answer.action.traits.tool if answer.action else ""):
        guards.look(way.row, now=now)
    started = start_on(claim)
    execution = started.execution
    if execution is None:
        if started.reason == "STOPPED":
            raise NotNow(now + STOPPED_FOR, STOPPED)
        return started.reason
    if execution.called_at is not None:
        # It goes on from where nobody knew whether it was done.
        return _resumed(held, limits)
    return (
        _onward(execution, way, limits, now) if way else _done_here(execution, answer)
    )


def _onward(
    execution: Execution, way: Way, limits: Limits, now: datetime
) -> Claim | str:
    """Claim what was just started, for the call that it needs."""
    fresh = leases.claim(execution.intent_id, limits.span(way), is_first=True)
    if fresh is None:
        raise NotNow(now + STOPPED_FOR)
    execution.intent = fresh
    return _ready(execution, way, limits)


def _counted(held: Intent, limits: Limits, now: datetime) -> str:
    """It failed before, or whoever had it vanished: from now on claims count."""
    if held.attempts >= limits.most:
        return giving_up.give_up(held.id, most=limits.most, at=now)
    leases.count(held.id)
    return COUNTED


def _done_here(execution: Execution, answer: Answer) -> str:
    """The effect, the end, the outcome: one transaction with the start."""
    writes = Writes()
    end = internal.done(execution, writes)
    finish_here(execution, end, at=answer.at, depth=answer.depth, after=writes)
    return end.status.value


def _resumed(held: Intent, limits: Limits) -> Claim | str:
    """Go on with what was started, from what is recorded."""
    execution = Execution.objects.get(
        tenant_id=current_tenant(), intent=held, replay=held.replay_id
    )
    way = way_of(execution.tool)
    span = limits.span(way) if way else timedelta(seconds=limits.lease)
    fresh = leases.claim(held.id, span, is_first=False)
    if fresh is None:
        return WAITS
    execution.refresh_from_db()
    execution.intent = fresh
    step = Step.DOUBT if execution.called_at else Step.FAIL
    said = "Its tool is gone."
    if way is not None:
        step, said = answers.resume(_course(execution, way, limits))
    if step is not Step.AGAIN or way is None:
        return _ended(execution, step, said, execution.outcome or {})
    if switchboard.is_stopped(execution):
        raise NotNow(clock() + STOPPED_FOR, STOPPED)
    return _ready(execution, way, limits)


def _ready(execution: Execution, way: Way, limits: Limits) -> Claim:
    """Record that a call will go out, and make it ready; the tool's row comes last."""
    at, intent = clock(), execution.intent
    course = _course(execution, way, limits)
    act = Act(execution=execution, intent=intent, at=at)
    job = job_for(way, act, attempt=intent.attempts)
    if not way.hand.sees:
        execution.called_at = execution.called_at or at
    execution.attempts = intent.attempts
    held = execution.outcome or {"calls": []}
    if not course.doubted:
        # What counts later is what the tool promised where it may have acted.
        effect = Tool.Effects.KEYED if way.keyed else Tool.Effects.AT_MOST_ONCE
        held = {**held, "effect": str(effect), "place": way.place}
    execution.outcome = held
    execution.save(update_fields=["called_at", "attempts", "outcome"])
    probe = guards.admit(way.row, probe_for=limits.span(way))
    return Claim(way=way, act=act, job=job, course=course, probe=probe)


def _course(execution: Execution, way: Way, limits: Limits) -> Course:
    """How far it has come; where it may have acted, the promise of then counts too."""
    doubted = execution.called_at is not None
    first = (execution.outcome if doubted else None) or {}
    keyed = Tool.Effects.KEYED
    return Course(
        keyed=way.keyed and first.get("effect", keyed) == keyed,
        doubted=doubted,
        attempts=execution.intent.attempts,
        most=limits.most,
        since=clock() - execution.started_at,
        same_place=first.get("place") in (None, way.place),
    )


def _recorded(claim: Claim, called: Called) -> str:
    """What came of a call, under the fence; then the breaker is told."""
    said, execution = called.said, claim.execution
    outcome = dict(execution.outcome or {})
    this = {
        "at": claim.act.at.isoformat(),
        "meaning": said.meaning.value,
        "status": said.status,
        "took_ms": called.took_ms,
    }
    outcome["calls"] = [*outcome["calls"], this][-CALLS_KEPT:]
    outcome.update(called.told)
    step = answers.next_step(said, claim.course)
    if step is Step.AGAIN:
        stands = _again(claim, said, outcome)
    else:
        execution.after = dict(called.after) if called.after is not None else None
        stands = _ended(execution, step, said.detail, outcome)
        if stands == Execution.Status.SUCCEEDED and claim.way.hand.keeps:
            internal.keep(claim.act, claim.way.hand.keeps)
    if said.meaning is not Meaning.FORBIDDEN:
        guards.note(claim.way.row, went_well=_is_well(said), probe=claim.probe)
    # All calls of a tool meet in its row of the minute: the last lock of all.
    service.count(execution.tool, said, called.took_ms, claim.act.at)
    return stands


def _is_well(said: Said) -> bool:
    return said.meaning not in (Meaning.AMBIGUOUS, Meaning.UNREACHED)


def _again(claim: Claim, said: Said, outcome: dict[str, Any]) -> str:
    """Give the lease back until the next call; being told to wait is no attempt."""
    intent = claim.intent
    moved = leases.let_go(
        intent,
        pause=answers.pause(said, intent.attempts),
        counts=said.wait is None,
        error=said.detail,
    )
    if not moved:
        return NOTHING
    execution = claim.execution
    execution.outcome = outcome
    if said.meaning is not Meaning.AMBIGUOUS and not claim.course.doubted:
        # It is certain that nothing was done yet.
        execution.called_at = execution.before = None
    execution.save(update_fields=["outcome", "called_at", "before"])
    return WAITS


def _ended(execution: Execution, step: Step, said: str, outcome: dict[str, Any]) -> str:
    end = End(
        status=ENDS[step],
        outcome=outcome,
        error="" if step is Step.SUCCEED else said,
        attempts=execution.attempts,
    )
    intent = execution.intent
    held = finish(execution, end, fence=intent.fence, at=clock())
    return end.status.value if held else NOTHING
