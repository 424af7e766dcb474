"""One undo that is due, completely: claimed, carried out, its end recorded.

As with an act, a call outside goes out between two transactions, under a lease and a
fence, and whoever finds the lease over looks first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q

from autonomy import service, traces
from autonomy import undo as undos
from autonomy.models import Undo
from autonomy.rules import answers
from autonomy.rules.answers import Meaning
from autonomy.rules.undo import Course, Next, Reach, course, next_step, standing
from autonomy.rules.undo import Facts as Facts_
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Act, Clock, Image, Job
from autonomy.tools.outside import Called
from autonomy.tools.reaching import Way, job_for, way_of
from ledger import spans
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import current_tenant, tenant_scope
from perception import guards
from perception.errors import NotNow

NOTHING, WAITS = "NOTHING", "WAITS"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An undo that this process alone holds, and the way to where the act was done."""

    undo: Undo
    way: Way
    job: Job
    probe: datetime | None


def take_back(id_: UUID, *, tenant: UUID) -> str:
    """Do what is due of one undo. Says how it stands now, or why nothing was done."""
    if connection.in_atomic_block:
        raise RuntimeError("an undo opens its own transactions")
    try:
        with tenant_scope(tenant):
            claim = _taken(id_)
    except NotNow as refusal:
        with tenant_scope(tenant):
            rows = Undo.objects.filter(tenant_id=tenant, pk=id_)
            rows.filter(status=Undo.Status.REQUESTED).update(
                due_at=refusal.until, dispatched_at=None
            )
        return WAITS
    if isinstance(claim, str):
        return claim
    called = _carried_out(claim, tenant)
    if called is None:
        return NOTHING
    with tenant_scope(tenant):
        return _recorded(claim, called)


def _taken(id_: UUID) -> Claim | str:
    at = clock()
    rows = Undo.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Clock()),
        tenant_id=current_tenant(),
        pk=id_,
        status=Undo.Status.REQUESTED,
        due_at__lte=Clock(),
    )
    held = rows.select_for_update(of=("self",)).select_related("execution__intent")
    undo = held.first()
    if undo is None:
        return NOTHING
    execution = undo.execution
    facts = Facts_(
        status=str(execution.status),
        reach=undos.reach_of(execution),
        finished_at=execution.finished_at,
    )
    # Once it was asked for in time, it is in time.
    stands = standing(facts, now=min(undo.asked_at, at))
    if not stands.can:
        undos.fail(undo, stands.why, in_doubt=undo.called_at is not None)
        return str(undo.status)
    way = None if facts.reach is Reach.HOUSE else way_of(execution.tool)
    if way is None:
        undos.take_back_here(undo, execution, by=SYSTEM)
        return str(undo.status)
    return _claimed(undo, way, at)


def _claimed(undo: Undo, way: Way, at: datetime) -> Claim:
    """Hold it for as long as the call may take; the guarded row comes last."""
    lease = settings.LEASE_SECONDS
    until = at + timedelta(seconds=max(lease, lease / 2 + way.timeout))
    undo.fence, undo.attempts = undo.fence + 1, undo.attempts + 1
    undo.lease_until = undo.due_at = until
    undo.dispatched_at = None
    if not way.hand.sees:
        undo.called_at = undo.called_at or at
    undo.save(
        update_fields=[
            "fence", "attempts", "lease_until", "due_at", "dispatched_at", "called_at",
        ]
    )  # fmt: skip
    act = Act(execution=undo.execution, intent=undo.execution.intent, at=at)
    job = job_for(way, act, attempt=undo.attempts)
    probe = guards.admit(way.row, probe_for=until - at)
    return Claim(undo=undo, way=way, job=job, probe=probe)


def _carried_out(claim: Claim, tenant: UUID) -> Called | None:
    """Look what stands there; put back only what the act itself left; None: it was lost."""
    undo, tool = claim.undo, claim.way.hand.key or "tool"
    of = traces.of_intent(undo.intent_id, tenant)
    with spans.span("call", of, tool=tool, undo=undo.id, intent=undo.intent_id):
        called = _put_back(claim, tenant)
        outside.tell(called)
    return called


def _put_back(claim: Claim, tenant: UUID) -> Called | None:
    hand, job, execution = claim.way.hand, claim.job, claim.undo.execution
    wire = outside.wire_for(job, claim.way.timeout)
    before, after = execution.before, execution.after
    if not hand.sees:
        return outside.restore(hand, job, wire, before or ABSENT, after or ABSENT)
    seen = outside.see(hand, job, wire)
    if isinstance(seen, Called):
        return seen
    if after is None and hand.is_done(job, seen):
        # A person settled its doubt, and nobody had looked then.
        after = seen
    match course(seen, before, after):
        case Course.ALREADY:
            return Called(said=outside.ALREADY, took_ms=0, after=seen)
        case Course.CONFLICT:
            return Called(said=outside.MOVED, took_ms=0, met=seen)
        case Course.RESTORE:
            with tenant_scope(tenant):
                if not _is_held(claim.undo, is_called=True):
                    return None
            return outside.restore(hand, job, wire, before, seen)


def _is_held(undo: Undo, *, is_called: bool = False) -> bool:
    """Whether this claim still holds it; `is_called`: record that a call goes out."""
    rows = Undo.objects.filter(
        tenant_id=current_tenant(),
        pk=undo.pk,
        status=Undo.Status.REQUESTED,
        fence=undo.fence,
    )
    if is_called:
        return bool(rows.update(called_at=undo.called_at or Clock()))
    return rows.select_for_update(no_key=True).exists()


def _recorded(claim: Claim, called: Called) -> str:
    """What came of it, under the fence; then the breaker is told."""
    undo, said, way = claim.undo, called.said, claim.way
    if not _is_held(undo):
        return NOTHING
    step = next_step(
        said.meaning,
        status=said.status,
        may_repeat=way.hand.sees or way.keyed,
        is_last=undo.attempts >= settings.MAX_ATTEMPTS,
        doubted=way.hand.sees and undo.called_at is not None,
        since=clock() - undo.asked_at,
    )
    match step:
        case Next.DONE:
            proof = Undo.Proof.READ_BACK if way.hand.sees else Undo.Proof.TOOL
            undos.done(undo, undo.execution, proof, by=SYSTEM)
        case Next.CONFLICT:
            undos.conflict(undo, _found(called))
        case Next.AGAIN:
            _again(undo, called)
        case _:
            undos.fail(undo, said.detail, in_doubt=step is Next.DOUBT)
    if said.meaning is not Meaning.FORBIDDEN:
        well = said.meaning not in (Meaning.AMBIGUOUS, Meaning.UNREACHED)
        guards.note(way.row, went_well=well, probe=claim.probe)
    service.count(way.key, said, called.took_ms, clock())
    return WAITS if step is Next.AGAIN else str(undo.status)


def _found(called: Called) -> Image:
    """What stands there now, as far as it is known."""
    if called.met is not None:
        return called.met
    return called.after or {"said": called.said.detail}


def _again(undo: Undo, called: Called) -> None:
    """Give the lease back until the next try; being told to wait is no attempt."""
    said = called.said
    Undo.objects.filter(tenant_id=current_tenant(), pk=undo.pk).update(
        attempts=F("attempts") - (0 if said.wait is None else 1),
        lease_until=None,
        due_at=clock() + answers.pause(said, undo.attempts),
        error=said.detail[: undos.LONGEST_ERROR],
    )
