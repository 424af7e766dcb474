"""The windows of triggers and the budget of decisions, as a tenant sets them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from autonomy.admission import COST_PER_DAY, RUNS_PER_ACCOUNT_DAY, RUNS_PER_DAY
from autonomy.errors import NoSuchTrigger
from autonomy.models import DecisionBudget, TriggerRow
from autonomy.rules.triggers import SHIPPED, Trigger
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller

WINDOWS = (
    "enabled", "debounce_s", "cooldown_s", "max_per_account_hour",
    "max_per_tenant_hour",
)  # fmt: skip
LIMITS = ("runs_per_day", "runs_per_account_day", "cost_per_day")


def triggers() -> list[dict[str, Any]]:
    """Every trigger, with the tenant's windows or the shipped ones."""
    rows = TriggerRow.objects.filter(tenant_id=current_tenant())
    own = {row["type"]: row for row in rows.values("type", *WINDOWS)}
    return [
        own.get(each.value) or {"type": each.value, **asdict(SHIPPED[each])}
        for each in Trigger
    ]


def trigger(name: str) -> dict[str, Any]:
    """One of them."""
    found = {each["type"]: each for each in triggers()}.get(name.upper())
    if found is None:
        raise NoSuchTrigger(f"There is {', '.join(Trigger)}.")
    return found


def change_trigger(
    name: str, given: Mapping[str, Any], *, by: Caller, now: datetime
) -> dict[str, Any]:
    """Change a trigger's windows, before and after stated."""
    before = trigger(name)
    after = {**before, **given}
    if after != before:
        values = {each: after[each] for each in WINDOWS}
        TriggerRow.objects.update_or_create(
            tenant_id=current_tenant(),
            type=before["type"],
            defaults={**values, "updated_at": now},
        )
        _state("trigger", before, after, by=by, now=now)
    return after


def decision_budget() -> dict[str, Any]:
    """How many decisions a day may take, and what they may cost."""
    row = (
        DecisionBudget.objects.filter(tenant_id=current_tenant())
        .values(*LIMITS)
        .first()
    )
    if row is not None:
        return {**row, "cost_per_day": float(row["cost_per_day"])}
    return {
        "runs_per_day": RUNS_PER_DAY,
        "runs_per_account_day": RUNS_PER_ACCOUNT_DAY,
        "cost_per_day": COST_PER_DAY,
    }


def change_decision_budget(
    given: Mapping[str, Any], *, by: Caller, now: datetime
) -> dict[str, Any]:
    """Change it, before and after stated."""
    before = decision_budget()
    after = {**before, **given}
    if after != before:
        DecisionBudget.objects.update_or_create(
            tenant_id=current_tenant(), defaults={**after, "updated_at": now}
        )
        _state("decision_budget", before, after, by=by, now=now)
    return decision_budget()


def _state(
    what: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    by: Caller,
    now: datetime,
) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by),
            data={"setting": what, "before": dict(before), "after": dict(after)},
        ),
        now=now,
    )
