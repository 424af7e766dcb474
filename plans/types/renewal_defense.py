"""RENEWAL_DEFENSE: a renewal is secured a month before its day, or a person knows why not."""

from datetime import date, datetime, timedelta

from autonomy.rules.actions import Risk
from plans.rules.facts import Deal, PlanFacts, World
from plans.types.base import Met, PlanType, StepTemplate, Suits
from plans.types.conditions import (
    LOST,
    first_met,
    gone,
    midnight,
    moved_since,
    noted_since,
    own_deals,
    unease,
    won_since,
)

# The contract is to be safe so long before its day.
RUNWAY = timedelta(days=30)
LASTS = timedelta(days=30)
# A renewal date that lies so much later speaks of a new term.
A_NEW_TERM = 180
# From so many days before a renewal on a plan makes sense, and until so many.
SOONEST, LATEST = 31, 120

PHASES = {
    "prep_renewal_brief": 1,
    "generate_meeting_brief": 1,
    "create_briefing": 1,
    "request_renewal_meeting": 2,
    "escalate_support_risk": 3,
    "send_follow_up_email": 3,
    "draft_email": 0,
    "create_follow_up_task": 0,
    "create_internal_note": 0,
    "log_interaction": 0,
    "update_account_context": 0,
}

TEMPLATE = (
    StepTemplate(
        key="brief",
        action_type="prep_renewal_brief",
        parameters={
            "title": "The renewal of {account}",
            "focus": "The contract of {account} renews on {day}. What speaks for it, "
            "what against it, and who decides?",
        },
    ),
    StepTemplate(
        key="meeting",
        action_type="request_renewal_meeting",
        parameters={
            "title": "Your renewal: what comes next",
            "start": "{start}",
            "minutes": 45,
            "agenda": "What worked, what did not, and what the next term should hold.",
        },
        after=("brief",),
        human_touch=True,
    ),
    StepTemplate(
        key="follow_up",
        action_type="send_follow_up_email",
        parameters={
            "subject": "Your renewal",
            "body": "Hello,\n\nwe would like to talk with you about your renewal. "
            "Which day would suit you?\n\nKind regards",
        },
        after=("meeting",),
        required=False,
        human_touch=True,
        only_if="NO_REPLY",
        starts_after=timedelta(days=3),
    ),
    StepTemplate(
        key="second_follow_up",
        action_type="send_follow_up_email",
        parameters={
            "subject": "Your renewal: is there a better time?",
            "body": "Hello,\n\nwe have not heard from you about your renewal yet. Is "
            "there somebody else whom we should talk to?\n\nKind regards",
        },
        after=("follow_up",),
        required=False,
        human_touch=True,
        only_if="NO_REPLY",
        starts_after=timedelta(days=8),
    ),
    StepTemplate(
        key="escalation",
        action_type="escalate_support_risk",
        parameters={
            "reason": "The renewal of {account} on {day} is not secured yet. Open "
            "cases of support should not stand in its way.",
            "urgency": "high",
        },
        after=("meeting",),
        required=False,
        human_touch=True,
        starts_after=timedelta(days=10),
    ),
    StepTemplate(
        key="last_look",
        action_type="create_follow_up_task",
        parameters={
            "title": "Is the renewal of {account} secured?",
            "details": "It renews on {day}. Say what is still open, and who takes it "
            "on.",
        },
        after=("meeting",),
        starts_after=timedelta(days=24),
    ),
)


def is_met(plan: PlanFacts, world: World) -> Met:
    """Renewed, or promised; what was so at proposal does not count."""
    found = [
        met
        for deal in _renewals(plan, world)
        for met in (won_since(plan, deal), moved_since(plan, deal, days=A_NEW_TERM))
    ]
    found.append(noted_since(plan, world, "renewal_commitment", "signed"))
    return first_met(found, otherwise="The renewal is neither closed nor promised.")


def deadline(day: date | None, now: datetime) -> datetime:
    """A month before the renewal; a month from now, where its day is not known."""
    return now + LASTS if day is None else midnight(day) - RUNWAY


def unmet(plan: PlanFacts, world: World) -> list[str]:
    """A missing date is no hindrance; one that leaves no time is."""
    found = gone(world)
    days = [deal.renewal_date for deal in _renewals(plan, world) if deal.renewal_date]
    if days and all(deadline(day, world.now) <= world.now for day in days):
        found.append(
            f"The renewal on {max(days)} is less than {RUNWAY.days} days away."
        )
    return found


def suits(world: World) -> Suits | None:
    """For the nearest renewal that there is time for; the nearer and uneasier, the more."""
    today = world.now.date()
    ahead = [
        ((deal.renewal_date - today).days, deal)
        for deal in world.deals
        if deal.renewal_date and deal.stage != LOST
    ]
    near = [each for each in ahead if SOONEST <= each[0] <= LATEST]
    if not near or gone(world):
        return None
    left, deal = min(near, key=lambda each: (each[0], each[1].id))
    nearness = (LATEST - left) / (LATEST - SOONEST)
    return Suits(
        worth=round(min(1.0, 0.4 + 0.3 * nearness + unease(world)), 3),
        why=f"The renewal is {left} days away, and not secured.",
        opportunity=deal.id,
        day=deal.renewal_date,
    )


def _renewals(plan: PlanFacts, world: World) -> list[Deal]:
    """The plan's deal; where it names none, every one that renews."""
    return [
        deal for deal in own_deals(plan, world) if plan.opportunity or deal.renewal_date
    ]


TYPE = PlanType(
    key="RENEWAL_DEFENSE",
    title="Defend a renewal",
    about="Prepares the talk about a renewal, asks for a meeting, follows up, and ends "
    "as soon as the renewal is closed or promised.",
    objective="The renewal is closed, or a commitment is signed, by {day}.",
    condition="The renewal deal is closed_won, or its renewal date moved by at least "
    "180 days, or renewal_commitment is “signed”; since the plan was proposed.",
    is_met=is_met,
    phases=PHASES,
    template=TEMPLATE,
    highest_risk=Risk.MEDIUM,
    lasts=LASTS,
    priority=100,
    max_touches=4,
    suits=suits,
    unmet=unmet,
    deadline=deadline,
)
