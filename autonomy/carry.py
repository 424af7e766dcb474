"""What of an act happens outside, with nothing held but its lease."""

from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from uuid import UUID

from autonomy import leases
from autonomy.models import Execution, Intent
from autonomy.rules.answers import Course, Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Act, Image, Job
from autonomy.tools.outside import Called
from autonomy.tools.reaching import Way
from ledger import spans
from ledger.clock import clock
from ledger.scope import tenant_scope


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An act that this process alone holds, and the call that it will make."""

    way: Way
    act: Act
    job: Job
    course: Course
    probe: datetime | None

    @property
    def execution(self) -> Execution:
        return self.act.execution

    @property
    def intent(self) -> Intent:
        return self.act.intent


def carried_out(claim: Claim, tenant: UUID) -> Called | None:
    """Look, where the tool can, record what was seen, then act; None: it was lost."""
    with spans.span("call", tool=claim.way.hand.key or "tool", intent=claim.intent.id):
        called = _carried_out(claim, tenant)
        outside.tell(called)
    return called


def _carried_out(claim: Claim, tenant: UUID) -> Called | None:
    hand, job, execution = claim.way.hand, claim.job, claim.execution
    wire = outside.wire_for(job, claim.way.timeout)
    if not hand.sees:
        return outside.act(hand, job, wire, ABSENT)
    began = monotonic()
    seen = outside.see(hand, job, wire)
    if isinstance(seen, Called):
        return _unseen(seen, claim.course)
    took = outside.since(began)
    had = execution.before
    if had is None:
        with tenant_scope(tenant):
            if not _kept(claim, hand.origin(job, seen)):
                return None
    if hand.is_done(job, seen):
        return Called(said=outside.ALREADY, took_ms=took, after=seen)
    if had is not None and seen != had:
        return Called(said=outside.MOVED, took_ms=took, met=seen)
    return outside.act(hand, job, wire, seen)


def _unseen(called: Called, course: Course) -> Called:
    """Who may not look has learned nothing of what an earlier call did."""
    said = called.said
    if said.meaning is Meaning.REFUSED and course.doubted:
        return replace(called, said=replace(said, meaning=Meaning.FORBIDDEN))
    return called


def _kept(claim: Claim, before: Image) -> bool:
    """Record what is there before the call goes out, if the act is still ours."""
    if not leases.is_held(claim.intent):
        return False
    execution = claim.execution
    execution.before = dict(before)
    execution.called_at = execution.called_at or clock()
    execution.save(update_fields=["before", "called_at"])
    return True
