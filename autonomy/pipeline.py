"""THE WALK: what each stage does, and what comes next.

    trigger → gate → decide → approve → execute

Every stage commits what it found before the next begins; a crash resumes where it
stopped. What the database does alone commits with the claim, at a run's first try.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

import structlog
from django.db import Error, connection

from autonomy import admission, decide, runs, traces
from autonomy.approve import approve
from autonomy.models import Intent
from autonomy.perform import perform
from autonomy.rows import Writes
from autonomy.rules.runs import RunStatus, Stage
from autonomy.runs import Held, May
from ledger.scope import glance, tenant_scope

logger = structlog.get_logger("autonomy.pipeline")

_UNJUDGED = """
t.tenant_id = %s AND t.run_id = %s AND t.judged_at IS NULL ORDER BY t.rank FOR UPDATE
"""
_APPROVED = """
SELECT id FROM autonomy_intent
WHERE tenant_id = %s AND run_id = %s AND status = 'APPROVED' ORDER BY rank
"""


def walk(run: UUID, stage: Stage, *, tenant: UUID, may: May) -> None:
    """Take a run from a stage on, as far as nothing waits and this worker may go."""
    held, following = _begin(run, stage, tenant, may)
    while held is not None and following is not None:
        try:
            following = _step(following, held)
        except Exception as error:
            _failed(held, error)
            raise


def _begin(
    run: UUID, stage: Stage, tenant: UUID, may: May
) -> tuple[Held | None, Stage | None]:
    """Claim it, and admit it in the same transaction; what comes next.

    What was tried before is claimed first: whoever dies of it has been counted.
    """
    held, following = None, None
    try:
        with tenant_scope(tenant):
            held = runs.claim(run, stage, tenant=tenant, may=may)
            following = stage if held else None
            while held and not held.again and following in ADMISSION:
                following = _step(following, held)
    except Exception as error:
        if held is not None:
            _failed(held, error, claimed=False)
        raise
    return held, following


def _step(stage: Stage, held: Held) -> Stage | None:
    """One stage, and where this worker goes on; what it may not go into was let go with
    the stage, for somebody else.
    """
    with traces.stage(stage, held):
        following = STAGES[stage](held)
    return following if following and held.may(following) else None


def act(intent: UUID, *, tenant: UUID) -> None:
    """Do one approved intent."""
    perform(intent, tenant=tenant)


def act_on_run(run: UUID, *, tenant: UUID) -> None:
    """Do every approved intent of a run; each is claimed by itself."""
    for (intent,) in glance(tenant, _APPROVED, [tenant, run]):
        perform(intent, tenant=tenant)


def _trigger(held: Held) -> Stage | None:
    """Does it fire? Logged either way."""
    with _scope(held):
        return admission.trigger(held)


def _gate(held: Held) -> Stage | None:
    """Is it worth a decision, now?"""
    with _scope(held):
        return admission.gate(held)


def _scope(held: Held) -> AbstractContextManager[None]:
    """That of the claim, where it is still open, or one of its own."""
    is_open = connection.in_atomic_block
    return nullcontext() if is_open else tenant_scope(held.tenant)


def _decide(held: Held) -> Stage | None:
    """What would help? Asked between two transactions, recorded before it is asked."""
    return decide.decide(held)


def _approve(held: Held) -> Stage | None:
    """Every layer on every proposal; each commits for itself, as each takes budgets."""
    is_last = False
    while not is_last:
        with tenant_scope(held.tenant):
            unjudged = _unjudged(held)
            is_last = len(unjudged) < 2
            if is_last:
                # Before the budget, as others wait for its rows from then on.
                runs.go_on(held, RunStatus.DONE, Stage.EXECUTE, Writes())
            if unjudged:
                unjudged[0].dispatched_at = runs.sent_at(held, Stage.EXECUTE)
                approve(unjudged[0])
        held.approved.extend(
            each.id for each in unjudged[:1] if each.status == Intent.Status.APPROVED
        )
    return Stage.EXECUTE


def _execute(held: Held) -> Stage | None:
    for intent in held.approved:
        perform(intent, tenant=held.tenant)
    return None


def _unjudged(held: Held) -> list[Intent]:
    """The run's proposals without a verdict, for this transaction alone."""
    return Writes().find(Intent, _UNJUDGED, [held.tenant, held.id])


def _failed(held: Held, error: Exception, *, claimed: bool = True) -> None:
    """Say what broke, and let another attempt come; a broken connection is replaced."""
    if isinstance(error, Error):
        connection.close()
    try:
        with tenant_scope(held.tenant):
            runs.put_off(held, error=type(error).__name__, claimed=claimed)
    except Error:
        # The lease will end by itself.
        connection.close()
    logger.warning("stage failed", name=str(held.id), error=type(error).__name__)


ADMISSION = frozenset((Stage.TRIGGER, Stage.GATE))
STAGES: dict[Stage, Callable[[Held], Stage | None]] = {
    Stage.TRIGGER: _trigger,
    Stage.GATE: _gate,
    Stage.DECIDE: _decide,
    Stage.APPROVE: _approve,
    Stage.EXECUTE: _execute,
}
