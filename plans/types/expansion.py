"""EXPANSION: a customer that grows is offered more, until the larger deal is won."""

from datetime import date, datetime, timedelta

from autonomy.rules.actions import Risk
from perception.rules.heat import Posture
from perception.rules.lifecycle import Lifecycle
from plans.rules.facts import PlanFacts, World
from plans.types.base import Met, PlanType, StepTemplate, Suits
from plans.types.conditions import (
    first_met,
    gone,
    is_open,
    midnight,
    own_deals,
    won_since,
)

LASTS = timedelta(days=60)

TEMPLATE = (
    StepTemplate(
        key="brief",
        action_type="create_briefing",
        parameters={
            "title": "How {account} could grow with us",
            "focus": "Who uses more than before, what for, and who decides on more?",
        },
    ),
    StepTemplate(
        key="meeting",
        action_type="schedule_meeting",
        parameters={
            "title": "What you want to reach next",
            "start": "{start}",
            "minutes": 30,
        },
        after=("brief",),
        human_touch=True,
    ),
    StepTemplate(
        key="follow_up",
        action_type="send_follow_up_email",
        parameters={
            "subject": "What you want to reach next",
            "body": "Hello,\n\nwe would like to hear what you have planned, and where "
            "we can help with it. Which day would suit you?\n\nKind regards",
        },
        after=("meeting",),
        required=False,
        human_touch=True,
        only_if="NO_REPLY",
        starts_after=timedelta(days=5),
    ),
    StepTemplate(
        key="last_look",
        action_type="create_follow_up_task",
        parameters={
            "title": "What became of the growth of {account}?",
            "details": "Is there a deal, and is it won? Say what is still open.",
        },
        after=("meeting",),
        starts_after=timedelta(days=45),
    ),
)


def is_met(plan: PlanFacts, world: World) -> Met:
    """A deal was won since the plan was proposed."""
    found = (won_since(plan, deal) for deal in own_deals(plan, world))
    return first_met(found, otherwise="No deal was won since.")


def deadline(day: date | None, now: datetime) -> datetime:
    return now + LASTS if day is None else midnight(day)


def unmet(plan: PlanFacts, world: World) -> list[str]:
    """Only who is a customer can become a larger one."""
    found = gone(world)
    if not found and world.lifecycle != Lifecycle.CUSTOMER:
        found.append("The account is not a customer.")
    return found


def suits(world: World) -> Suits | None:
    """For customers that show that they want more."""
    is_growing = world.posture is Posture.EXPAND
    if gone(world) or world.lifecycle != Lifecycle.CUSTOMER or not is_growing:
        return None
    deals = [deal for deal in world.deals if is_open(deal) and not deal.renewal_date]
    deal = min((deal.id for deal in deals), default=None)
    return Suits(
        worth=0.6 if deal else 0.5,
        why="The customer is ready for more.",
        opportunity=deal,
    )


TYPE = PlanType(
    key="EXPANSION",
    title="Grow a customer",
    about="Prepares a talk about what a growing customer needs next, and follows up "
    "until a deal is won.",
    objective="A further deal is won by {day}.",
    condition="The plan's deal, or any where it names none, is closed_won since the "
    "plan was proposed.",
    is_met=is_met,
    phases={
        "create_briefing": 1,
        "generate_meeting_brief": 1,
        "schedule_meeting": 2,
        "send_follow_up_email": 3,
        "draft_email": 0,
        "create_follow_up_task": 0,
        "create_internal_note": 0,
        "log_interaction": 0,
        "update_account_context": 0,
    },
    template=TEMPLATE,
    highest_risk=Risk.LOW,
    lasts=LASTS,
    priority=50,
    max_touches=3,
    suits=suits,
    unmet=unmet,
    deadline=deadline,
)
