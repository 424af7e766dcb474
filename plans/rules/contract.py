"""R12: a plan is a contract: what is agreed at approval, and what is stated at the end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plans.rules.deviations import Act, Deviation, Move, deviations, is_touch
from plans.rules.facts import PlanFacts, StepFacts
from plans.rules.lifecycle import OPEN, SUCCEEDED, StepStatus

if TYPE_CHECKING:
    from plans.types.base import PlanType

TOUCHES = "max_external_touches"
# What a closing statement quotes of an explanation, and how much goes into one entry.
LONGEST = 200
MOST = 50

# When a plan stops, and in which words everybody was told so beforehand.
STOPS: Mapping[str, str] = {
    "OBJECTIVE_MET": "It is completed as soon as its objective holds.",
    "ALL_STEPS_DONE": "It is completed when all required steps are done or waived.",
    "EXPIRY": "It expires at its deadline, whether it is paused or not.",
    "ABORTED": "Its owner, an approver or an admin may abort it at any time.",
    "ACCOUNT_CLOSED": "It is aborted when its account is closed.",
    "OWNERSHIP_CHANGED": (
        "It is paused when its account gets another owner, and aborted if that one "
        "does not accept it within 14 days."
    ),
    "KILL_SWITCH": "Nothing of it starts while a kill switch covers it.",
    "STEP_FAILED": "It is paused when a required step has failed for good.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEnd:
    """How far a step had come when its plan was looked at for the last time."""

    step_id: str
    action_type: str
    required: bool
    status: str
    reason: str = ""
    explanation: str = ""
    # The member who did without it.
    waived_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a plan stands, or ended."""

    status: str
    reason: str
    explanation: str
    objective_met: bool | None
    at: datetime


def agree(
    plan: PlanFacts,
    type_: "PlanType",
    *,
    objective: str,
    owner: str | None,
    digest: Callable[[Any], str],
) -> dict[str, Any]:
    """What an approval agrees to, as plain data. The same plan always gives the same."""
    return {
        "plan": plan.plan,
        "plan_type": plan.plan_type,
        "revision": plan.revision,
        "account": plan.account,
        "objective": {"text": objective, "condition": type_.condition},
        "allowed": _allowed(plan.steps),
        TOUCHES: _touches(plan, type_),
        "stop_conditions": [
            {"code": code, "text": text} for code, text in STOPS.items()
        ],
        "steps": [_promised(step, digest) for step in _in_order(plan.steps)],
        "constraints": dict(plan.constraints),
        "owner": owner,
        "expires_at": moment(plan.expires_at),
    }


def statement(
    plan: str,
    contract: Mapping[str, Any] | None,
    steps: Sequence[StepEnd],
    acts: Sequence[Act],
    *,
    ended: Ended,
    moves: Sequence[Move],
    retried: Sequence[str] = (),
) -> dict[str, Any]:
    """What was promised, and what became of it. A contract that is None: never approved."""
    done = [step for step in steps if step.status in SUCCEEDED]
    found = deviations(
        acts,
        moves=moves,
        retried=retried,
        done=[step.step_id for step in done],
    )
    touches = sum(is_touch(act) for act in acts)
    return {
        "plan": plan,
        "promised": _what_was_promised(contract),
        "done": [{**_named(step), "by": _BY[StepStatus(step.status)]} for step in done],
        **_not_done(steps),
        "open": [_open(act) for act in acts if act.is_open],
        "acts": sum(act.began is not None for act in acts),
        "touches": {"count": touches, "allowed": (contract or {}).get(TOUCHES, 0)},
        "deviations": [each.stated() for each in breaking(found)][:MOST],
        "deviations_in_all": len(breaking(found)),
        "notes": [each.stated() for each in found if not each.breaks][:MOST],
        "objective_met": ended.objective_met,
        "ended": {
            "status": ended.status,
            "reason": ended.reason,
            "explanation": ended.explanation[:LONGEST],
            "at": moment(ended.at),
        },
    }


def differences(stated: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The parts in which two statements differ, by name."""
    names = [*found, *(name for name in stated if name not in found)]
    return [name for name in names if stated.get(name) != found.get(name)]


def moment(at: datetime) -> str:
    """A moment as contracts write it, whatever zone it came in."""
    return at.astimezone(UTC).isoformat()


def breaking(found: Sequence[Deviation]) -> list[Deviation]:
    """Those that break the contract, without what is only noted."""
    return [each for each in found if each.breaks]


_BY: Mapping[StepStatus, str] = {
    StepStatus.DONE: "person",
    StepStatus.AUTO_EXECUTED: "policy",
}


def _allowed(steps: Sequence[StepFacts]) -> list[dict[str, Any]]:
    """How often each type may act: every try of each of its steps counts."""
    most: dict[str, int] = {}
    for step in steps:
        most[step.action_type] = most.get(step.action_type, 0) + step.max_failures
    return [{"action_type": key, "at_most": most[key]} for key in sorted(most)]


def _touches(plan: PlanFacts, type_: "PlanType") -> int:
    """The tighter of what the type allows and what this plan is bound to."""
    bound = plan.constraints.get(TOUCHES)
    if not isinstance(bound, int) or isinstance(bound, bool):
        return type_.max_touches
    return min(type_.max_touches, max(bound, 0))


def _promised(step: StepFacts, digest: Callable[[Any], str]) -> dict[str, Any]:
    return {
        "step_id": step.step_id,
        "action_type": step.action_type,
        "required": step.required,
        "human_touch": step.human_touch,
        "depends_on": sorted(step.depends_on),
        "max_failures": step.max_failures,
        "parameters_digest": digest(dict(step.parameters)),
    }


def _in_order(steps: Sequence[StepFacts]) -> list[StepFacts]:
    return sorted(steps, key=lambda step: (step.place, step.step_id))


def _what_was_promised(contract: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if contract is None:
        return None
    named = ("step_id", "action_type", "required")
    return {
        "revision": contract["revision"],
        "objective": contract["objective"],
        "owner": contract["owner"],
        "expires_at": contract["expires_at"],
        "steps": [{name: step[name] for name in named} for step in contract["steps"]],
    }


def _not_done(steps: Sequence[StepEnd]) -> dict[str, list[dict[str, str]]]:
    """Steps that came to something else, or to nothing yet."""
    return {
        "skipped": _with_reasons(steps, StepStatus.SKIPPED),
        "failed": _with_reasons(steps, StepStatus.FAILED),
        "cancelled": _with_reasons(steps, StepStatus.CANCELLED),
        "waived": [
            {**_named(step), "status": str(step.status), "by": step.waived_by}
            for step in steps
            if step.waived_by
        ],
        "unfinished": [
            {**_named(step), "status": str(step.status)}
            for step in steps
            if step.status in OPEN and not step.waived_by
        ],
    }


def _with_reasons(steps: Sequence[StepEnd], status: StepStatus) -> list[dict[str, str]]:
    """Steps that ended so; those that a person did without are told of apart."""
    return [
        {
            **_named(step),
            "reason": step.reason,
            "explanation": step.explanation[:LONGEST],
        }
        for step in steps
        if step.status == status and not step.waived_by
    ]


def _named(step: StepEnd) -> dict[str, str]:
    return {"step_id": step.step_id, "action_type": step.action_type}


def _open(act: Act) -> dict[str, str]:
    return {
        "intent": act.intent,
        "execution": act.execution,
        "step_id": act.step_id,
        "action_type": act.action_type,
        "status": act.status,
    }
