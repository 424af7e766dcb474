"""PIPELINE_CREATION: somebody who is no customer yet is spoken to until a deal comes up."""

from datetime import date, datetime, timedelta

from autonomy.rules.actions import Risk
from perception.rules.lifecycle import Lifecycle
from plans.rules.facts import PlanFacts, World
from plans.types.base import Met, PlanType, StepTemplate, Suits
from plans.types.conditions import came_since, first_met, gone, is_open, midnight

LASTS = timedelta(days=45)
NOT_YET = frozenset({Lifecycle.PROSPECT, Lifecycle.SUSPECT})

TEMPLATE = (
    StepTemplate(
        key="brief",
        action_type="create_briefing",
        parameters={
            "title": "Who {account} is",
            "focus": "What do they do, what could they need, and who decides?",
        },
    ),
    StepTemplate(
        key="first_words",
        action_type="send_follow_up_email",
        parameters={
            "subject": "An introduction",
            "body": "Hello,\n\nwe would like to hear what you are working on, and "
            "whether we can help with it.\n\nKind regards",
        },
        after=("brief",),
        human_touch=True,
    ),
    StepTemplate(
        key="second_words",
        action_type="send_follow_up_email",
        parameters={
            "subject": "Is there a better time?",
            "body": "Hello,\n\nwe wrote to you a few days ago. Is there a better time, "
            "or somebody else whom we should talk to?\n\nKind regards",
        },
        after=("first_words",),
        required=False,
        human_touch=True,
        only_if="NO_REPLY",
        starts_after=timedelta(days=7),
    ),
    StepTemplate(
        key="last_look",
        action_type="create_follow_up_task",
        parameters={
            "title": "Is there anything to do with {account}?",
            "details": "Say whether there is a deal, and otherwise why not.",
        },
        after=("first_words",),
        starts_after=timedelta(days=30),
    ),
)


def is_met(plan: PlanFacts, world: World) -> Met:
    """A deal is there that was not."""
    found = (came_since(plan, deal) for deal in world.deals)
    return first_met(found, otherwise="No deal came up since.")


def deadline(day: date | None, now: datetime) -> datetime:
    return now + LASTS if day is None else midnight(day)


def unmet(plan: PlanFacts, world: World) -> list[str]:
    """A customer has a deal already."""
    found = gone(world)
    if not found and world.lifecycle not in NOT_YET:
        found.append("The account is a customer already.")
    return found


def suits(world: World) -> Suits | None:
    """For who is no customer, and with whom there is nothing under way."""
    is_idle = not any(is_open(deal) for deal in world.deals)
    if gone(world) or world.lifecycle not in NOT_YET or not is_idle:
        return None
    is_known = world.lifecycle == Lifecycle.SUSPECT
    return Suits(
        worth=0.4 if is_known else 0.3,
        why="There is no deal with the account.",
    )


TYPE = PlanType(
    key="PIPELINE_CREATION",
    title="Open a deal",
    about="Prepares first words to somebody who is no customer, and follows up once, "
    "until a deal comes up.",
    objective="A deal with the account comes up by {day}.",
    condition="There is a deal, not lost, that was not there when the plan was "
    "proposed.",
    is_met=is_met,
    phases={
        "create_briefing": 1,
        "send_follow_up_email": 2,
        "schedule_meeting": 3,
        "qualify_conversation": 3,
        "draft_email": 0,
        "create_follow_up_task": 0,
        "create_internal_note": 0,
        "log_interaction": 0,
        "update_account_context": 0,
    },
    template=TEMPLATE,
    highest_risk=Risk.LOW,
    lasts=LASTS,
    priority=10,
    max_touches=3,
    suits=suits,
    unmet=unmet,
    deadline=deadline,
)
