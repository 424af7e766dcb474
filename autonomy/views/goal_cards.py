"""A goal at a glance: how far it is, what was due, where it ends up, what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from django.urls import reverse

from autonomy import catching_up
from autonomy.goals import facts_of
from autonomy.models import Goal
from autonomy.rules.approvals import DECIDERS
from autonomy.rules.goals import ACTIVE, COMPLETED, MISSED, Look, forecast, look
from autonomy.views.helping import Help, helps
from autonomy.views.parts import Act, Said
from perception.rules.callers import Caller
from perception.rules.roles import Role

TITLES: Mapping[str, str] = {
    "pipeline": "New pipeline",
    "activity": "Activity",
    "quality": "Good conversations",
    "revenue": "Revenue won",
}
COUNTS: Mapping[str, str] = {
    "pipeline": "The amounts of deals that came up, and by how much others grew.",
    "activity": "Everything done for accounts: acts, and messages and meetings that began here.",
    "quality": "Conversations that were qualified as a medium or high fit.",
    "revenue": "The amounts of deals that were won.",
}
KINDS: Mapping[str, tuple[str, str]] = {
    "act": ("act", "acts"),
    "interaction": ("message or meeting", "messages and meetings"),
    "medium": ("medium fit", "medium fits"),
    "high": ("high fit", "high fits"),
    "closed_won": ("won deal", "won deals"),
}
GONE = "It is taken back and no longer measured. It cannot be changed; set it anew instead."


@dataclass(frozen=True, kw_only=True)
class Bar:
    """The track, in percent of the target. `low` to `high`: where it likely ends."""

    done: float
    due: float | None = None
    low: float | None = None
    width: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Card:
    """A goal on the list."""

    goal: Goal
    title: str
    target: str
    whose: str
    state: Said
    bar: Bar
    verdict: str
    outlook: str
    chance: Said | None
    rests_on: str
    days_left: int
    is_over: bool
    helps: Sequence[Help]
    take_back: Act | None
    again: str


def cards(goals: Sequence[Goal], caller: Caller, *, now: datetime) -> list[Card]:
    """The cards of goals whose people were read along; what helps in one read for all."""
    found = catching_up.suggestions_of(goals, now=now)
    return [
        _card(goal, caller, helps(goal, found[goal.id], caller, now=now), now)
        for goal in goals
    ]


def amount(value: Decimal | float) -> str:
    """A number as people write it; parts only where it is very small."""
    exact = Decimal(str(value))
    is_whole = exact == exact.to_integral_value() or abs(exact) >= 10
    return f"{exact:,.0f}" if is_whole else f"{exact:,.1f}"


def state_of(goal: Goal, seen: Look, *, now: datetime) -> Said:
    """Where it is, in two words."""
    if goal.status == COMPLETED:
        return "Reached", "good"
    if goal.status == MISSED:
        return "Missed", "bad"
    if now < goal.start:
        return "Not started", ""
    if now >= goal.end:
        return "Being counted", "run"
    if seen.is_behind:
        return "Behind", "bad"
    return ("On track", "good") if seen.on_track else ("A little behind", "wait")


def _card(goal: Goal, caller: Caller, offered: Sequence[Help], now: datetime) -> Card:
    facts, kept = facts_of(goal), goal.measured
    seen = look(facts, now=now)
    ends = forecast(
        facts, count=kept.get("count", 0), squares=kept.get("squares", 0.0), now=now
    )
    is_running = goal.status == ACTIVE and goal.start < now < goal.end
    bar, outlook, chance = Bar(done=seen.percent), "", None
    if is_running:
        bar = Bar(done=seen.percent, due=seen.due_percent)
        outlook = "Nothing has counted yet, so nothing can be foretold."
    if ends is not None:
        low, high = (_share(goal, each) for each in (ends.low, ends.high))
        bar = Bar(done=seen.percent, due=seen.due_percent, low=low, width=high - low)
        outlook = (
            f"If it goes on like this, it ends at about {amount(ends.expected)}; four "
            f"times out of five between {amount(ends.low)} and {amount(ends.high)}."
        )
        chance = _chance(float(goal.target), ends.low, ends.high)
    return Card(
        goal=goal,
        title=TITLES[goal.type],
        target=amount(goal.target),
        whose=_whose(goal, caller),
        state=state_of(goal, seen, now=now),
        bar=bar,
        verdict=_verdict(goal, seen, now),
        outlook=outlook,
        chance=chance,
        rests_on=_rests_on(goal),
        days_left=seen.days_left,
        is_over=goal.status != ACTIVE,
        helps=offered,
        take_back=_take_back(goal, caller),
        again=_again(goal) if caller.role in DECIDERS else "",
    )


def _verdict(goal: Goal, seen: Look, now: datetime) -> str:
    """The rule by which it is on track or not, with its numbers."""
    reached = f"{amount(goal.current)} of {amount(goal.target)} reached"
    if goal.status != ACTIVE:
        return f"{reached} ({seen.percent:g} %)."
    if now < goal.start:
        return "Nothing counts before it starts."
    said = f"{reached} ({seen.percent:g} %); {seen.due_percent:g} % was due by now."
    missing = goal.target * Decimal(str(seen.due_percent)) / 100 - goal.current
    if seen.on_track or missing <= 0:
        return said
    return f"{said} {amount(ceil(missing))} more would put it back on track."


def _chance(target: float, low: float, high: float) -> Said:
    if low >= target:
        return "That is enough.", "good"
    if high < target:
        return "That is not enough.", "bad"
    return "That may or may not be enough.", "wait"


def _share(goal: Goal, value: float) -> float:
    """Percent of the target, as far as the track goes."""
    return round(min(value / float(goal.target), 1.0) * 100, 1)


def _rests_on(goal: Goal) -> str:
    kinds: Mapping[str, int] = goal.measured.get("kinds", {})
    said = [
        f"{many} {KINDS.get(kind, ('open deal', 'open deals'))[many != 1]}"
        for kind, many in _merged(kinds).items()
    ]
    return f"Counted from {' and '.join(said)}." if said else ""


def _merged(kinds: Mapping[str, int]) -> dict[str, int]:
    """Stages of deals that are open count together."""
    found: dict[str, int] = {}
    for kind, many in sorted(kinds.items()):
        name = kind if kind in KINDS else "open"
        found[name] = found.get(name, 0) + many
    return found


def _whose(goal: Goal, caller: Caller) -> str:
    if goal.account is not None:
        return str(goal.account.name)
    if goal.seller_id == caller.membership:
        return "yours"
    return str(goal.seller.person) if goal.seller else "everybody together"


def _take_back(goal: Goal, caller: Caller) -> Act | None:
    """As `withdraw_goal` has it: whoever set it, approvers and admins."""
    may = caller.role in (Role.APPROVER, Role.ADMIN)
    if goal.status != ACTIVE or not (may or goal.set_by_id == caller.membership):
        return None
    return Act(
        key=f"back-{goal.id}",
        word="Take it back",
        of=f"the goal {TITLES[goal.type]}",
        url=reverse("goals-page-withdraw", args=[goal.id]),
        about=GONE,
        confirm="Take this goal back",
        tone="bad",
        asks=False,
    )


def _again(goal: Goal) -> str:
    return f"{reverse('goals-page-set')}?like={goal.id}"
