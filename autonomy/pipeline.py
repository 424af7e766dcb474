"""THE WALK: what each stage does, and what comes next.

    trigger → gate → decide → approve → execute

A walk is taken in breaths, each of them one transaction: the claim with trigger and gate;
a decision of the rules with the verdict on what it proposes first, and with that act,
where it is the house's own; every other proposal, and every other act, in its own. A
breath ends where somebody outside is asked, or others wait for a row. A crash takes back
one breath, and the walk resumes where the one before ended.
"""

from collections.abc import Callable
from uuid import UUID

import structlog
from django.db import Error, connection

from autonomy import admission, decide, judging, runs, traces
from autonomy.approve import approve
from autonomy.at_once import at_once
from autonomy.perform import perform
from autonomy.rows import Writes, is_refused
from autonomy.rules.runs import RunStatus, Stage
from autonomy.runs import Held, Look, May
from ledger.riding import let_go
from ledger.scope import glance, tenant_scope

logger = structlog.get_logger("autonomy.pipeline")

_APPROVED = """
SELECT id FROM autonomy_intent
WHERE tenant_id = %s AND run_id = %s AND status = 'APPROVED' ORDER BY rank
"""


def walk(run: UUID, stage: Stage, *, tenant: UUID, may: May) -> Held | None:
    """Take a run from a stage on, as far as nothing waits and this worker may go; how it
    was held, with what is left of it for somebody else.
    """
    held, following = _begin(run, stage, tenant, may)
    while held is not None and following is not None:
        try:
            following = _breath(following, held)
        except Exception as error:
            _failed(held, error)
            raise
    return held


def _begin(
    run: UUID, stage: Stage, tenant: UUID, may: May, *, rides: bool = True
) -> tuple[Held | None, Stage | None]:
    """Claim it, with what comes first in the same transaction; what comes next.

    What was tried before is claimed first: whoever dies of it has been counted.
    """
    held, following = None, None
    try:
        with tenant_scope(tenant):
            look = runs.at_nothing if _is_apart(stage) else LOOKS[stage]
            held = runs.claim(
                run, stage, tenant=tenant, may=may, rides=rides, look=look
            )
            following = stage if held else None
            if held and not held.again and not _is_apart(stage):
                following = _steps(stage, held)
                if following is not None:
                    # Whoever goes on waits for the disk with the next commit.
                    let_go(lasting=False)
            elif held:
                held.seen = None
    except Exception as error:
        if rides and is_refused(error):
            return _begin(run, stage, tenant, may, rides=False)
        if held is not None:
            _failed(held, error, claimed=False)
        raise
    return held, following


def _breath(stage: Stage, held: Held) -> Stage | None:
    """What one transaction takes of a walk, and where this worker goes on. Where the last
    of what it takes went to somebody else meanwhile, it asks for that instead.
    """
    approved = list(held.approved)
    try:
        return _taken(stage, held)
    except Error as error:
        if not (held.rides and is_refused(error)):
            raise
    held.rides, held.proposed, held.approved = False, [], approved
    held.noted, held.told, held.seen = {}, [], None
    return _taken(stage, held)


def _taken(stage: Stage, held: Held) -> Stage | None:
    if _is_apart(stage):
        return _step(stage, held)
    with tenant_scope(held.tenant):
        return _steps(stage, held)


def _is_apart(stage: Stage) -> bool:
    """Whether a stage opens its transactions itself, as somebody outside is asked
    between them.
    """
    return stage is Stage.EXECUTE or (stage is Stage.DECIDE and not decide.is_ruled())


def _steps(stage: Stage, held: Held) -> Stage | None:
    after = WITH.get(stage)
    held.joined = after is not None and held.may(after)
    following = _step(stage, held)
    held.joined = False
    if following is not None and after is following:
        following = _step(following, held)
    return following


def _step(stage: Stage, held: Held) -> Stage | None:
    """One stage, and where this worker goes on; what it may not go into was let go with
    the stage, for somebody else.
    """
    with traces.stage(stage, held):
        following = STAGES[stage](held)
    if following in (None, stage) or held.may(following):
        return following
    held.left = following
    return None


def act(intent: UUID, *, tenant: UUID) -> None:
    """Do one approved intent."""
    perform(intent, tenant=tenant)


def act_on_run(run: UUID, *, tenant: UUID) -> None:
    """Do every approved intent of a run; each is claimed by itself."""
    for (intent,) in glance(tenant, _APPROVED, [tenant, run]):
        perform(intent, tenant=tenant)


def _approve(held: Held) -> Stage | None:
    """Every layer on the first proposal that nobody judged; each has a transaction of
    its own, as each takes budgets.
    """
    found = judging.next_of(held)
    is_last = found is None or not found.others
    if is_last:
        # Before the budget, as others wait for its rows from then on.
        runs.go_on(held, RunStatus.DONE, Stage.EXECUTE, Writes())
    else:
        runs.settle(held)
    if found is not None:
        intent, act = found.intent, at_once if judging.may_act(held) else None
        intent.dispatched_at = runs.sent_at(held, Stage.EXECUTE)
        approve(intent, act=act, rides=held.rides, answer=found.answer)
        if intent.dispatched_at is not None:
            held.approved.append(intent.id)
    return Stage.EXECUTE if is_last else Stage.APPROVE


def _execute(held: Held) -> Stage | None:
    for intent in held.approved:
        perform(intent, tenant=held.tenant)
    return None


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


STAGES: dict[Stage, Callable[[Held], Stage | None]] = {
    Stage.TRIGGER: admission.trigger,
    Stage.GATE: admission.gate,
    Stage.DECIDE: decide.decide,
    Stage.APPROVE: _approve,
    Stage.EXECUTE: _execute,
}
# What a stage looks at first, in the same breath as the claim.
LOOKS: dict[Stage, Look] = {
    Stage.TRIGGER: admission.look,
    Stage.GATE: admission.look,
    Stage.DECIDE: decide.look,
    Stage.APPROVE: judging.look,
}
# What goes on in the transaction of the stage before it.
WITH = {Stage.TRIGGER: Stage.GATE, Stage.DECIDE: Stage.APPROVE}
