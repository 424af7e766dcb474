"""R8: plans are proposed: a type that helps is chosen, and its template becomes a DRAFT.

Whoever asks for one may have a model refine it. What the timetable proposes, rules write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from uuid_utils.compat import uuid7

from autonomy.errors import AutonomyError
from autonomy.rules.actions import Tier
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Signal
from perception.rules.signals import REGISTRY
from plans import drafting, facts, minds
from plans.errors import DraftRefused, NoSuchPlanType, NothingToPropose
from plans.facts import Types
from plans.minds import Thought
from plans.models import Plan
from plans.rules.facts import World
from plans.rules.lifecycle import LIVE, Status
from plans.rules.proposals import (
    LEFT_ALONE,
    Choice,
    Outline,
    Past,
    Sign,
    addressed,
    choose,
    outline,
    rationale,
)
from plans.transitions import subjects_of
from plans.types.base import PlanType
from plans.types.registry import TYPES, type_of

# Answers and signals are looked for so far back.
LOOKED_BACK = timedelta(days=90)
SIGNS, LOOKED_AT = 3, 20


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What a proposal is made of, as it was read."""

    account: Account
    choice: Choice
    world: World
    types: Types
    outline: Outline
    signs: tuple[Sign, ...]


def propose(
    account: Account, *, plan_type: str | None, by: drafting.By, now: datetime
) -> Plan:
    """A DRAFT of the named type, or of the one that helps most; in the transaction at
    hand. A model that is asked may take its time; nothing is held meanwhile.
    """
    named = None if plan_type is None else type_named(plan_type)
    types = list(TYPES.values()) if named is None else [named]
    ready = prepare(account, types, is_named=named is not None, now=now)
    thought = minds.think(
        ready.outline, account, plan_type=ready.choice.type_.key, types=ready.types,
        now=now,
    )  # fmt: skip
    _hold(account)
    # It may have been proposed by somebody else meanwhile.
    key = ready.choice.type_.key
    if key in _past(account, now=now).live:
        raise NothingToPropose(f"{key}: the account has one that is not over.")
    return keep(ready, thought, by=by, now=now)


def prepare(
    account: Account, types: Sequence[PlanType], *, is_named: bool, now: datetime
) -> Ready:
    """Read the world, choose, and fill the template; or say why there is nothing."""
    actions = facts.types_in_force()
    world = facts.world_around(account.pk, actions, since=now - LOOKED_BACK)
    choice = choose(types, world, _past(account, now=now), named=is_named)
    if isinstance(choice, str):
        raise NothingToPropose(choice)
    used = {each.action_type for each in choice.type_.template}
    barred = {
        key
        for key in used
        if key not in actions or actions[key].traits.tier == Tier.HARD_STOP
    }
    drawn = outline(choice.type_, choice.suits, world, barred=barred)
    if isinstance(drawn, str):
        raise NothingToPropose(f"{choice.type_.key}: {drawn}")
    return Ready(
        account=account, choice=choice, world=world, types=actions, outline=drawn,
        signs=_signs(account, now=now),
    )  # fmt: skip


def keep(
    ready: Ready,
    thought: Thought,
    *,
    by: drafting.By,
    now: datetime,
    occasion: str = "",
) -> Plan:
    """Keep the draft with how it came about. A model's that breaks a rule gives way."""
    try:
        with transaction.atomic():
            plan = _drafted(ready, thought, by=by, occasion=occasion)
    except (DraftRefused, AutonomyError) as refusal:
        if not thought.is_by_model:
            raise NothingToPropose(str(refusal)) from None
        thought = minds.ruled(thought, ready.outline)
        return keep(ready, thought, by=by, now=now, occasion=occasion)
    record_all(_refusals(plan, thought), now=now)
    return plan


def _drafted(ready: Ready, thought: Thought, *, by: drafting.By, occasion: str) -> Plan:
    choice, world = ready.choice, ready.world
    source = Plan.Source.MODEL if thought.is_by_model else Plan.Source.RULES
    why = rationale(choice.suits, world, signs=ready.signs, occasion=occasion)
    words = f" The model adds: {thought.words}" if thought.words else ""
    given = {
        **_given(addressed(thought.outline, ready.account.name)),
        "plan_type": choice.type_.key,
        "opportunity": choice.suits.opportunity,
        "rationale": why[: 2000 - len(words)] + words,
    }
    stated = {
        "proposal": {
            **thought.stated(),
            "worth": choice.suits.worth,
            "deal": choice.suits.opportunity,
            "day": choice.suits.day.isoformat() if choice.suits.day else None,
            "signals": [each.id for each in ready.signs],
            "as_of": world.now.isoformat(),
        }
    }
    return drafting.draft(
        given, ready.account, by=replace(by, source=source), stated=stated
    )


def _given(outlined: Outline) -> dict[str, Any]:
    """An outline as drafts are given, each step under an id of its own."""
    ids = {each.key: uuid7() for each in outlined.steps}
    steps: list[Mapping[str, Any]] = [
        {
            "step_id": ids[each.key],
            "action_type": each.action_type,
            "parameters": dict(each.parameters),
            "depends_on": [ids[key] for key in each.after],
            "required": each.required,
            "human_touch": each.human_touch,
            "only_if": each.only_if,
            "earliest": each.earliest,
            "latest": each.latest,
            "max_failures": each.max_failures,
            "confidence": each.confidence,
        }
        for each in outlined.steps
    ]
    return {
        "objective": outlined.objective,
        "expires_at": outlined.expires_at,
        "steps": steps,
    }


def _refusals(plan: Plan, thought: Thought) -> list[Fact]:
    """What of a model's answer was left out, by name; its words are not repeated."""
    by = Actor(type="system", id="plans")
    return [
        Fact(
            kind=Kind.PROPOSAL_REFUSED,
            by=by,
            subjects=subjects_of(plan),
            data={
                "code": each.code,
                "action_type": each.action_type,
                "detail": each.detail,
            },
        )
        for each in thought.refused
    ]


def _past(account: Account, *, now: datetime) -> Past:
    """What the account has, and what people ended there lately."""
    by_hand = Q(
        status=Status.ABORTED,
        reason="ABORTED_BY_PERSON",
        ended_at__gt=now - LEFT_ALONE,
    )
    rows = Plan.objects.filter(
        Q(status__in=LIVE) | by_hand, tenant_id=current_tenant(), account=account
    ).values_list("plan_type", "status")
    return Past(
        live=frozenset(key for key, status in rows if status in LIVE),
        ended_by_people=frozenset(key for key, status in rows if status not in LIVE),
    )


def _signs(account: Account, *, now: datetime) -> tuple[Sign, ...]:
    """The newest signals of kinds that are known, by id."""
    rows = Signal.objects.filter(tenant_id=current_tenant(), account=account)
    newest = rows.order_by("-id").values_list("id", "type", "occurred_at")[:LOOKED_AT]
    found = [
        Sign(id=str(id_), type=type_, at=at)
        for id_, type_, at in newest
        if type_ in REGISTRY and now - at < LOOKED_BACK
    ]
    return tuple(found[:SIGNS])


def _hold(account: Account) -> None:
    """One proposal at a time for one account."""
    rows = Account.objects.select_for_update(no_key=True)
    rows.get(tenant_id=current_tenant(), pk=account.pk)


def type_named(key: str) -> PlanType:
    found = type_of(key)
    if found is None:
        raise NoSuchPlanType(f"{key!r} is not the key of one.")
    return found
