"""DECIDE: a frozen context in, at most three proposals out, whoever writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F
from uuid_utils.compat import uuid7

from autonomy import ranking, registry, runs
from autonomy.context import asked_of, frozen_context
from autonomy.drafts import RULES, Said, Settled, keep
from autonomy.errors import NotAdmitted, WrongParameters
from autonomy.models import DecisionUse, Run
from autonomy.propose import check_parameters
from autonomy.ranking import PLAIN, STANDING, Standing
from autonomy.reading import KNOWN
from autonomy.rows import Writes
from autonomy.rules.actions import ActionType, Tier, normalise
from autonomy.rules.proposals import Draft, Refused, Sorted, sort_out
from autonomy.rules.runs import GateResult, RunStatus, Stage
from autonomy.runs import CLAIMED, Claiming, Held
from autonomy.synthesizers.base import Answer, Asked, NoAnswer, Synthesizer, choose
from autonomy.synthesizers.rules import Rules
from ledger import spans
from ledger.clock import clock
from ledger.errors import Unstatable
from ledger.rules.canonical import check
from ledger.scope import current_tenant, tenant_scope
from perception import tenants

MOST_BYTES, MOST_DEPTH = 32 * 1024, 8
ASKED_BEFORE = "it was asked before, and is not charged for twice"
RULED = Rules()

_HELD = "t.tenant_id = %s AND t.id = %s AND t.fence = %s FOR NO KEY UPDATE OF t"
_ALSO = (CLAIMED, STANDING, registry.ROWS, KNOWN)
# At most one charged call for each admitted run, ever: the index says so.
_CALL = """
INSERT INTO autonomy_synthesizercall
    (id, tenant_id, run_id, synthesizer, gate_result, charged, called_at, tokens, cost,
     refused, finished_at)
VALUES (%s, %s, %s, %s, %s, %s, statement_timestamp(), 0, 0, '',
        CASE WHEN %s THEN statement_timestamp() END)
ON CONFLICT DO NOTHING
"""
_CALLED = """
UPDATE autonomy_synthesizercall
SET finished_at = statement_timestamp(), tokens = %s, cost = %s, refused = %s
WHERE tenant_id = %s AND id = %s
"""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """What is asked, and the row that says so until it is answered; no row where it may
    not be asked again, or has answered already: `writes` is that row then, still to be
    sent, and the run is locked.
    """

    asked: Asked
    call: UUID | None
    # The tenant's types as they were asked about.
    types: Sequence[ActionType]
    # What ranks, as it stood then.
    standing: Standing
    writes: Writes | None = None


def is_ruled() -> bool:
    """Whether the rules of the house are asked: in this process, and at once."""
    return choose().name == RULES


def decide(held: Held) -> Stage | None:
    """Ask between two transactions: recorded before it is asked, kept once it is
    answered; rules in the one at hand. What nobody answers, or who held it lost, is left
    as it is.
    """
    chosen = choose()
    if chosen.name == RULES:
        begun = _begin(held, chosen)
        return _finish(held, begun, _said(begun, chosen)) if begun else None
    with tenant_scope(held.tenant):
        begun = _begin(held, chosen)
    if begun is None:
        return None
    if begun.call is None:
        said = fall_back(begun.asked, f"{chosen.name}: {ASKED_BEFORE}")
    else:
        said = _said(begun, chosen)
    with tenant_scope(held.tenant):
        return _finish(held, begun, said)


def _said(begun: Begun, chosen: Synthesizer) -> Said:
    return ask(begun.asked, chosen, timeout=settings.TOOL_TIMEOUT_SECONDS)


def question(
    run_id: UUID,
    context: Mapping[str, Any],
    *,
    tenant: UUID,
    types: Sequence[ActionType] | None = None,
) -> Asked:
    """What is asked about a frozen context, of the tenant in scope. Hard stops are not
    offered: nobody may do them.
    """
    known = registry.all_types() if types is None else types
    offered = [each for each in known if each.traits.tier != Tier.HARD_STOP]
    return Asked(
        run_id=run_id,
        tenant=tenant,
        account=UUID(context["account"]["id"]),
        context=context,
        evidence=context["signals"],
        allowed_action_types=[each.key for each in offered],
        schemas={each.key: dict(each.schema) for each in offered},
    )


def ask(asked: Asked, chosen: Synthesizer, *, timeout: float) -> Said:
    """Ask the chosen one; where it has no answer, the rules of the house have one.

    No transaction is open meanwhile, as this may take its time.
    """
    try:
        with spans.span("ask", synthesizer=chosen.name, run=asked.run_id):
            answer = chosen.propose(asked, timeout=timeout)
            spans.note(count=len(answer.drafts), tokens=answer.tokens)
    except NoAnswer as none:
        return fall_back(
            asked,
            f"{chosen.name}: {none.reason}"[:300],
            none.taken,
        )
    return Said(answer, chosen.name, "")


def fall_back(asked: Asked, why: str, tried: Answer | None = None) -> Said:
    """What the rules say instead; what the failed attempt took stays counted."""
    answer = RULED.propose(asked, timeout=0)
    if tried is not None:
        answer = replace(tried, drafts=answer.drafts, refused=(), note="")
    return Said(answer, RULES, why)


def settle(
    asked: Asked,
    said: Said,
    types: Sequence[ActionType] | None = None,
    standing: Standing = PLAIN,
) -> Settled:
    """Hold an answer against registry, schemas and evidence, and put what holds in its
    order. Where nothing of it holds, the rules take over; what was refused stays on the
    list.
    """
    known = {
        each.key: each for each in (registry.all_types() if types is None else types)
    }
    found = _sorted(asked, said, known)
    if found.refused and not found.kept and said.synthesizer != RULES:
        instead = fall_back(
            asked, f"{said.synthesizer}: nothing of its answer holds", said.answer
        )
        ruled = _sorted(asked, instead, known)
        found = Sorted(kept=ruled.kept, refused=(*found.refused, *ruled.refused))
        said = instead
    ranked = ranking.rank(found.kept, asked.context, standing, run=asked.run_id)
    return Settled(
        asked=asked, said=said, ranked=ranked, refused=found.refused, types=known
    )


def _sorted(asked: Asked, said: Said, types: Mapping[str, ActionType]) -> Sorted:
    """What holds by its form, and then by its type's schema."""
    formed = [_schema_fault(each, types) or each for each in said.answer.drafts]
    shown = frozenset(each["id"] for each in asked.evidence)
    found = sort_out(
        [each for each in formed if isinstance(each, Draft)],
        known=types.keys(),
        shown=shown,
        is_model=said.is_by_model,
    )
    unfit = [each for each in formed if isinstance(each, Refused)]
    return replace(found, refused=(*said.answer.refused, *unfit, *found.refused))


