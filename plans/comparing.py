"""Where the story of a plan does not fit: in itself, or with the rows of today."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Q

from autonomy.models import Execution, Intent
from autonomy.permits import digest
from ledger.scope import current_tenant
from plans.evidence import Story
from plans.models import Plan, Step
from plans.rules.contract import breaking, differences
from plans.rules.deviations import EXECUTING, Act, deviations
from plans.rules.lifecycle import MOVES, SUCCEEDED, TERMINAL, Status, StepStatus

_STATUS: Mapping[str, str] = {Execution.Status.STARTED.value: EXECUTING}
_LEGAL = {(str(now), str(to)) for now, onward in MOVES.items() for to in onward}


class Code(StrEnum):
    """What does not fit; deviations of acts have codes of their own."""

    NO_SUCH_PLAN = "NO_SUCH_PLAN"
    CONTRACT_CHANGED = "CONTRACT_CHANGED"
    MOVES_BROKEN = "MOVES_BROKEN"
    NO_STATEMENT = "NO_STATEMENT"
    STATEMENT_CHANGED = "STATEMENT_CHANGED"
    ROW_WITHOUT_ENTRY = "ROW_WITHOUT_ENTRY"
    ENTRY_WITHOUT_ROW = "ENTRY_WITHOUT_ROW"
    ROW_DIFFERS = "ROW_DIFFERS"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that does not fit, and which act or step it is about."""

    code: str
    detail: str
    # The intent or execution, the step, or nothing: the plan as a whole.
    about: str = ""

    def stated(self) -> dict[str, str]:
        return {"code": self.code, "detail": self.detail, "about": self.about}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A plan as its tables have it now."""

    plan: Plan | None
    steps: tuple[Step, ...]
    intents: tuple[Intent, ...]
    executions: tuple[Execution, ...]


def rows_of(plan_id: UUID) -> Rows:
    """The rows of a plan and of its acts, of the tenant in scope."""
    here = {"tenant_id": current_tenant()}
    intents = tuple(Intent.objects.filter(**here, plan_id=plan_id).order_by("id"))
    named = Q(intent_id__in=[each.pk for each in intents])
    return Rows(
        plan=Plan.objects.filter(**here, pk=plan_id).first(),
        steps=tuple(Step.objects.filter(**here, plan_id=plan_id).order_by("place")),
        intents=intents,
        executions=tuple(Execution.objects.filter(named, **here).order_by("id")),
    )


def in_itself(story: Story, told: Mapping[str, Any]) -> list[Problem]:
    """What the ledger's own entries contradict, or show to be outside the contract."""
    return [
        *_approvals(story),
        *_moves(story),
        *_acts(story),
        *_closing(story, told),
    ]


def with_rows(story: Story, rows: Rows) -> list[Problem]:
    """Rows without entries, entries without rows, and rows that say something else."""
    if rows.plan is None:
        return [Problem(code=Code.NO_SUCH_PLAN, detail="There is no row of this plan.")]
    return [
        *_plan_row(story, rows.plan),
        *_step_rows(story, rows),
        *_intent_rows(story, rows),
        *_execution_rows(story, rows),
    ]


def _approvals(story: Story) -> Iterator[Problem]:
    """Every approval states what was agreed on, and the digest of exactly that."""
    for each in story.moves:
        if each.to != Status.APPROVED:
            continue
        if each.agreed is None or digest(each.agreed) != each.digest:
            said = "An approval states another contract than its digest names."
            yield Problem(code=Code.CONTRACT_CHANGED, detail=said)


def _moves(story: Story) -> Iterator[Problem]:
    """Each move goes on from where the plan was, to where it may go."""
    now = Status.DRAFT.value
    for each in story.moves:
        if each.came_from != now or (each.came_from, each.to) not in _LEGAL:
            said = f"It went from {each.came_from} to {each.to} when it was {now}."
            yield Problem(code=Code.MOVES_BROKEN, detail=said)
        now = each.to
    if story.drafted is None:
        said = "The ledger does not know that it was drafted."
        yield Problem(code=Code.ROW_WITHOUT_ENTRY, detail=said)


def _acts(story: Story) -> Iterator[Problem]:
    """Every act lies within the contract, those after the end included."""
    done = [id_ for id_, status in story.step_statuses.items() if status in SUCCEEDED]
    found = deviations(story.acts, moves=story.moves, retried=story.retried, done=done)
    for each in breaking(found):
        kind = f" ({each.action_type})" if each.action_type else ""
        yield Problem(
            code=each.code.value,
            detail=f"{each.detail}{kind}",
            about=each.intent or each.step_id,
        )
    for act in story.acts:
        if act.proposed_at is None:
            said = "The ledger does not know that it was proposed."
            yield Problem(
                code=Code.ROW_WITHOUT_ENTRY,
                detail=said,
                about=act.intent or act.execution,
            )


