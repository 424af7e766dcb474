"""What types of plans share: conditions on what is stored, compared with the baseline."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from perception.rules.heat import Posture
from perception.rules.lifecycle import CLOSED, Lifecycle
from plans.rules import gate
from plans.rules.facts import Deal, PlanFacts, World
from plans.types.base import Met

WON, LOST = "closed_won", "closed_lost"
# Nobody there has answered for so long.
SILENT_AFTER = timedelta(days=30)
# How much a posture adds to the worth of a plan that defends.
UNEASE = {Posture.AT_RISK: 0.2, Posture.DORMANT: 0.15, Posture.WATCH: 0.1}


def is_open(deal: Deal) -> bool:
    """Whether a deal can still be won or lost."""
    return deal.stage not in CLOSED


def first_met(found: Iterable[Met], *, otherwise: str) -> Met:
    """The first that holds; or, in words, that none does."""
    nothing = Met(holds=False, why=otherwise)
    return next((each for each in found if each.holds), nothing)


def won_since(plan: PlanFacts, deal: Deal) -> Met:
    """A deal is won that was not when the plan was proposed."""
    holds = deal.stage == WON and was(plan, deal).get("stage") != WON
    return Met(holds=holds, why=f"The deal {deal.said} was won.")


def moved_since(plan: PlanFacts, deal: Deal, *, days: int) -> Met:
    """A deal's renewal lies at least so many days beyond where it lay at proposal."""
    before, now = _day(was(plan, deal).get("renewal_date")), deal.renewal_date
    by = (now - before).days if before and now else 0
    return Met(
        holds=by >= days, why=f"The renewal of deal {deal.said} moved by {by} days."
    )


def noted_since(plan: PlanFacts, world: World, field: str, value: str) -> Met:
    """Something is known of the account that was not when the plan was proposed."""
    holds = world.known.get(field) == value != _part(plan, "known").get(field)
    return Met(holds=holds, why=f"It was noted that {field} is {value}.")


def came_since(plan: PlanFacts, deal: Deal) -> Met:
    """A deal is there, and not lost, that was not there when the plan was proposed."""
    is_new = deal.id not in _part(plan, "deals")
    holds = is_new and (is_open(deal) or deal.stage == WON)
    return Met(holds=holds, why=f"The deal {deal.said} came up.")


def was(plan: PlanFacts, deal: Deal) -> Mapping[str, Any]:
    """A deal as it was when the plan was proposed; nothing, if it was not there."""
    return _part(_part(plan, "deals"), deal.id)


def own_deals(plan: PlanFacts, world: World) -> list[Deal]:
    """The plan's deal; where it names none, all."""
    return [deal for deal in world.deals if plan.opportunity in (None, deal.id)]


def gone(world: World) -> list[str]:
    """What stands against any plan for an account."""
    found = [gate.CLOSED] if world.closed else []
    if world.lifecycle == Lifecycle.CHURNED:
        found.append("The account has left us.")
    return found


def is_silent(world: World) -> bool:
    """Whether nobody there has answered lately."""
    return all(world.now - each > SILENT_AFTER for each in world.replies)


def unease(world: World) -> float:
    """How much speaks for something being wrong, 0 to 0.3."""
    stands = UNEASE.get(world.posture, 0.0) if world.posture else 0.0
    found = max(stands, 0.2 if world.sentiment == "NEGATIVE" else 0.0)
    return found + (0.1 if is_silent(world) else 0.0)


def midnight(day: date) -> datetime:
    """When a day begins, by UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)


def _part(held: PlanFacts | Mapping[str, Any], name: str) -> Mapping[str, Any]:
    within = held.baseline if isinstance(held, PlanFacts) else held
    found = within.get(name)
    return found if isinstance(found, Mapping) else {}


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
