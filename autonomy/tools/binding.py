"""Tools of integrators as a tenant has them: added, changed, found by their key."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from autonomy.errors import ToolExists
from autonomy.models import Tool
from autonomy.rules.catalogue import TOOLS
from ledger.record import Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import vault
from perception.members import person_acting
from perception.rules.callers import Caller

SHOWN = ("url", "effect", "undo", "timeout_s", "rate_per_s")


def outside(key: str) -> Tool | None:
    """The integrator's tool of this key; None: the house does it, or a person."""
    if not key or key in TOOLS:
        return None
    return Tool.objects.filter(tenant_id=current_tenant(), key=key).first()


def add_tool(given: Mapping[str, Any], *, by: Caller, now: datetime) -> Tool:
    """Add a tool. Its secret is sealed, and shown nowhere."""
    if given["key"] in TOOLS or given["key"].startswith("internal."):
        raise ToolExists(f"{given['key']} is the house's own.")
    tool = Tool(
        tenant_id=current_tenant(),
        key=given["key"],
        sealed_secret=vault.seal(given["secret"]),
        updated_at=now,
        **{name: given[name] for name in SHOWN},
    )
    try:
        with transaction.atomic():
            tool.save(force_insert=True)
    except IntegrityError as error:
        raise ToolExists(f"{tool.key} is one.") from error
    _state(tool, {}, _shown(tool), [], by=by, now=now)
    return tool


def change_tool(
    tool: Tool, given: Mapping[str, Any], *, by: Caller, now: datetime
) -> Tool:
    """Change what differs. A new secret is stated as replaced, never shown."""
    before = _shown(tool)
    changed = [name for name in SHOWN if name in given and given[name] != before[name]]
    values = {name: given[name] for name in changed}
    secret = ["secret"] if given.get("secret") else []
    if secret:
        values["sealed_secret"] = vault.seal(given["secret"])
    if not values:
        return tool
    values["updated_at"] = now
    Tool.objects.filter(tenant_id=current_tenant(), pk=tool.pk).update(**values)
    tool.refresh_from_db()
    after = _shown(tool)
    kept = {name: before[name] for name in changed}
    _state(tool, kept, {name: after[name] for name in changed}, secret, by=by, now=now)
    return tool


def _shown(tool: Tool) -> dict[str, Any]:
    return {name: getattr(tool, name) for name in SHOWN}


def _state(
    tool: Tool,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    replaced: list[str],
    *,
    by: Caller,
    now: datetime,
) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=person_acting(by),
            subjects={"tool": tool.id},
            data={
                "setting": "tool",
                "key": tool.key,
                "before": before,
                "after": after,
                "replaced": replaced,
            },
        ),
        now=now,
    )
