"""Plans are drafted and changed: checked as a whole, kept with every revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy.permits import digest
from autonomy.propose import check_parameters, target
from autonomy.rules.actions import Tier, normalise
from ledger.clock import clock
from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.models import Account, Contact, Opportunity
from perception.rules.callers import Caller
from plans import facts
from plans.errors import DraftRefused, NotADraft
from plans.facts import Types
from plans.models import Plan, Revision, Step
from plans.rules.facts import riskiest
from plans.rules.gate import Violation, violations
from plans.rules.lifecycle import EDITABLE, Status, StepStatus
from plans.transitions import edited, subjects_of
from plans.types.registry import type_of

# A draft is looked at so often, for its owner and its expiry.
A_DAY = timedelta(days=1)
WHAT = (
    "step_id", "place", "action_type", "parameters", "depends_on", "required",
    "human_touch", "only_if", "earliest", "latest", "max_failures", "confidence",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class By:
    """Who drafts: a person, or what proposes in nobody's name."""

    actor: Actor
    member: UUID | None
    source: Plan.Source

    @classmethod
    def person(cls, caller: Caller) -> "By":
        return cls(
            actor=person_acting(caller),
            member=caller.membership,
            source=Plan.Source.PERSON,
        )


def draft(
    given: Mapping[str, Any],
    account: Account,
    *,
    by: By,
    stated: Mapping[str, Any] | None = None,
) -> Plan:
    """Keep a new plan as a DRAFT, or refuse it with everything that is wrong.

    Whoever says nothing of a deal means that which renews next. `stated`: what else the
    ledger is told of how it came about.
    """
    at = clock()
    plan = _begun(given, account, by, at=at)
    types = facts.types_in_force()
    steps = _steps(plan, given["steps"], types)
    _check(plan, steps, types, now=at)
    plan.save(force_insert=True)
    Step.objects.bulk_create(steps)
    body = body_of(plan, steps)
    keep_revision(plan, body, member=by.member, at=at)
    data = {
        "plan_type": plan.plan_type, "source": str(plan.source), "revision": 1,
        **body, **(stated or {}),
    }  # fmt: skip
    said = Fact(
        kind=Kind.PLAN_PROPOSED, by=by.actor, subjects=subjects_of(plan), data=data
    )
    record_all([said], now=at)
    return plan


def edit(plan: Plan, given: Mapping[str, Any], *, by: By) -> Plan:
    """Change a DRAFT that is held; what already happened in it stays as it is."""
    if plan.status != Status.DRAFT:
        raise NotADraft(f"It is {plan.status}.")
    at = clock()
    before_steps = facts.steps_of(plan)
    before = body_of(plan, before_steps)
    for name in ("objective", "constraints", "expires_at"):
        if name in given and given[name] is not None:
            setattr(plan, name, given[name])
    types = facts.types_in_force()
    steps = before_steps
    if "steps" in given:
        kept = [each for each in before_steps if each.status not in EDITABLE]
        ids = {each.step_id for each in kept}
        wanted = [each for each in given["steps"] if each.get("step_id") not in ids]
        steps = [*kept, *_steps(plan, wanted, types)]
        for place, step in enumerate(steps):
            step.place = place
    _check(plan, steps, types, now=at)
    _replace(plan, before_steps, steps)
    plan.revision += 1
    plan.edited_by_id, plan.updated_at = by.member, at
    plan.due_at = min(at + A_DAY, plan.expires_at)
    plan.save(
        update_fields=[
            "objective", "constraints", "expires_at", "risk_level", "revision",
            "edited_by", "updated_at", "due_at",
        ]
    )  # fmt: skip
    after = body_of(plan, steps)
    changed = difference(before, after)
    keep_revision(plan, after, changed, member=by.member, at=at)
    record_all([edited(plan, changed, by=by.actor, **after)], now=at)
    return plan


def body_of(plan: Plan, steps: Sequence[Step]) -> dict[str, Any]:
    """What a revision consists of, as plain data; ids only, no words about people."""
    return {
        "objective": plan.objective,
        "constraints": plan.constraints,
        "expires_at": plan.expires_at.isoformat(),
        "owner": str(plan.owner_id) if plan.owner_id else None,
        "risk_level": plan.risk_level,
        "steps": [step_body(step) for step in steps],
    }


