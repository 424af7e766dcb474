"""Plans, steps, types and worlds to judge, made with as few words as possible."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings

from autonomy.rules.actions import Risk
from autonomy.rules.catalogue import CORE
from plans.rules.facts import OtherPlan, PlanFacts, StepFacts, World
from plans.rules.lifecycle import Status, StepStatus
from plans.types.base import Met, PlanType, StepTemplate

# Laws hold on a slow machine too.
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A Tuesday, within business hours.
T0 = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTE, MAIL, CHAT = "create_internal_note", "send_follow_up_email", "send_chat_message"
MEETING, ESCALATE = "request_renewal_meeting", "escalate_support_risk"
BRIEF, STOPPED = "prep_renewal_brief", "legal_commitment"

PENDING, ASKED, RUNNING = (
    StepStatus.PENDING,
    StepStatus.PENDING_APPROVAL,
    StepStatus.RUNNING,
)
DONE, AUTO, FAILED = StepStatus.DONE, StepStatus.AUTO_EXECUTED, StepStatus.FAILED
SKIPPED, CANCELLED = StepStatus.SKIPPED, StepStatus.CANCELLED


def step(name: str, key: str = NOTE, *after: str, **more: Any) -> StepFacts:
    """A step that waits for those named; people are asked where its type wants it."""
    action = CORE.get(key)
    reaches = action is None or action.traits.external_contact
    needed = action is not None and action.traits.tier == "APPROVAL_REQUIRED"
    given: dict[str, Any] = {
        "place": 0,
        "action": action,
        "depends_on": after,
        "human_touch": reaches or needed,
    }
    return StepFacts(step_id=name, action_type=key, **{**given, **more})


def plan(*steps: StepFacts, **more: Any) -> PlanFacts:
    placed = tuple(replace(each, place=place) for place, each in enumerate(steps))
    given: dict[str, Any] = {
        "plan": "p-2",
        "plan_type": "A_TYPE",
        "account": "a",
        "status": Status.ACTIVE,
        "owner": "o",
        "proposer": "o",
        "expires_at": T0 + 30 * DAY,
        "activated_at": T0 - DAY,
        "risk_level": "MINIMAL",
    }
    return PlanFacts(steps=placed, **{**given, **more})


def world(**more: Any) -> World:
    given: dict[str, Any] = {
        "now": T0,
        "zone": "UTC",
        "lifecycle": "CUSTOMER",
        "owner": "o",
    }
    return World(**{**given, **more})


def other(**more: Any) -> OtherPlan:
    given: dict[str, Any] = {"plan": "p-1", "plan_type": "OTHER", "priority": 50}
    return OtherPlan(**{**given, **more})


def a_type(**more: Any) -> PlanType:
    """A type that allows every action of the tests, in two phases, and little risk."""
    given: dict[str, Any] = {
        "key": "A_TYPE",
        "title": "A type",
        "about": "For tests.",
        "objective": "Something holds.",
        "condition": "It holds.",
        "is_met": lambda plan, world: Met(holds=False, why="It does not hold."),
        "phases": {NOTE: 0, CHAT: 0, BRIEF: 1, MEETING: 2, MAIL: 3, ESCALATE: 3},
        "template": (
            StepTemplate(key="mail", action_type=MAIL, parameters={}, human_touch=True),
        ),
        "highest_risk": Risk.MEDIUM,
        "lasts": 30 * DAY,
        "priority": 50,
        "max_touches": 4,
        "suits": lambda world: None,
        "unmet": lambda plan, world: [],
        "deadline": lambda day, now: now + 30 * DAY,
    }
    return PlanType(**{**given, **more})
