"""Tools of the house: what they leave behind commits with the execution."""

from typing import Any

from autonomy import briefing, notices
from autonomy.models import ContextField, Effect, Execution
from autonomy.rows import Writes, new
from autonomy.rules.actions import said
from autonomy.rules.notices import RAISED
from autonomy.tools.base import Act, End
from ledger.scope import current_tenant

# What each tool leaves behind.
KINDS = {
    "internal.note": "note",
    "internal.task": "task",
    "internal.brief": "brief",
    "mail.draft": "draft",
    "internal.approval_request": "approval_request",
    "internal.context": "context",
    "internal.interaction": "interaction",
    "internal.escalation": "escalation",
}
MANUAL = "manual_task"
# These read nothing and change no row: all that they do is written with what they end.
ONLY_WRITE = frozenset(KINDS) - {"internal.brief", "internal.context"}
LONGEST_FIELD = 200


def fault(tool: str, parameters: dict[str, Any]) -> str:
    """Why a tool cannot do anything with these parameters; empty where it can."""
    if tool != "internal.context":
        return ""
    field = parameters.get("field")
    if isinstance(field, str) and 0 < len(field) <= LONGEST_FIELD:
        return "" if "value" in parameters else "It names no value."
    return f"It names no field of 1 to {LONGEST_FIELD} letters."


def keep(act: Act, kind: str) -> None:
    """What an outside tool did, kept here too."""
    data = {**act.intent.parameters, "contact": _text(act.intent.contact_id)}
    Writes().insert(_effect(act, kind, data, None)).send()


def done(execution: Execution, writes: Writes) -> End:
    """Do what was started, and how that ends."""
    intent, at = execution.intent, execution.started_at
    if said := fault(execution.tool, intent.parameters):
        return End(status=Execution.Status.FAILED, outcome={}, error=said)
    effect = carry_out(Act(execution=execution, intent=intent, at=at), writes)
    outcome = {
        "effect": str(effect.id),
        "kind": effect.kind,
        "by": "person" if effect.kind == MANUAL else "house",
    }
    return End(status=Execution.Status.SUCCEEDED, outcome=outcome)


def carry_out(act: Act, writes: Writes) -> Effect:
    """Do it, in the transaction at hand; what no tool does, a person is asked to do.
    Its effect is among what is written then.
    """
    kind = KINDS.get(act.execution.tool, MANUAL)
    before = None
    data = dict(act.intent.parameters)
    match kind:
        case "context":
            before = _know(act)
        case "brief":
            data = _brief(act)
        case "task" | "draft":
            data["owner"] = _text(act.execution.seller_id)
            data["contact"] = _text(act.intent.contact_id)
        case "approval_request" | "escalation":
            data["for_role"] = "APPROVER"
        case "manual_task":
            data = _by_hand(act)
        case _:
            pass
    effect = _effect(act, kind, data, before)
    writes.insert(effect)
    if kind == "escalation":
        account = act.execution.account_id
        writes.insert(notices.noted(RAISED, effect.id, at=act.at, account=account))
    return effect


def _effect(
    act: Act, kind: str, data: dict[str, Any], before: dict[str, Any] | None
) -> Effect:
    return new(
        Effect,
        tenant_id=current_tenant(),
        execution=act.execution,
        account_id=act.execution.account_id,
        kind=kind,
        data=data,
        before=before,
        created_at=act.at,
    )


def _know(act: Act) -> dict[str, Any]:
    """Set one field of an account's context; what was there before is kept."""
    given = act.intent.parameters
    row, is_new = ContextField.objects.select_for_update().get_or_create(
        tenant_id=current_tenant(),
        account_id=act.execution.account_id,
        field=given["field"],
        defaults={"value": given["value"], "updated_at": act.at},
    )
    if is_new:
        return {"field": row.field, "existed": False}
    before = {"field": row.field, "existed": True, "value": row.value}
    row.value, row.updated_at = given["value"], act.at
    row.save(update_fields=["value", "updated_at"])
    return before


def _brief(act: Act) -> dict[str, Any]:
    return briefing.brief(
        act.execution.account_id,
        intent=act.intent.id,
        action_type=act.intent.action_type,
        asked=act.intent.parameters,
        at=act.at,
    )


def _by_hand(act: Act) -> dict[str, Any]:
    return {
        "action_type": act.intent.action_type,
        "parameters": act.intent.parameters,
        "tool": act.execution.tool,
        "owner": _text(act.execution.seller_id),
        "contact": _text(act.intent.contact_id),
        "opportunity": _text(act.intent.opportunity_id),
        "explanation": f"Nothing here does {said(act.intent.action_type)} by itself; "
        "please do it by hand.",
    }


def _text(id_: Any) -> str | None:
    return str(id_) if id_ else None
