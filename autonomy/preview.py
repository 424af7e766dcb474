"""What a setting would have meant for the acts of last week; nothing is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autonomy.models import Budget, Mode, Verdict
from autonomy.policies import data_in_force, in_force
from autonomy.policy import shipped
from autonomy.rules.verdict import Decision
from autonomy.simulate import simulate
from ledger.scope import current_tenant

WEEK = timedelta(days=7)
# Somebody waits for the answer, so only the newest are judged again.
MOST = 5000
MOST_MODES = 100
MOST_BUDGETS = 20
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """How many of the acts since `begin` would have run alone, and do as things are."""

    begin: datetime
    end: datetime
    is_whole: bool
    acts: int
    would: int
    does: int
    # Acts that cannot be judged again: their policy or their facts are not kept here.
    untried: int


def compare(wanted: Mapping[str, Any], *, now: datetime) -> Preview:
    """Judge the newest acts of a week twice: as things are set, and as they might be.

    `wanted`: modes, budgets, scopes `without` a budget, policy data, a bundle.
    """
    begin, is_whole = _begin(now)
    held = _held()
    if "policy_data" in wanted:
        held["policy_data"] = data_in_force()
    asked = _with(held, wanted)
    would = _report(begin, now, asked)
    acts = would["judged"] + would["unevaluable"]
    does = _report(begin, now, held) if acts else would
    return Preview(
        begin=begin,
        end=now,
        is_whole=is_whole,
        acts=acts,
        would=_alone(would),
        does=_alone(does),
        untried=would["unevaluable"],
    )


def _begin(now: datetime) -> tuple[datetime, bool]:
    """A week ago; or later, where a week holds more than may be judged."""
    begin = now - WEEK
    rows = Verdict.objects.filter(
        tenant_id=current_tenant(), judged_at__gte=begin, judged_at__lt=now
    )
    times = rows.filter(is_first=True).order_by("-judged_at", "-id")
    edge = times.values_list("judged_at", flat=True)[MOST : MOST + 1].first()
    return (begin, True) if edge is None else (edge + INSTANT, False)


def _report(
    begin: datetime, end: datetime, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    return simulate(
        begin, end, wanted, tenant=current_tenant(), progressed=lambda share: None
    )


def _alone(report: Mapping[str, Any]) -> int:
    """How many acts run alone, whatever they did."""
    return sum(row[Decision.AUTO_EXECUTE] for row in report["matrix"].values())


def _held() -> dict[str, Any]:
    """What is set today, as a candidate."""
    return {"modes": _modes(), "budgets": _budgets(), **_bundle()}


def _bundle() -> dict[str, Any]:
    """The version in force; with a server that judges, each act's own is kept."""
    if data_in_force().get("opa"):
        return {}
    activation = in_force()
    if activation is not None:
        return {"bundle_version": activation.bundle.version}
    source = shipped()
    return {"bundle_version": source.version, "bundle_source": source.plain()}


def _modes() -> list[dict[str, Any]]:
    rows = Mode.objects.filter(tenant_id=current_tenant()).order_by("set_at")
    return [
        {
            "account": _plain(row.account_id),
            "action_type": row.action_type,
            "mode": row.mode,
        }
        for row in rows[:MOST_MODES]
    ]


def _budgets() -> list[dict[str, Any]]:
    rows = Budget.objects.filter(tenant_id=current_tenant(), is_active=True)
    return [
        {
            "account": _plain(row.account_id),
            "seller": _plain(row.seller_id),
            "action_type": row.action_type,
            "each": row.each,
            "limit_per_day": row.limit_per_day,
        }
        for row in rows.order_by("set_at")[:MOST_BUDGETS]
    ]


def _with(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, with the wanted in its places."""
    budgets = wanted.get("budgets", [])
    without = wanted.get("without", [])
    taken = {_scope(each) for each in (*budgets, *without)}
    kept = [each for each in held["budgets"] if _scope(each) not in taken]
    bundle = wanted if wanted.get("bundle_version") else held
    return {
        # Of two modes at one scope the later counts.
        "modes": [*held["modes"], *wanted.get("modes", [])],
        "budgets": [*kept, *budgets],
        "without": without,
        **{name: wanted[name] for name in ("policy_data",) if name in wanted},
        **{name: value for name, value in bundle.items() if name.startswith("bundle_")},
    }


def _scope(budget: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("account", "seller", "action_type", "each")
    return tuple(budget.get(name) or "" for name in names)


def _plain(id_: Any) -> str | None:
    return str(id_) if id_ else None