def step_body(step: Step) -> dict[str, Any]:
    plain = {name: getattr(step, name) for name in WHAT if name != "parameters"}
    return {
        **plain,
        "step_id": str(step.step_id),
        "depends_on": [str(each) for each in step.depends_on],
        "earliest": _moment(step.earliest),
        "latest": _moment(step.latest),
        "parameters_digest": digest(step.parameters),
    }


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What differs between two revisions, field by field and step by step."""
    changed = [
        {"field": name, "before": before[name], "after": after[name]}
        for name in before
        if name != "steps" and before[name] != after[name]
    ]
    old = {each["step_id"]: each for each in before["steps"]}
    new = {each["step_id"]: each for each in after["steps"]}
    for step_id in [*old, *(each for each in new if each not in old)]:
        was, is_ = old.get(step_id), new.get(step_id)
        if was != is_:
            changed.append({"step": step_id, "before": was, "after": is_})
    return changed


def _begun(given: Mapping[str, Any], account: Account, by: By, *, at: datetime) -> Plan:
    """A plan without its steps, not yet kept."""
    key = given["plan_type"]
    declared = type_of(key)
    deal = (
        target(Opportunity, given["opportunity"], account)
        if "opportunity" in given
        else _renewal(account)
    )
    until = given.get("expires_at")
    if until is None and declared is not None:
        until = declared.deadline(deal.renewal_date if deal else None, at)
    until = until or at + A_DAY
    return Plan(
        tenant_id=current_tenant(),
        account=account,
        opportunity=deal,
        contact=target(Contact, given.get("contact"), account) or _only(account),
        plan_type=key,
        objective=given.get("objective") or _objective(key, deal),
        constraints={
            **(declared.constraints if declared else {}),
            **(given.get("constraints") or {}),
        },
        status=Status.DRAFT.value,
        source=by.source.value,
        rationale=given.get("rationale") or "",
        baseline=_baseline(account),
        owner_id=account.owner_id,
        proposed_by_id=by.member,
        edited_by_id=by.member,
        expires_at=until,
        due_at=min(at + A_DAY, until),
        created_at=at,
        updated_at=at,
    )


def _check(plan: Plan, steps: list[Step], types: Types, *, now: datetime) -> None:
    """Everything that is wrong with it, at once; its risk is that of its steps."""
    seen = facts.plan_facts(plan, steps, types)
    plan.risk_level = riskiest(seen.steps)
    found: list[Violation] = violations(
        replace(seen, risk_level=plan.risk_level), type_of(plan.plan_type), now=now
    )
    if found:
        raise DraftRefused(found)
    for index, step in enumerate(steps):
        # What was there before, was checked then.
        if step._state.adding and (action := types.get(step.action_type)):
            check_parameters(action, step.parameters, at=f"steps.{index}.parameters")


def _steps(plan: Plan, given: Sequence[Mapping[str, Any]], types: Types) -> list[Step]:
    return [_step(plan, each, place, types) for place, each in enumerate(given)]


def _step(plan: Plan, given: Mapping[str, Any], place: int, types: Types) -> Step:
    key = normalise(given["action_type"])
    action = types.get(key)
    needs_person = action is not None and (
        action.traits.tier == Tier.APPROVAL_REQUIRED or action.traits.external_contact
    )
    optional = {
        name: given[name]
        for name in ("only_if", "earliest", "latest", "max_failures", "confidence")
        if given.get(name) is not None
    }
    return Step(
        tenant_id=current_tenant(),
        plan=plan,
        step_id=given.get("step_id") or uuid7(),
        place=place,
        action_type=key,
        parameters=given["parameters"],
        depends_on=list(given.get("depends_on") or []),
        required=given.get("required", True),
        human_touch=given.get("human_touch", needs_person),
        status=StepStatus.PENDING.value,
        **optional,
    )


def _replace(plan: Plan, before: Sequence[Step], after: Sequence[Step]) -> None:
    """The new steps in place of those that were open, each under its own row."""
    kept = {step.pk for step in after}
    Step.objects.filter(
        tenant_id=current_tenant(),
        plan=plan,
        pk__in=[step.pk for step in before if step.pk not in kept],
    ).delete()
    known = {step.pk for step in before}
    Step.objects.bulk_create(step for step in after if step.pk not in known)
    Step.objects.bulk_update([step for step in after if step.pk in known], ["place"])


def keep_revision(
    plan: Plan,
    body: Mapping[str, Any],
    changed: Sequence[Mapping[str, Any]] = (),
    *,
    member: UUID | None,
    at: datetime,
) -> None:
    """What the plan is from here on, and how that differs from before."""
    Revision.objects.create(
        tenant_id=current_tenant(),
        plan=plan,
        number=plan.revision,
        body=dict(body),
        changed=list(changed),
        by_id=member,
        at=at,
    )


def _baseline(account: Account) -> dict[str, Any]:
    """The deals, and what is known, as they are now."""
    deals = Opportunity.objects.filter(tenant_id=current_tenant(), account=account)
    known = account.context.filter(tenant_id=current_tenant())
    return {
        "deals": {
            str(deal.id): {
                "stage": deal.stage,
                "amount": None if deal.amount is None else float(deal.amount),
                "renewal_date": (
                    deal.renewal_date.isoformat() if deal.renewal_date else None
                ),
            }
            for deal in deals
        },
        "known": {each.field: each.value for each in known},
    }


def _renewal(account: Account) -> Opportunity | None:
    """The deal whose renewal comes first, of those that are not over."""
    deals = Opportunity.objects.filter(
        tenant_id=current_tenant(), account=account, renewal_date__isnull=False
    ).exclude(stage=Opportunity.Stage.CLOSED_LOST)
    return deals.order_by("renewal_date", "id").first()


def _only(account: Account) -> Contact | None:
    """The account's one contact; among several, a person chooses."""
    there = Contact.objects.filter(
        tenant_id=current_tenant(), account=account, erased_at__isnull=True
    ).order_by("id")[:2]
    return there[0] if len(there) == 1 else None


def _objective(key: str, deal: Opportunity | None) -> str:
    declared = type_of(key)
    day = deal.renewal_date if deal else None
    shown = f"{day:%-d %B %Y}" if day else "its deadline"
    return declared.objective.format(day=shown) if declared else ""


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
