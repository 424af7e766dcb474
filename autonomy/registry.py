"""Action types as a tenant has them: the frozen core, tightened, and its own beside it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction

from autonomy.errors import (
    AlreadyRegistered,
    LoosensTier,
    NoSuchActionType,
    NoSuchTool,
)
from autonomy.models import ActionRow, Tool
from autonomy.rows import Writes
from autonomy.rules.actions import ActionType, Reversal, Traits, may_tighten, normalise
from autonomy.rules.catalogue import CORE, TOOLS
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.members import person_acting
from perception.rules.callers import Caller

Row = Mapping[str, Any]
COLUMNS = ("key", "tier", "tool", "min_confidence", "declared")
# The tenant's rows, for who reads something else of the tenant besides.
ROWS = (
    "action_rows",
    """(SELECT jsonb_agg(jsonb_build_object('key', c.key, 'tier', c.tier, 'tool', c.tool,
'min_confidence', c.min_confidence, 'declared', c.declared) ORDER BY c.key)::text
FROM autonomy_actionrow c WHERE c.tenant_id = t.tenant_id)""",
)


def all_types() -> list[ActionType]:
    """Every type of the tenant in scope, the core first."""
    found = Writes().find(
        ActionRow, "t.tenant_id = %s ORDER BY t.key", [current_tenant()]
    )
    return _merged({name: getattr(row, name) for name in COLUMNS} for row in found)


def types_of(action_rows: str | None) -> list[ActionType]:
    """The same, of rows that were read along."""
    # Most tenants have none.
    return _merged(orjson.loads(action_rows)) if action_rows else [*CORE.values()]


def _merged(found: Iterable[Row]) -> list[ActionType]:
    rows = {row["key"]: row for row in found}
    keys = [*CORE, *(key for key in rows if key not in CORE)]
    tools = _tools(row["tool"] for row in rows.values())
    merged = (
        merge(key, row, tools.get(row["tool"] if row else ""))
        for key, row in ((key, rows.get(key)) for key in keys)
    )
    return [each for each in merged if each is not None]


def one_type(key: str) -> ActionType:
    """One type of the tenant in scope."""
    wanted = normalise(key)
    rows = ActionRow.objects.filter(tenant_id=current_tenant(), key=wanted)
    row = rows.values(*COLUMNS).first()
    bound = row["tool"] if row else None
    found = merge(wanted, row, _tools([bound]).get(bound or ""))
    if found is None:
        raise NoSuchActionType(f"{key!r} is not the key of one.")
    return found


def tools() -> set[str]:
    """The tools that types of the tenant in scope are bound to."""
    return {each.traits.tool for each in all_types() if each.traits.tool}


def merge(key: str, row: Row | None, tool: Row | None = None) -> ActionType | None:
    """The type that a tenant's row makes of the shipped one, or declares.

    `tool`: `effect` and `undo` of the integrator's tool that the row names, if any.
    """
    shipped = CORE.get(key) or _own(key, row)
    if shipped is None or row is None:
        return shipped
    traits = shipped.traits
    tier = row["tier"] or traits.tier
    bound = traits.tool if row["tool"] is None else row["tool"]
    reversal, idempotent = _as_its_tool_does(traits, bound, tool)
    return ActionType(
        key=key,
        traits=Traits(
            # A row that somehow loosens is not believed.
            tier=tier if may_tighten(traits.tier, tier) else traits.tier,
            risk_level=traits.risk_level,
            external_contact=traits.external_contact,
            touches=traits.touches,
            reversal=reversal,
            idempotent=idempotent,
            tool=bound,
        ),
        schema=shipped.schema,
        example=shipped.example,
        min_confidence=row["min_confidence"],
    )


def change_type(
    key: str, given: Mapping[str, Any], *, by: Caller, now: datetime
) -> ActionType:
    """Tighten a type, bind it to a tool, raise its minimum; loosening is refused."""
    before = one_type(key)
    tier = given.get("tier", before.traits.tier)
    if not may_tighten(before.traits.tier, tier):
        raise LoosensTier(f"{before.key} is {before.traits.tier}.")
    _insist_on_tool(given.get("tool", ""))
    ActionRow.objects.update_or_create(
        tenant_id=current_tenant(),
        key=before.key,
        defaults={
            "tier": tier,
            "tool": given.get("tool", before.traits.tool),
            "min_confidence": given.get("min_confidence", before.min_confidence),
            "updated_at": now,
        },
    )
    after = one_type(key)
    if after != before:
        _state(before.key, _shown(before), _shown(after), by=by, now=now)
    return after


def add_type(given: Mapping[str, Any], *, by: Caller, now: datetime) -> ActionType:
    """Register a type of the tenant's own beside the core."""
    key = given["key"]
    if key in CORE:
        raise AlreadyRegistered(f"{key} is shipped.")
    _insist_on_tool(given["tool"])
    declared = {
        name: given[name]
        for name in (
            "tier", "risk_level", "external_contact", "touches", "reversal",
            "idempotent", "schema", "example",
        )
    }  # fmt: skip
    try:
        with transaction.atomic():
            ActionRow.objects.create(
                tenant_id=current_tenant(),
                key=key,
                tool=given["tool"],
                min_confidence=given["min_confidence"],
                declared=declared,
                updated_at=now,
            )
    except IntegrityError as error:
        raise AlreadyRegistered(f"{key} is one.") from error
    made = one_type(key)
    _state(key, None, _shown(made), by=by, now=now)
    return made


def _as_its_tool_does(traits: Traits, bound: str, tool: Row | None) -> tuple[str, bool]:
    """An integrator's tool undoes and repeats what it says it does; one that nobody
    knows, nothing.
    """
    if not bound or bound in TOOLS:
        return traits.reversal, traits.idempotent
    undoes = tool is not None and bool(tool["undo"])
    repeats = tool is not None and tool["effect"] == Tool.Effects.KEYED
    lost = traits.reversal == Reversal.INVERSE and not undoes
    reversal = Reversal.NONE.value if lost else traits.reversal
    return reversal, traits.idempotent and repeats


def _tools(keys: Iterable[str | None]) -> dict[str, Row]:
    """What registration needs to know of the integrators' tools."""
    wanted = [key for key in keys if key and key not in TOOLS]
    if not wanted:
        return {}
    rows = Tool.objects.filter(tenant_id=current_tenant(), key__in=wanted)
    return {row["key"]: row for row in rows.values("key", "effect", "undo")}


def _insist_on_tool(key: str) -> None:
    """Refuse to bind a type to what is not there."""
    if key and key not in TOOLS and not _tools([key]):
        raise NoSuchTool(f"{key!r} is not the key of one.")


def _own(key: str, row: Row | None) -> ActionType | None:
    if row is None or row["declared"] is None:
        return None
    declared = row["declared"]
    return ActionType(
        key=key,
        traits=Traits(
            tier=declared["tier"],
            risk_level=declared["risk_level"],
            external_contact=declared["external_contact"],
            touches=tuple(declared["touches"]),
            reversal=declared["reversal"],
            idempotent=declared["idempotent"],
            tool=row["tool"] or "",
        ),
        schema=declared["schema"],
        example=declared["example"],
    )


def _shown(action: ActionType) -> dict[str, Any]:
    return {
        "tier": action.traits.tier,
        "tool": action.traits.tool,
        "min_confidence": action.min_confidence,
    }


def _state(key: str, before: Any, after: Any, *, by: Caller, now: datetime) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by),
            data={
                "setting": "action_type",
                "key": key,
                "before": before,
                "after": after,
            },
        ),
        now=now,
    )
