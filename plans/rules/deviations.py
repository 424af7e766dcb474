"""R12: in what the acts of a plan differ from its contract."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from plans.rules.lifecycle import Status


class Code(StrEnum):
    """What differs; the last three are only noted, and break nothing."""

    ACT_OUTSIDE = "ACT_OUTSIDE"
    STEP_UNKNOWN = "STEP_UNKNOWN"
    PARAMETERS_DIFFER = "PARAMETERS_DIFFER"
    STARTED_OUTSIDE_WINDOW = "STARTED_OUTSIDE_WINDOW"
    PERSON_LEFT_OUT = "PERSON_LEFT_OUT"
    TOO_MANY_ACTS = "TOO_MANY_ACTS"
    TOO_MANY_TOUCHES = "TOO_MANY_TOUCHES"
    DUPLICATE_ACT = "DUPLICATE_ACT"
    DONE_WITHOUT_ACT = "DONE_WITHOUT_ACT"
    EDITED = "EDITED"
    UNDONE_LATER = "UNDONE_LATER"
    RETRIED = "RETRIED"


NOTES = frozenset({Code.EDITED, Code.UNDONE_LATER, Code.RETRIED})

# How far an act came, in the words of the ledger.
NOT_STARTED, EXECUTING, IN_DOUBT = "NOT_STARTED", "EXECUTING", "IN_DOUBT"
SUCCEEDED, FAILED, UNDONE = "SUCCEEDED", "FAILED", "UNDONE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act for a step, as the ledger tells it.

    `asked` and `began` are places in the ledger: what came before what is told by
    them, as processes have clocks of their own.
    """

    intent: str
    step_id: str
    step_try: int
    action_type: str
    external: bool
    parameters_digest: str
    proposed_at: datetime | None
    asked: int
    execution: str = ""
    started_at: datetime | None = None
    began: int | None = None
    ended_at: datetime | None = None
    status: str = NOT_STARTED
    # Policy let it run; else a person did.
    automatic: bool = False
    # The people who changed its parameters before it was approved.
    edited_by: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet how it ended."""
        return self.status in (EXECUTING, IN_DOUBT)

    @property
    def place(self) -> int:
        return self.asked if self.began is None else self.began


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One move of a plan; an approval also holds what was agreed on."""

    place: int
    at: datetime
    came_from: str
    to: str
    reason: str = ""
    explanation: str = ""
    objective_met: bool | None = None
    agreed: Mapping[str, Any] | None = None
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deviation:
    """One thing that was not as agreed, and which act it was."""

    code: Code
    detail: str
    intent: str = ""
    step_id: str = ""
    action_type: str = ""

    @property
    def breaks(self) -> bool:
        return self.code not in NOTES

    def stated(self) -> dict[str, str]:
        return {
            "code": self.code.value,
            "detail": self.detail,
            "intent": self.intent,
            "step_id": self.step_id,
            "action_type": self.action_type,
        }


def is_touch(act: Act) -> bool:
    """Whether somebody outside was reached, or may have been."""
    return act.external and act.status not in (NOT_STARTED, FAILED)


def deviations(
    acts: Sequence[Act],
    *,
    moves: Sequence[Move],
    retried: Sequence[str] = (),
    done: Collection[str] = (),
) -> list[Deviation]:
    """Everything that differs from what was agreed, act by act.

    Each act is held against the contract that was in force when it started. `retried`:
    the steps that people had tried again, each as often as they did; `done`: the steps
    that are said to be done.
    """
    found: list[Deviation] = []
    for act in acts:
        contract = in_force(moves, act.place)
        found += _alone(act, contract)
        if act.began is not None:
            found += _outside_window(act, act.began, contract, moves)
    found += _too_many_acts(acts, moves, retried)
    found += _too_many_touches(acts, moves)
    found += _twice(acts)
    found += _without_act(acts, done)
    found += [
        Deviation(code=Code.RETRIED, detail="A person had it tried again.", step_id=id_)
        for id_ in retried
    ]
    return found


def in_force(moves: Sequence[Move], place: int) -> Mapping[str, Any] | None:
    """What was agreed last before a place in the ledger."""
    agreed = [each.agreed for each in moves if each.agreed and each.place < place]
    return agreed[-1] if agreed else None


def _alone(act: Act, contract: Mapping[str, Any] | None) -> Iterator[Deviation]:
    """What an act shows by itself."""
    if contract is None:
        yield _of(act, Code.ACT_OUTSIDE, "Nothing had been agreed on yet.")
        return
    if act.action_type not in {each["action_type"] for each in contract["allowed"]}:
        said = f"The contract allows no act of the type {act.action_type}."
        yield _of(act, Code.ACT_OUTSIDE, said)
    step = _steps(contract).get(act.step_id)
    if step is None:
        yield _of(act, Code.STEP_UNKNOWN, "The contract knows no such step.")
    else:
        yield from _of_step(act, step)
    if act.edited_by:
        said = f"Changed before approval by {', '.join(act.edited_by)}."
        yield _of(act, Code.EDITED, said)
    if act.status == UNDONE:
        yield _of(act, Code.UNDONE_LATER, "It was done, and taken back.")