def _closing(story: Story, told: Mapping[str, Any]) -> Iterator[Problem]:
    """What ended has one statement, and it says what the entries before it say."""
    has_ended = bool(story.moves) and story.moves[-1].to in TERMINAL
    wanted = int(has_ended and story.contract is not None)
    if len(story.closings) != wanted:
        said = (
            f"The ledger holds {len(story.closings)} statements; {wanted} belong there."
        )
        yield Problem(code=Code.NO_STATEMENT, detail=said)
    for entry in story.closings[:1]:
        names = differences(entry.data.get("statement") or {}, told)
        if names:
            said = f"The ledger tells it differently: {', '.join(names)}."
            yield Problem(code=Code.STATEMENT_CHANGED, detail=said)


def _plan_row(story: Story, plan: Plan) -> Iterator[Problem]:
    """Its status, contract and statement are those that were stated."""
    last = story.moves[-1].to if story.moves else Status.DRAFT.value
    if plan.status != last:
        yield _differs(f"Its row is {plan.status}; the ledger knows it as {last}.")
    approval = story.approvals[-1] if story.approvals else None
    sealed = approval.digest if approval else ""
    kept = digest(plan.contract) if plan.contract is not None else ""
    since = story.erased("rows", since=approval).get("contract", sealed)
    if (kept, plan.contract_digest) != (since, sealed):
        said = "Its row holds another contract than was agreed on."
        yield Problem(code=Code.CONTRACT_CHANGED, detail=said)
    if not _is_stated(story, plan.closing):
        said = "Its row holds another statement than was stated."
        yield Problem(code=Code.STATEMENT_CHANGED, detail=said)


def _is_stated(story: Story, closing: Mapping[str, Any] | None) -> bool:
    """Whether a row's statement is the one that was stated, erased words apart."""
    if not story.closings:
        return closing is None
    entry = story.closings[0]
    since = story.erased("rows", since=entry).get("closing")
    if since is not None:
        return closing is not None and digest(closing) == since
    return bool(closing == entry.data.get("statement"))


def _step_rows(story: Story, rows: Rows) -> Iterator[Problem]:
    """Each step stands as the ledger last knew it, and asks for what was drafted."""
    asked = {
        each["step_id"]: each.get("parameters_digest") for each in story.drafted_steps
    }
    since = story.erased("steps", since=story.drafted)
    asked |= {id_: said for id_, said in since.items() if id_ in asked}
    statuses = story.step_statuses
    for step in rows.steps:
        id_ = str(step.step_id)
        last = statuses.get(id_, StepStatus.PENDING.value)
        if step.status != last:
            said = f"The step's row is {step.status}; the ledger knows it as {last}."
            yield _differs(said, id_)
        if id_ not in asked:
            said = "The ledger knows no such step."
            yield Problem(code=Code.ROW_WITHOUT_ENTRY, detail=said, about=id_)
        elif asked[id_] not in (None, digest(step.parameters)):
            yield _differs(
                "The step's parameters are not those that were drafted.", id_
            )
    there = {str(step.step_id) for step in rows.steps}
    for id_ in asked:
        if id_ not in there:
            said = "The step that was drafted has no row."
            yield Problem(code=Code.ENTRY_WITHOUT_ROW, detail=said, about=id_)


def _intent_rows(story: Story, rows: Rows) -> Iterator[Problem]:
    """Each act has its row and its entry, and they speak of the same."""
    told = {act.intent: act for act in story.acts if act.intent}
    there = {str(intent.pk): intent for intent in rows.intents}
    for id_, intent in there.items():
        act = told.get(id_)
        if act is None:
            said = f"An act ({intent.action_type}) that the ledger does not know."
            yield Problem(code=Code.ROW_WITHOUT_ENTRY, detail=said, about=id_)
        elif not _is_same(intent, act, story.digests.get(id_, "")):
            yield _differs("The act's row is not what was proposed.", id_)
    for id_, act in told.items():
        if id_ not in there:
            said = f"An act ({act.action_type}) of which there is no row."
            yield Problem(code=Code.ENTRY_WITHOUT_ROW, detail=said, about=id_)


def _is_same(intent: Intent, act: Act, last_digest: str) -> bool:
    named = (str(intent.step_id), intent.action_type, digest(intent.parameters))
    return named == (act.step_id, act.action_type, last_digest)


def _execution_rows(story: Story, rows: Rows) -> Iterator[Problem]:
    """What was done has its row and its entry, and they agree on how it ended."""
    told = {act.execution: act for act in story.acts if act.execution}
    there = {str(row.pk): row for row in rows.executions}
    for id_, row in there.items():
        status = _STATUS.get(str(row.status), str(row.status))
        if id_ not in told:
            said = f"An execution ({row.action_type}) that the ledger does not know."
            yield Problem(code=Code.ROW_WITHOUT_ENTRY, detail=said, about=id_)
        elif told[id_].status != status:
            said = f"The execution's row is {status}; the ledger: {told[id_].status}."
            yield _differs(said, id_)
    for id_, act in told.items():
        if id_ not in there:
            said = f"An execution ({act.action_type}) of which there is no row."
            yield Problem(code=Code.ENTRY_WITHOUT_ROW, detail=said, about=id_)


def _differs(detail: str, about: str = "") -> Problem:
    return Problem(code=Code.ROW_DIFFERS, detail=detail, about=about)
