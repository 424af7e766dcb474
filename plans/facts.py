"""Rows to facts: a plan with its steps, and the world that it stands in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from autonomy import registry
from autonomy.rules.actions import ActionType
from autonomy.rules.contact import CAPS
from autonomy.rules.switches import Act, covering
from ledger.scope import current_tenant
from perception.heat import STANDING, standing_asked, standing_in
from perception.rules.lifecycle import posture_named, sentiment_named
from plans.models import Plan, Step
from plans.rules.facts import Deal, OtherPlan, PlanFacts, StepFacts, World
from plans.rules.lifecycle import ENDED, SUBMITTED, Status, StepStatus
from plans.types.base import PlanType
from plans.types.registry import type_of

Types = Mapping[str, ActionType]

UNREADABLE = "The kill switches cannot be read."

# The id of no plan.
NO_PLAN = UUID(int=0)

_READ = f"""
SELECT (plans_read(%s, %s, %s, %s) || jsonb_build_object('standing', {STANDING}))::text
"""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A plan and the world, as rules look at them; and what rows they were read from."""

    plan: Plan
    steps: list[Step]
    type_: PlanType | None
    facts: PlanFacts
    world: World
    types: Types

    def step(self, step_id: str) -> Step:
        return next(each for each in self.steps if str(each.step_id) == step_id)


def know(plan: Plan, steps: Sequence[Step]) -> Known:
    """Everything that rules look at, read now."""
    types = types_in_force()
    facts = plan_facts(plan, steps, types)
    return Known(
        plan=plan,
        steps=list(steps),
        type_=type_of(plan.plan_type),
        facts=facts,
        world=world_of(plan, facts, types),
        types=types,
    )


def again(known: Known) -> Known:
    """The same rows after they moved; the world is as it was read."""
    return replace(known, facts=plan_facts(known.plan, known.steps, known.types))


def steps_of(plan: Plan) -> list[Step]:
    rows = Step.objects.filter(tenant_id=current_tenant(), plan_id=plan.pk)
    return list(rows.order_by("place", "id"))


def plan_facts(plan: Plan, steps: Sequence[Step], types: Types) -> PlanFacts:
    """A plan as rules see it; it need not have been saved yet."""
    return PlanFacts(
        plan=str(plan.pk),
        plan_type=plan.plan_type,
        account=str(plan.account_id),
        status=Status(plan.status),
        owner=_text(plan.owner_id),
        proposer=_text(plan.proposed_by_id),
        expires_at=plan.expires_at,
        steps=tuple(step_facts(step, types.get(step.action_type)) for step in steps),
        constraints=plan.constraints,
        revision=plan.revision,
        activated_at=plan.activated_at,
        baseline=plan.baseline,
        opportunity=_text(plan.opportunity_id),
        risk_level=plan.risk_level,
    )


def step_facts(step: Step, action: ActionType | None) -> StepFacts:
    return StepFacts(
        step_id=str(step.step_id),
        place=step.place,
        action_type=step.action_type,
        action=action,
        parameters=step.parameters,
        depends_on=tuple(str(each) for each in step.depends_on),
        required=step.required,
        human_touch=step.human_touch,
        only_if=step.only_if,
        earliest=step.earliest,
        latest=step.latest,
        max_failures=step.max_failures,
        status=StepStatus(step.status),
        reason=step.reason,
        tries=step.tries,
        failures=step.failures,
        next_at=step.next_at,
        waived=step.waived_at is not None,
        finished_at=step.finished_at,
    )


def world_of(plan: Plan, facts: PlanFacts, types: Types) -> World:
    """The world around a plan, in one read."""
    row = _read(plan.account_id, plan.pk, plan.activated_at or plan.created_at)
    at = datetime.fromisoformat(row["at"])
    return replace(_world(row, types, at), stops=_stops(row, facts, types, at))


def world_around(account: UUID, types: Types, *, since: datetime) -> World:
    """The world around an account that has no plan yet; answers count from `since` on."""
    row = _read(account, NO_PLAN, since)
    return _world(row, types, datetime.fromisoformat(row["at"]))


def _world(row: Mapping[str, Any], types: Types, at: datetime) -> World:
    stands, known = standing_in(row["standing"], now=at), row["known"]
    return World(
        now=at,
        zone=row["timezone"],
        lifecycle=row["lifecycle"],
        owner=row["owner"],
        closed=row["closed"],
        hours=row["hours"] or {},
        deals=tuple(_deal(each) for each in row["deals"]),
        posture=stands.posture or posture_named(known.get("posture")),
        sentiment=stands.sentiment or sentiment_named(known.get("sentiment")),
        known=known,
        replies=tuple(datetime.fromisoformat(each) for each in row["replies"]),
        others=tuple(_other(each, types, at) for each in row["others"]),
        reached=tuple(datetime.fromisoformat(each) for each in row["reached"]),
        weekly_cap=row["contact_caps"].get(
            "account_per_week", CAPS["account_per_week"]
        ),
    )


def types_in_force() -> Types:
    """Every action type as the tenant in scope has it."""
    return {each.key: each for each in registry.all_types()}


def _read(account: UUID, plan: UUID, since: datetime) -> dict[str, Any]:
    tenant = current_tenant()
    asked = [tenant, account, plan, since, *standing_asked(tenant, account)]
    with connection.cursor() as cursor:
        cursor.execute(_READ, asked)
        row: dict[str, Any] = orjson.loads(cursor.fetchone()[0])
    return row


def _deal(row: Mapping[str, Any]) -> Deal:
    renewal = row["renewal_date"]
    return Deal(
        id=row["id"],
        stage=row["stage"],
        amount=None if row["amount"] is None else float(row["amount"]),
        renewal_date=date.fromisoformat(renewal) if renewal else None,
        external_id=row["external_id"],
    )


def _other(row: Mapping[str, Any], types: Types, at: datetime) -> OtherPlan:
    """Another plan: what it has under way, and when it next reaches somebody."""
    declared = type_of(row["plan_type"])
    ended = {s["step_id"] for s in row["steps"] if StepStatus(s["status"]) in ENDED}
    touches = [
        datetime.fromisoformat(step["at"]) if step["at"] else at
        for step in row["steps"]
        if step["status"] == StepStatus.PENDING
        and ended >= set(step["depends_on"])
        and _reaches(types.get(step["action_type"]))
    ]
    return OtherPlan(
        plan=row["plan"],
        plan_type=row["plan_type"],
        priority=declared.priority if declared else 0,
        under_way=tuple(
            step["action_type"]
            for step in row["steps"]
            if StepStatus(step["status"]) in SUBMITTED
        ),
        next_touch=min(touches, default=None),
    )


def _reaches(action: ActionType | None) -> bool:
    return action is None or action.traits.external_contact


def _stops(
    row: Mapping[str, Any],
    facts: PlanFacts,
    types: Types,
    at: datetime,
) -> dict[str, str]:
    """Which steps no switch lets start; what cannot be read stops the plan as a whole."""
    if row["board"] is None or row["house"] is None:
        return {"": UNREADABLE}
    switches = [*row["house"], *row["board"]]
    found: dict[str, str] = {}
    for key in {step.action_type for step in facts.steps}:
        action = types.get(key)
        act = Act(
            account=facts.account,
            seller=row["owner"] or "",
            action_type=key,
            tool=action.traits.tool if action else "",
            plan_type=facts.plan_type,
        )
        on = [each for each in covering(switches, act, now=at) if not each.returning]
        if on:
            found[key] = on[0].reason
    return found


def _text(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None
