"""R8: which plan to propose, what its template makes of it, and what policy may take on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from autonomy.rules.actions import SEVERITY, Risk
from plans.rules.facts import PlanFacts, World
from plans.rules.hours import next_open
from plans.rules.lifecycle import Status

if TYPE_CHECKING:
    from plans.types.base import PlanType, StepTemplate, Suits

# How sure the house is of what stands in a template.
CONFIDENCE = 0.9
# A meeting is asked for so long ahead, and no later than so long before it.
MEETING_AHEAD, NOTICE = timedelta(days=7), timedelta(days=2)
AN_HOUR = timedelta(hours=1)
# What a person ended is not proposed again for so long, unless it is asked for by name.
LEFT_ALONE = timedelta(days=30)
LONGEST_NAME, LONGEST_RATIONALE = 80, 2000
ACCOUNT = "{account}"
# Which plans help towards a goal, the one that helps most first.
GOALS: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("PIPELINE_CREATION", "EXPANSION"),
    "revenue": ("EXPANSION", "PIPELINE_CREATION"),
}
BY_ITSELF = frozenset({"AUTOPILOT", "SCHEDULED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """Types of plans that the account has, or had until a person ended them lately."""

    live: frozenset[str] = frozenset()
    ended_by_people: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A type that would help, and why."""

    type_: "PlanType"
    suits: "Suits"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlined:
    """A step of a draft, as its template makes it."""

    key: str
    action_type: str
    parameters: Mapping[str, Any]
    after: tuple[str, ...]
    required: bool
    human_touch: bool
    only_if: str
    max_failures: int
    earliest: datetime | None = None
    latest: datetime | None = None
    confidence: float = CONFIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """A draft before it has ids; texts may still hold {account}."""

    objective: str
    expires_at: datetime
    steps: tuple[Outlined, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """A signal that a proposal names."""

    id: str
    type: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Footing:
    """On what a step's action type stands: its mode, and whether A8 lets plans start it."""

    mode: str | None
    is_open: bool
    # Why the schedule gate is closed.
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """Whether a draft goes to policy at once, or waits for its owner; and why."""

    goes: bool
    reason: str


def choose(
    types: "Iterable[PlanType]", world: World, past: Past, *, named: bool = False
) -> Choice | str:
    """The worthiest of the types that would help; or, in words, why none would.

    `named`: somebody asked for exactly these.
    """
    found: list[Choice] = []
    against: list[str] = []
    for type_ in types:
        suits = type_.suits(world)
        why = _hindrance(type_, suits, world, past, named=named)
        if suits is not None and not why:
            found.append(Choice(type_=type_, suits=suits))
        else:
            against.append(f"{type_.key}: {why}")
    if found:
        return min(found, key=_first)
    return " ".join(against)


def outline(
    type_: "PlanType", suits: "Suits", world: World, *, barred: Collection[str] = ()
) -> Outline | str:
    """What the template makes of an account's situation: no more steps, and no others.

    `barred`: action types that nobody may do here. Optional steps go without them.
    """
    expires_at = type_.deadline(suits.day, world.now)
    if expires_at <= world.now:
        return "The time for one is over."
    needed = [s.action_type for s in type_.template if s.required]
    if stopped := sorted(set(needed) & set(barred)):
        return f"It needs {', '.join(stopped)}, which nobody may do here."
    day = suits.day or expires_at.date()
    words = {
        "account": ACCOUNT,
        "day": f"{day:%-d %B %Y}",
        "days_left": str((day - world.now.date()).days),
    }
    steps = [
        _step(each, type_, world, expires_at, words)
        for each in type_.template
        if each.action_type not in barred
    ]
    late = {s.key for s in steps if not s.required and _begins_late(s, expires_at)}
    kept = _linked(type_.template, [s for s in steps if s.key not in late])
    return Outline(
        objective=type_.objective.format_map(words),
        expires_at=expires_at,
        steps=tuple(_in_time(each, expires_at) for each in kept),
    )


def without(outlined: Outline, left_out: Collection[str]) -> Outline:
    """The same without some optional steps; who waited for them waits for theirs."""
    gone = {s.key for s in outlined.steps if s.key in left_out and not s.required}
    kept = [each for each in outlined.steps if each.key not in gone]
    return replace(outlined, steps=tuple(_linked(outlined.steps, kept)))


def addressed(outlined: Outline, account: str) -> Outline:
    """With the account's name in its texts."""
    plain = "".join(sign if sign.isprintable() else " " for sign in account)
    name = " ".join(plain.split())[:LONGEST_NAME].strip() or "the account"
    steps = (
        replace(each, parameters=_named(each.parameters, name))
        for each in outlined.steps
    )
    return replace(outlined, steps=tuple(steps))


def rationale(
    suits: "Suits", world: World, *, signs: Sequence[Sign] = (), occasion: str = ""
) -> str:
    """Why it is proposed, by facts that can be looked up: ids and dates, no names."""
    deal = next((each for each in world.deals if each.id == suits.opportunity), None)
    said = [suits.why, occasion]
    if deal is not None:
        renews = f", renewal {deal.renewal_date}" if deal.renewal_date else ""
        said.append(f"Deal {deal.said}: {deal.stage}{renews}.")
    if world.posture:
        said.append(f"Posture: {world.posture}.")
    if world.replies:
        said.append(f"Last answer: {max(world.replies).date()}.")
    if signs:
        named = "; ".join(f"{s.type} {s.at.date()} ({s.id})" for s in signs)
        said.append(f"Newest signals: {named}.")
    return " ".join(each for each in said if each)[:LONGEST_RATIONALE]


def submission(
    *, risk: str, is_by_person: bool, footings: Sequence[Footing]
) -> Submission:
    """Whether policy is asked about a draft at once. MEDIUM and HIGH never are."""
    modes = {each.mode for each in footings}
    closed = next((each.reason for each in footings if not each.is_open), "")
    checks = (
        (not is_by_person, "ASKED_BY_PERSON"),
        (risk in SEVERITY and SEVERITY[Risk(risk)] <= SEVERITY[Risk.LOW], "RISK"),
        (bool(footings), "NO_STEPS"),
        (modes <= BY_ITSELF, "MODE"),
        (all(each.is_open for each in footings), closed or "SCHEDULE"),
    )
    against = next((reason for holds, reason in checks if not holds), "")
    return Submission(goes=not against, reason=against or "LOW_RISK")


def _hindrance(
    type_: "PlanType", suits: "Suits | None", world: World, past: Past, *, named: bool
) -> str:
    """Why a plan of a type is not proposed; empty: it may be."""
    if world.closed:
        return "the account is closed."
    if type_.key in past.live:
        return "the account has one that is not over."
    if type_.key in past.ended_by_people and not named:
        return f"a person ended one within {LEFT_ALONE.days} days."
    unmet = type_.unmet(_blank(type_, suits, world), world)
    if unmet:
        return " ".join(unmet)
    return "" if suits else "nothing calls for one now."


def _blank(type_: "PlanType", suits: "Suits | None", world: World) -> PlanFacts:
    """A plan of which nothing is known but what it would be about."""
    return PlanFacts(
        plan="", plan_type=type_.key, account="", status=Status.DRAFT, owner=None,
        proposer=None, expires_at=world.now, steps=(),
        opportunity=suits.opportunity if suits else None,
    )  # fmt: skip


def _first(choice: Choice) -> tuple[float, int, str]:
    return -choice.suits.worth, -choice.type_.priority, choice.type_.key


def _step(
    template: "StepTemplate",
    type_: "PlanType",
    world: World,
    expires_at: datetime,
    words: Mapping[str, str],
) -> Outlined:
    """One step, in business hours; where time is short, all of them move together."""
    pace = min(1.0, (expires_at - world.now) / type_.lasts)
    begins = world.now + template.starts_after * pace
    earliest = next_open(begins, zone=world.zone, hours=world.hours)
    start = _on_the_hour(begins + MEETING_AHEAD, world)
    meets = _mentions(template.parameters, "{start}")
    return Outlined(
        key=template.key,
        action_type=template.action_type,
        parameters=_filled(template.parameters, {**words, "start": start.isoformat()}),
        after=template.after,
        required=template.required,
        human_touch=template.human_touch,
        only_if=template.only_if,
        max_failures=template.max_failures,
        earliest=earliest if template.starts_after else None,
        latest=min(start - NOTICE, expires_at) if meets else None,
    )


def _on_the_hour(at: datetime, world: World) -> datetime:
    """The first full hour from then on at which somebody works."""
    full = at.replace(minute=0, second=0, microsecond=0)
    full += AN_HOUR if full < at else timedelta(0)
    return next_open(full, zone=world.zone, hours=world.hours)


def _begins_late(step: Outlined, expires_at: datetime) -> bool:
    ends = min(step.latest or expires_at, expires_at)
    return step.earliest is not None and step.earliest >= ends


def _in_time(step: Outlined, expires_at: datetime) -> Outlined:
    """What the plan needs may begin at once, where waiting would make it too late."""
    return replace(step, earliest=None) if _begins_late(step, expires_at) else step


def _linked(
    whole: "Sequence[StepTemplate | Outlined]", kept: Sequence[Outlined]
) -> list[Outlined]:
    """Steps that wait for what is gone wait for what that waited for."""
    waits = {each.key: each.after for each in whole}
    there = {each.key for each in kept}

    def behind(keys: Iterable[str]) -> list[str]:
        return [
            found
            for key in keys
            for found in ([key] if key in there else behind(waits.get(key, ())))
        ]

    return [
        replace(each, after=tuple(dict.fromkeys(behind(each.after)))) for each in kept
    ]


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(words)
    if isinstance(value, Mapping):
        return {key: _filled(each, words) for key, each in value.items()}
    return [_filled(e, words) for e in value] if isinstance(value, list) else value


def _named(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace(ACCOUNT, name)
    if isinstance(value, Mapping):
        return {key: _named(each, name) for key, each in value.items()}
    return [_named(e, name) for e in value] if isinstance(value, list) else value


def _mentions(value: Any, word: str) -> bool:
    if isinstance(value, Mapping):
        return any(_mentions(each, word) for each in value.values())
    return isinstance(value, str) and word in value