def _of_step(act: Act, step: Mapping[str, Any]) -> Iterator[Deviation]:
    """In what an act differs from the step that it is for."""
    if act.action_type != step["action_type"]:
        said = f"Its step promised an act of the type {step['action_type']}."
        yield _of(act, Code.ACT_OUTSIDE, said)
    elif act.parameters_digest != step["parameters_digest"]:
        said = "It was proposed with other parameters than were agreed on."
        yield _of(act, Code.PARAMETERS_DIFFER, said)
    if step["human_touch"] and act.began is not None and act.automatic:
        said = "A person was to decide on it, and policy did."
        yield _of(act, Code.PERSON_LEFT_OUT, said)


def _outside_window(
    act: Act, began: int, contract: Mapping[str, Any] | None, moves: Sequence[Move]
) -> Iterator[Deviation]:
    """An act may start while its plan is ACTIVE, and before its deadline."""
    before = [each.to for each in moves if each.place < began]
    status = before[-1] if before else Status.DRAFT.value
    if status != Status.ACTIVE:
        said = f"It started while the plan was {status}."
        yield _of(act, Code.STARTED_OUTSIDE_WINDOW, said)
    elif contract and act.started_at and act.started_at >= _deadline(contract):
        said = "It started after the deadline."
        yield _of(act, Code.STARTED_OUTSIDE_WINDOW, said)


def _too_many_acts(
    acts: Sequence[Act], moves: Sequence[Move], retried: Sequence[str]
) -> Iterator[Deviation]:
    """Each start counts, under the contract that it started under."""
    counted: Counter[tuple[int, str]] = Counter()
    for act in _started(acts):
        contract = in_force(moves, act.place)
        if contract is None:
            continue
        counted[contract["revision"], act.action_type] += 1
        most = _at_most(contract, act.action_type, retried)
        if 0 < most < counted[contract["revision"], act.action_type]:
            said = f"At most {most} of the type {act.action_type} were agreed on."
            yield _of(act, Code.TOO_MANY_ACTS, said)


def _at_most(contract: Mapping[str, Any], key: str, retried: Sequence[str]) -> int:
    """How many acts of a type; a step that a person had tried again has its tries anew."""
    agreed = sum(
        each["at_most"] for each in contract["allowed"] if each["action_type"] == key
    )
    steps = _steps(contract)
    anew = [steps[id_] for id_ in retried if id_ in steps]
    more = [each["max_failures"] for each in anew if each["action_type"] == key]
    return int(agreed + sum(more))


def _too_many_touches(
    acts: Sequence[Act], moves: Sequence[Move]
) -> Iterator[Deviation]:
    """Whoever was reached under an earlier contract was reached all the same."""
    count = 0
    for act in _started(acts):
        if not is_touch(act):
            continue
        count += 1
        contract = in_force(moves, act.place)
        if contract and count > contract["max_external_touches"]:
            most = contract["max_external_touches"]
            said = f"Somebody outside was reached {count} times; {most} were agreed on."
            yield _of(act, Code.TOO_MANY_TOUCHES, said)


def _twice(acts: Sequence[Act]) -> Iterator[Deviation]:
    """What was done for a step is done once."""
    seen: dict[str, str] = {}
    for act in _started(acts):
        if act.status != SUCCEEDED:
            continue
        if act.step_id in seen:
            said = f"Its step had been done already, by {seen[act.step_id]}."
            yield _of(act, Code.DUPLICATE_ACT, said)
        seen.setdefault(act.step_id, act.intent)


def _without_act(acts: Sequence[Act], done: Collection[str]) -> Iterator[Deviation]:
    """A step that is said to be done has an act that did it."""
    did = {act.step_id for act in acts if act.status in (SUCCEEDED, UNDONE)}
    for step_id in done:
        if step_id not in did:
            yield Deviation(
                code=Code.DONE_WITHOUT_ACT,
                detail="It is said to be done, and no act did it.",
                step_id=step_id,
            )


def _started(acts: Sequence[Act]) -> list[Act]:
    """Acts that started, in the order in which they did."""
    return sorted((act for act in acts if act.began is not None), key=_place)


def _place(act: Act) -> int:
    return act.place


def _steps(contract: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each["step_id"]: each for each in contract["steps"]}


def _deadline(contract: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(contract["expires_at"])


def _of(act: Act, code: Code, detail: str) -> Deviation:
    return Deviation(
        code=code,
        detail=detail,
        intent=act.intent or act.execution,
        step_id=act.step_id,
        action_type=act.action_type,
    )
