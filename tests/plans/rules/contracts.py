"""What tests of contracts share: a type, plans, and acts as they were agreed on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from autonomy.rules.actions import Risk
from plans.rules.contract import agree
from plans.rules.deviations import Act, Move
from plans.rules.facts import PlanFacts, StepFacts
from plans.rules.lifecycle import Status
from plans.types.base import Met, PlanType

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DEADLINE = NOON + timedelta(days=30)


def digest(plain: Any) -> str:
    return f"digest of {sorted(plain.items())}"


TYPE = PlanType(
    key="RENEWAL_DEFENSE",
    title="Renewal defense",
    about="",
    objective="",
    condition="The renewal is won.",
    is_met=lambda plan, world: Met(holds=False, why=""),
    phases={},
    template=(),
    highest_risk=Risk.MEDIUM,
    lasts=timedelta(days=30),
    priority=1,
    max_touches=4,
    suits=lambda world: None,
    unmet=lambda plan, world: [],
    deadline=lambda day, now: now,
)


def step(name: str, place: int, action_type: str = "note", **more: Any) -> StepFacts:
    return StepFacts(
        step_id=name,
        place=place,
        action_type=action_type,
        action=None,
        parameters={"text": name},
        **more,
    )


def plan(*steps: StepFacts, **more: Any) -> PlanFacts:
    return PlanFacts(
        plan="p",
        plan_type="RENEWAL_DEFENSE",
        account="a",
        status=Status.DRAFT,
        owner="ann",
        proposer="bob",
        expires_at=DEADLINE,
        steps=steps,
        **more,
    )


BRIEF = step("brief", 0)
MAIL = step("mail", 1, "mail", human_touch=True, depends_on=("brief",), max_failures=2)


def agreed(facts: PlanFacts | None = None, type_: PlanType = TYPE) -> dict[str, Any]:
    return agree(
        facts or plan(BRIEF, MAIL), type_, objective="Win.", owner="ann", digest=digest
    )


def moves(*to: str, first: int = 1, contract: Mapping[str, Any] | None = None) -> Any:
    """Moves at the places first, first + 10, …; approvals agree on the contract."""
    now, found = "DRAFT", []
    for number, each in enumerate(to):
        place = first + 10 * number
        found.append(
            Move(
                place=place,
                at=NOON + timedelta(minutes=place),
                came_from=now,
                to=each,
                agreed=(contract or agreed()) if each == "APPROVED" else None,
            )
        )
        now = each
    return found


RUNNING = moves("APPROVED", "ACTIVE")


def act(name: str = "i1", of: StepFacts = BRIEF, **more: Any) -> Act:
    """An act as agreed on: proposed and started while the plan is ACTIVE, and done."""
    began = more.pop("began", 20)
    plain = {
        "intent": name,
        "execution": f"e-{name}",
        "step_id": of.step_id,
        "step_try": 1,
        "action_type": of.action_type,
        "external": of is MAIL,
        "parameters_digest": digest(of.parameters),
        "proposed_at": NOON,
        "asked": 15,
        "began": began,
        "started_at": NOON + timedelta(hours=1),
        "status": "SUCCEEDED",
    }
    return Act(**{**plain, **more})
