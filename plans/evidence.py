"""What the ledger alone tells of a plan: its moves, its steps, its acts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from plans.rules.contract import StepEnd
from plans.rules.deviations import (
    EXECUTING,
    FAILED,
    IN_DOUBT,
    NOT_STARTED,
    SUCCEEDED,
    UNDONE,
    Act,
    Move,
)
from plans.rules.lifecycle import StepStatus

WAIVED = "WAIVED"
# What is read of a contract, and of a step as it was drafted.
CONTRACT = frozenset(
    {
        "revision",
        "objective",
        "allowed",
        "max_external_touches",
        "steps",
        "owner",
        "expires_at",
    }
)
STEP = frozenset({"step_id", "action_type", "required"})
_ENDS: Mapping[str, str] = {
    Kind.EXECUTION_SUCCEEDED.value: SUCCEEDED,
    Kind.EXECUTION_FAILED.value: FAILED,
    Kind.EXECUTION_DOUBTED.value: IN_DOUBT,
    Kind.EXECUTION_UNDONE.value: UNDONE,
}
_DIGESTS: Mapping[str, str] = {
    Kind.INTENT_PROPOSED.value: "parameters_digest",
    Kind.APPROVAL_EDITED.value: "after_digest",
}
_SETTLED = Kind.EXECUTION_SETTLED.value


@dataclass(frozen=True, kw_only=True)
class Story:
    """The entries of one plan and of its acts, oldest first."""

    plan: UUID
    entries: tuple[Entry, ...]
    moves: tuple[Move, ...] = field(init=False)
    acts: tuple[Act, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moves", tuple(map(_move, self._of(Kind.PLAN_MOVED))))
        object.__setattr__(self, "acts", tuple(_acts(self.entries)))

    def until(self, place: int) -> "Story":
        """The story as it was before a place in the ledger."""
        told = tuple(each for each in self.entries if each.number < place)
        return Story(plan=self.plan, entries=told)

    @property
    def approvals(self) -> list[Move]:
        return [each for each in self.moves if each.agreed is not None]

    @property
    def contract(self) -> Mapping[str, Any] | None:
        """What was agreed on last."""
        agreed = [each.agreed for each in self.approvals]
        return agreed[-1] if agreed else None

    @property
    def closings(self) -> list[Entry]:
        return self._of(Kind.PLAN_CLOSED)

    @property
    def drafted(self) -> Entry | None:
        """The newest draft that lists its steps."""
        kinds = (Kind.PLAN_PROPOSED, Kind.PLAN_EDITED)
        found = [each for each in self._of(*kinds) if "steps" in each.data]
        return found[-1] if found else None

    @property
    def drafted_steps(self) -> list[Mapping[str, Any]]:
        """The steps of the newest draft, in their order."""
        steps = self.drafted.data["steps"] if self.drafted else []
        return [step for step in steps if _whole(step, STEP)]

    @property
    def retried(self) -> list[str]:
        """The steps that people had tried again, each as often as they did."""
        return [
            str(each.subjects.get("step", ""))
            for each in self._of(Kind.STEP_MOVED)
            if each.data.get("from") == StepStatus.FAILED
            and each.data.get("to") == StepStatus.PENDING
            and each.actor.get("type") == "person"
        ]

    @property
    def step_statuses(self) -> dict[str, str]:
        """The status of each step that ever moved."""
        return {
            str(each.subjects.get("step", "")): str(each.data.get("to", ""))
            for each in self._of(Kind.STEP_MOVED)
        }

    @property
    def digests(self) -> dict[str, str]:
        """The parameters of each act, as they were proposed or last edited."""
        found: dict[str, str] = {}
        for each in self.entries:
            name = _DIGESTS.get(each.kind)
            if name and "intent" in each.subjects:
                found[each.subjects["intent"]] = str(each.data.get(name, ""))
            found |= _erased(each, "acts")
        return found

    def erased(self, what: str, *, since: Entry | Move | None) -> dict[str, str]:
        """What rows hold, by digest, since somebody was erased after that was stated."""
        found: dict[str, str] = {}
        for each in self._of(Kind.PLAN_EDITED):
            if since is not None and each.number > _place(since):
                found |= _erased(each, what)
        return found

    def step_ends(self) -> list[StepEnd]:
        """How far each step of the newest draft has come, in its order."""
        moved: dict[str, list[Entry]] = {}
        for each in self._of(Kind.STEP_MOVED):
            moved.setdefault(str(each.subjects.get("step", "")), []).append(each)
        return [
            _step_end(step, moved.get(step["step_id"], []))
            for step in self.drafted_steps
        ]

    def _of(self, *kinds: Kind) -> list[Entry]:
        """Entries about this plan itself, of some kinds."""
        wanted = {kind.value for kind in kinds}
        return [e for e in self.entries if e.kind in wanted and e.plan_id == self.plan]


def story_of(plan: UUID, intents: Iterable[UUID] = ()) -> Story:
    """All that the ledger of the tenant in scope holds about a plan.

    `intents`: those that rows name as acts of the plan, whether the ledger does or not.
    """
    here = Entry.objects.filter(tenant_id=current_tenant())
    named = here.filter(plan_id=plan, intent_id__isnull=False)
    known = {*named.values_list("intent_id", flat=True).distinct(), *intents}
    about = here.filter(Q(plan_id=plan) | Q(intent_id__in=known))
    return Story(plan=plan, entries=tuple(about.order_by("number")))


def _place(stated: Entry | Move) -> int:
    return stated.place if isinstance(stated, Move) else stated.number


def _erased(entry: Entry, what: str) -> dict[str, str]:
    found = (entry.data.get("erased") or {}).get(what) or {}
    return {str(name): str(said) for name, said in found.items()}


def _move(entry: Entry) -> Move:
    data = entry.data
    return Move(
        place=entry.number,
        at=entry.at,
        came_from=str(data.get("from", "")),
        to=str(data.get("to", "")),
        reason=str(data.get("reason", "")),
        explanation=str(data.get("explanation", "")),
        objective_met=data.get("objective_met"),
        agreed=_whole(data.get("agreed"), CONTRACT),
        digest=str(data.get("contract", "")),
    )


def _whole(
    said: Mapping[str, Any] | None, names: Collection[str]
) -> Mapping[str, Any] | None:
    """What was stated, if it says all that it has to."""
    is_whole = isinstance(said, dict) and said.keys() >= set(names)
    return said if is_whole else None


def _step_end(step: Mapping[str, Any], moved: Sequence[Entry]) -> StepEnd:
    last = moved[-1].data if moved else {"to": StepStatus.PENDING.value}
    by = [e.actor["id"] for e in moved if e.data.get("reason") == WAIVED]
    return StepEnd(
        step_id=step["step_id"],
        action_type=step["action_type"],
        required=step["required"],
        status=last["to"],
        reason=last.get("reason", ""),
        explanation=last.get("explanation", ""),
        waived_by=by[-1] if by else "",
    )


def _acts(entries: Sequence[Entry]) -> list[Act]:
    """Each execution is an act; a proposal that never started is one too."""
    told: dict[str, list[Entry]] = {}
    for entry in entries:
        noun = entry.subjects.get("intent") or entry.subjects.get("execution")
        if noun and entry.kind not in _NO_ACTS:
            told.setdefault(noun, []).append(entry)
    tries: Counter[str] = Counter()
    acts: list[Act] = []
    for about in told.values():
        step_id = _subject(about, "step")
        tries[step_id] += 1
        acts += _acts_of(about, step_id, tries[step_id])
    return acts


# They name an intent, and are the plan's own words.
_NO_ACTS = frozenset({Kind.STEP_MOVED.value, Kind.PLAN_MOVED.value})


def _acts_of(about: Sequence[Entry], step_id: str, number: int) -> list[Act]:
    """The acts of one intent, from the entries about it."""
    asked = _first(about, Kind.INTENT_PROPOSED)
    said = asked.data if asked else {}
    shared = {
        "intent": _subject(about, "intent"),
        "step_id": step_id,
        "step_try": number,
        "action_type": said.get("action_type", ""),
        "external": _reaches_out(about),
        "parameters_digest": said.get("parameters_digest", ""),
        "proposed_at": asked.at if asked else None,
        "asked": (asked or about[0]).number,
        "edited_by": _edited_by(about),
    }
    started = [e for e in about if e.kind == Kind.EXECUTION_STARTED]
    if not started:
        return [Act(**shared, status=NOT_STARTED)]
    return [Act(**shared, **_execution(each, about)) for each in started]


def _execution(started: Entry, about: Sequence[Entry]) -> dict[str, Any]:
    """How one execution began, and how it ended as far as is known."""
    id_ = started.subjects.get("execution", "")
    status, ended_at = EXECUTING, None
    for each in about:
        if each.subjects.get("execution") == id_ and each.number > started.number:
            status, ended_at = _after(each, status, ended_at)
    return {
        "execution": id_,
        "began": started.number,
        "started_at": started.at,
        "status": status,
        "ended_at": ended_at,
        "automatic": bool(started.data.get("auto_executed", False)),
    }


def _after(
    entry: Entry, status: str, ended_at: datetime | None
) -> tuple[str, datetime | None]:
    if entry.kind == _SETTLED:
        # One that a replay took over was not done, by all that is known.
        return (SUCCEEDED if entry.data.get("done") else FAILED), entry.at
    if entry.kind not in _ENDS:
        return status, ended_at
    found = _ENDS[entry.kind]
    return found, (None if found == IN_DOUBT else entry.at)


def _reaches_out(about: Sequence[Entry]) -> bool:
    """What its facts say; what was never judged, or is not registered, may do anything."""
    judged = [e.data["facts"] for e in about if e.kind == Kind.INTENT_JUDGED]
    traits = judged[0].get("traits") if judged else None
    return traits is None or bool(traits["external_contact"])


def _edited_by(about: Sequence[Entry]) -> tuple[str, ...]:
    edits = [e.actor["id"] for e in about if e.kind == Kind.APPROVAL_EDITED]
    return tuple(dict.fromkeys(edits))


def _first(about: Collection[Entry], kind: Kind) -> Entry | None:
    return next((e for e in about if e.kind == kind), None)


def _subject(about: Collection[Entry], noun: str) -> str:
    named = (e.subjects[noun] for e in about if noun in e.subjects)
    return str(next(named, ""))
