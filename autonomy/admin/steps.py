"""One run as a story: what it began with, what each stage said, what came of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.urls import reverse

from autonomy.admin.walk import ACT, STATUS_TONES, account_link
from autonomy.admin.words import GATED, decided, spaced, stated, tag
from autonomy.models import (
    Approval,
    Execution,
    Intent,
    Run,
    SynthesizerCall,
    Verdict,
)
from autonomy.rules.runs import RunStatus, Stage
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Signal

# A run proposes three at most; calls and refusals may be repeated a little.
MOST = 20
UNTRIED = (RunStatus.RECEIVED, RunStatus.PARKED)


def walk_of(run: Run) -> dict[str, Any]:
    """Everything the page of a run shows, in a constant number of queries."""
    intents = _intents(run)
    return {
        "run": run,
        "account": account_link(run),
        "signal": _signal(run),
        "trigger": _trigger(run),
        "gate": _gate(run),
        "decision": _decision(run),
        "intents": intents,
        "acts": [act for each in intents for act in each["acts"]],
        "is_parked": run.status == RunStatus.PARKED,
    }


def pretty(value: Any) -> str:
    """JSON as a person would write it."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _signal(run: Run) -> dict[str, Any] | None:
    if run.signal_id is None:
        return None
    rows = Signal.objects.filter(tenant_id=current_tenant(), pk=run.signal_id)
    signal = rows.first()
    if signal is None:
        return None
    return {
        "type": spaced(signal.type),
        "source": signal.source or "the API",
        "occurred_at": signal.occurred_at,
        "received_at": signal.received_at,
        "is_known": signal.is_known,
        "depth": signal.depth,
        "payload": pretty(signal.payload),
    }


def _trigger(run: Run) -> dict[str, Any]:
    """Whether it fired; a run that the trigger held back says why."""
    name = spaced(run.trigger).lower()
    if run.stage != Stage.TRIGGER:
        return {"name": name, "said": tag("fired", "good"), "reached": True}
    if run.status in UNTRIED:
        return {"name": name, "said": "", "reached": False}
    return {
        "name": name,
        "said": tag("held back", "wait"),
        "reached": True,
        "reason": stated(run.gate_reason),
        "explanation": run.gate_explanation,
    }


def _gate(run: Run) -> dict[str, Any] | None:
    if not run.gate_result:
        return None
    return {
        "said": tag(*GATED.get(run.gate_result, (run.gate_result, ""))),
        "reason": stated(run.gate_reason),
        "explanation": run.gate_explanation,
        "until": run.defer_until,
        "deferred": run.deferred,
    }


def _decision(run: Run) -> dict[str, Any] | None:
    """Who proposed, on what, and what was not kept."""
    context = run.context or {}
    if not run.decided and "signals" not in context:
        return None
    said = run.decided or {}
    calls = SynthesizerCall.objects.filter(tenant_id=current_tenant(), run=run)
    return {
        "by": said.get("synthesizer", ""),
        "fallback": said.get("fallback", ""),
        "note": said.get("note", ""),
        "tokens": said.get("tokens", 0),
        "cost": said.get("cost", "0"),
        "prompt": (said.get("model") or {}).get("prompt", ""),
        "calls": list(calls.order_by("-id")[:MOST]),
        "refused": _refused(run) if said.get("refused") else [],
        "knew": _knew(context),
        "context": pretty(context) if context else "",
    }


def _refused(run: Run) -> list[dict[str, Any]]:
    rows = Entry.objects.filter(
        tenant_id=current_tenant(), run_id=run.id, kind=Kind.PROPOSAL_REFUSED
    )
    found = rows.order_by("-number").values_list("data", flat=True)[:MOST]
    return [
        {
            "action": spaced(data["action_type"]) or "Something without a name",
            "why": data["detail"] or stated(data["code"]),
        }
        for data in found
    ]


def _knew(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The frozen context in a few lines."""
    if "signals" not in context:
        return []
    account, heat = context["account"], context["account"]["heat"]
    deals = [spaced(each["stage"]) for each in context["opportunities"]]
    # Runs that were frozen before know of no posture and of no goals.
    stands = (context.get("posture") or {}).get("posture") or "not known"
    return [
        ("Account", f"{spaced(account['lifecycle'])}, {heat['tier'].lower()}"),
        ("Posture", spaced(stands).lower()),
        ("Deals", ", ".join(deals) or "none"),
        ("Signals", str(len(context["signals"]))),
        ("Contacts", str(len(context["contacts"]))),
        ("Goals", str(len(context.get("goals", ())))),
        ("Earlier proposals", str(len(context["intents"]))),
        ("Waiting for people", str(context["open_approvals"])),
        ("Frozen at", context["at"][:19].replace("T", " ") + " UTC"),
    ]


def _intents(run: Run) -> list[dict[str, Any]]:
    own = {"tenant_id": current_tenant()}
    rows = list(Intent.objects.filter(**own, run_id=run.id).order_by("rank", "id"))
    ids = [row.id for row in rows]
    verdicts: dict[UUID, Verdict] = {}
    judged = Verdict.objects.filter(**own, intent_id__in=ids).defer("facts", "layers")
    for verdict in judged.order_by("id"):
        verdicts[verdict.intent_id] = verdict
    asked: dict[UUID, Approval] = {}
    for approval in Approval.objects.filter(**own, intent_id__in=ids).order_by("id"):
        asked[approval.intent_id] = approval
    acts: dict[UUID, list[Execution]] = {}
    for act in Execution.objects.filter(**own, intent_id__in=ids).order_by("id"):
        acts.setdefault(act.intent_id, []).append(act)
    return [
        _intent(row, verdicts.get(row.id), asked.get(row.id), acts.get(row.id, ()))
        for row in rows
    ]


def _intent(
    row: Intent,
    verdict: Verdict | None,
    asked: Approval | None,
    acts: Sequence[Execution],
) -> dict[str, Any]:
    return {
        "action": spaced(row.action_type),
        "href": reverse("admin:autonomy_intent_change", args=[row.pk]),
        "state": tag(stated(row.status), STATUS_TONES.get(row.status, "")),
        "confidence": row.confidence,
        "rationale": row.rationale,
        "tainted": row.tainted,
        "parameters": pretty(row.parameters),
        "error": row.error,
        "decided": decided(verdict.decision) if verdict else "",
        "explanation": verdict.explanation if verdict else "",
        "asked": asked
        and {
            "href": reverse("admin:autonomy_approval_change", args=[asked.pk]),
            "status": stated(asked.status),
        },
        "acts": [_act(row, act) for act in acts],
    }


def _act(row: Intent, act: Execution) -> dict[str, Any]:
    tones = {**STATUS_TONES, "STARTED": "wait"}
    return {
        "action": spaced(row.action_type),
        "href": reverse(ACT, args=[act.pk]),
        "state": tag(stated(act.status), tones.get(act.status, "")),
        "let_by": "policy" if act.auto_executed else "a person",
        "tool": act.tool or "by hand",
        "started_at": act.started_at,
        "finished_at": act.finished_at,
        "attempts": act.attempts,
        "error": act.error,
    }