def _schema_fault(draft: Draft, types: Mapping[str, ActionType]) -> Refused | None:
    key = normalise(draft.action_type)
    action = types.get(key)
    if action is None:
        return None
    try:
        check(dict(draft.parameters), max_bytes=MOST_BYTES, max_depth=MOST_DEPTH)
        check_parameters(action, draft.parameters)
    except (WrongParameters, Unstatable):
        said = "the parameters do not fit the type's schema"
        return Refused(code="BAD_PARAMETERS", action_type=key, detail=said)
    return None


def look(of: Held | Claiming, writes: Writes) -> tuple[str, Any] | None:
    """The run itself, that nobody takes it meanwhile, with what is known beside it."""
    known = asked_of(of.account, of.signal, now=of.at)
    named = [*known, of.tenant, of.id, of.fence]
    for run in writes.find(Run, _HELD, named, beside=("account",), also=_ALSO):
        return run.claimed, run
    return None


def _begin(held: Held, chosen: Synthesizer) -> Begun | None:
    """Freeze what is known, and record that somebody is asked. A run that was begun
    before sees the same bytes again.
    """
    at_once, run = chosen.name == RULES, runs.look_at(held, look)
    if run is None:
        return None
    if run.gate_result != GateResult.ALLOW:
        raise NotAdmitted
    standing = ranking.read(run.ranking)
    context = run.context or {}
    if "signals" not in context:
        context = frozen_context(
            run.account,
            held.signal,
            now=held.at,
            trigger=held.trigger,
            more=context,
            known=run.known,
        )
    if not at_once:
        # Asking takes its time: what is asked about is kept before, and the lease begins
        # anew. The rules answer at once.
        until = clock() + timedelta(seconds=settings.LEASE_SECONDS)
        if not runs.keep(held, context=context, lease_until=until):
            return None
    types = registry.types_of(run.action_rows)
    asked = question(held.id, context, tenant=held.tenant, types=types)
    call, writes = uuid7(), Writes()
    allowed = GateResult.ALLOW.value
    named = [call, held.tenant, held.id]
    writes.add(_CALL, [*named, chosen.name, allowed, chosen.charged, at_once])
    begun = Begun(asked=asked, call=None, types=types, standing=standing)
    if at_once:
        # Nobody is charged for them: their call is kept with what they answer.
        return replace(begun, writes=writes)
    return replace(begun, call=call if writes.send() else None)


def _finish(held: Held, begun: Begun, answered: Said) -> Stage | None:
    """Count what it took, whatever came of it; keep what holds, if the run is still ours."""
    writes = begun.writes or Writes()
    if begun.call is not None:
        answer = answered.answer
        taken = (answer.tokens, answer.cost, answered.fallback[:300])
        writes.add(_CALLED, (*taken, held.tenant, begun.call))
        if answer.tokens or answer.cost:
            count(answer, now=held.at)
    settled = settle(begun.asked, answered, begun.types, begun.standing)
    status, stage = RunStatus.DECIDED, Stage.APPROVE
    said: dict[str, Any] = {
        "decided": settled.stated(),
        "context": begun.asked.context,
    }
    if begun.writes is not None:
        runs.go_on(held, status, stage, writes, **said)
    elif not runs.move(held, status, stage, after=writes, **said):
        return None
    proposed = keep(held, settled, now=held.at)
    if begun.writes is not None:
        held.proposed = proposed
    return Stage.APPROVE


def count(answer: Answer, *, now: datetime) -> None:
    """Tokens and money of the day of the tenant in scope."""
    tenant, day = current_tenant(), tenants.today(now=now)
    DecisionUse.objects.get_or_create(tenant_id=tenant, key=tenant, day=day)
    rows = DecisionUse.objects.filter(tenant_id=tenant, key=tenant, day=day)
    rows.update(tokens=F("tokens") + answer.tokens, cost=F("cost") + answer.cost)
