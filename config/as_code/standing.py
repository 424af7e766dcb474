"""How the tenant in scope is configured at this moment, and the names it knows."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model

from autonomy import pacing, policies, registry
from autonomy.models import (
    ActionRow,
    Budget,
    DecisionBudget,
    Mode,
    OptIn,
    Tool,
    TriggerRow,
)
from autonomy.policy import read, shipped
from autonomy.rules.actions import ActionType
from autonomy.rules.catalogue import CORE, TOOLS
from autonomy.rules.triggers import SHIPPED
from autonomy.tools.binding import SHOWN
from config.as_code.rules.differences import Shipped
from config.as_code.rules.document import Entries, State, plain_of
from ledger.rules.canonical import canonical
from ledger.rules.digest import sha256_of
from ledger.scope import current_tenant
from perception.api.settings import SettingsShape
from perception.models import Account, Membership, Tenant

KINDS: tuple[type[Model], ...] = (
    Mode, OptIn, Budget, DecisionBudget, TriggerRow, Tool, ActionRow,
)  # fmt: skip
DECLARED = (
    "risk_level", "external_contact", "touches", "reversal", "idempotent", "schema",
    "example",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Names:
    """What files call things by, and the ids that they have here."""

    accounts: Mapping[str, UUID]
    members: Mapping[str, UUID]
    types: Mapping[str, ActionType]
    tools: frozenset[str]


def standing() -> State:
    """The whole configuration."""
    bundle = policies.in_force()
    plain = bundle.bundle.source if bundle else shipped().plain()
    return {
        "settings": _keyed(SettingsShape(Tenant.objects.get()).data),
        "modes": _modes(),
        "opt_ins": _opt_ins(),
        "budgets": _budgets(),
        "decision_budget": _keyed(pacing.decision_budget()),
        "triggers": _keyed({each.pop("type"): each for each in pacing.triggers()}),
        "tools": _tools(),
        "action_types": _action_types(),
        "policy_data": _keyed(data(policies.data_in_force())),
        "policy_bundle": {(): bundle_of(plain)},
    }


def digest_of(state: State) -> str:
    """What tells one configuration from any other."""
    return sha256_of(canonical(plain_of(state)))


def data(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Policy data as files have them: an allowlist is a set."""
    return {**plain, "allowlist": sorted(plain["allowlist"])}


def bundle_of(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle as files have it: what a clause leaves empty is not written."""
    made = read(plain).plain()
    clauses = [
        {name: value for name, value in clause.items() if value or name != "remedy"}
        for clause in made["clauses"]
    ]
    return {**made, "clauses": clauses}


def as_shipped() -> Shipped:
    """What holds where nobody set anything."""
    return Shipped(
        triggers={each.value: asdict(windows) for each, windows in SHIPPED.items()},
        action_types={key: _core(action) for key, action in CORE.items()},
    )


def names(state: State, accounts: Collection[str]) -> Names:
    """What is known here by which name; of accounts only those that a file speaks of."""
    tenant = current_tenant()
    known = Account.objects.filter(tenant_id=tenant, external_id__in=accounts)
    members = Membership.objects.filter(tenant_id=tenant)
    found = members.values_list("person__email", "id")
    return Names(
        accounts=dict(known.values_list("external_id", "id")),
        members={email.casefold(): id_ for email, id_ in found},
        types={action.key: action for action in registry.all_types()},
        tools=frozenset([*TOOLS, *(key for (key,) in state["tools"])]),
    )


def lock() -> None:
    """Hold the configuration still: one at a time applies, and what is set stays."""
    tenant = current_tenant()
    # Weak locks: rows that only refer to these are added all the while.
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant)
    for kind in KINDS:
        rows = kind._default_manager.filter(tenant_id=tenant).order_by("pk")
        list(rows.select_for_update(no_key=True).values_list("pk"))


def _modes() -> Entries:
    rows = Mode.objects.filter(tenant_id=current_tenant()).values_list(
        "account__external_id", "action_type", "mode"
    )
    return {(account or "", kind): {"mode": mode} for account, kind, mode in rows}


def _opt_ins() -> Entries:
    rows = OptIn.objects.filter(tenant_id=current_tenant()).values_list(
        "account__external_id", "granted"
    )
    return {(account or "",): {"granted": granted} for account, granted in rows}


def _budgets() -> Entries:
    rows = Budget.objects.filter(tenant_id=current_tenant(), is_active=True)
    found = rows.values_list(
        "account__external_id", "seller__person__email", "action_type", "each",
        "limit_per_day", "decay_percent",
    )  # fmt: skip
    return {
        (account or "", (seller or "").casefold(), kind, each): {
            "limit_per_day": limit,
            "decay_percent": decay,
        }
        for account, seller, kind, each, limit, decay in found
    }


def _tools() -> Entries:
    rows = Tool.objects.filter(tenant_id=current_tenant()).order_by("key")
    found = rows.values("key", *SHOWN)
    return {(row.pop("key"),): row for row in found}


def _action_types() -> Entries:
    """Own types as they were declared, and core types that are not as shipped."""
    rows = ActionRow.objects.filter(tenant_id=current_tenant(), declared__isnull=False)
    declared = dict(rows.values_list("key", "declared"))
    made: Entries = {}
    for action in registry.all_types():
        entry = _core(action)
        own = declared.get(action.key)
        if own is not None and action.key not in CORE:
            more = {name: own[name] for name in DECLARED}
            made[(action.key,)] = {**entry, **more}
        elif entry != _core(CORE[action.key]):
            made[(action.key,)] = entry
    return made


def _core(action: ActionType) -> dict[str, Any]:
    return {
        "tier": str(action.traits.tier),
        "tool": action.traits.tool,
        "min_confidence": action.min_confidence,
    }


def _keyed(named: Mapping[str, Any]) -> Entries:
    return {(name,): value for name, value in named.items()}
