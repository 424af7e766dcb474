"""What a replay shows: the verdict then and now, and what would be done where."""

from typing import Any
from urllib.parse import urlsplit

from autonomy.approve import Judged
from autonomy.models import Intent, Permit, Replay, Tool, Verdict
from autonomy.permits import digest
from autonomy.rules.replays import Refused, differences
from autonomy.rules.verdict import Decision
from autonomy.tools.internal import KINDS, MANUAL
from autonomy.tools.reaching import Way
from ledger.scope import current_tenant


def with_words(row: Replay) -> dict[str, Any]:
    """What it found; the words that it was about are shown where they still stand."""
    result: dict[str, Any] = dict(row.result)
    if "would" not in result:
        return result
    request, words = result["would"]["request"], row.intent.parameters
    same = request["parameters_digest"] == digest(words)
    request = {**request, "parameters": words if same else None}
    return {**result, "would": {**result["would"], "request": request}}


def rehearsed(
    intent: Intent, judged: Judged, way: Way | None, refused: Refused | None
) -> dict[str, Any]:
    """Everything that a dry run has to show."""
    action = judged.answer.action
    tool = action.traits.tool if action else ""
    return {
        **compared(earlier_of(intent), judged),
        "key": str(intent.id),
        "would": {
            **_reaching(tool, way),
            # Whoever acts outside is given the key of the first time.
            "original_key": way is not None,
            "request": _request(intent, judged),
        },
        "may_commit": _may(refused, judged),
    }


def compared(earlier: Verdict | None, judged: Judged) -> dict[str, Any]:
    """What is said of it now, and how that differs from the first time."""
    verdict = judged.verdict.stated()
    now = {**verdict, "facts": judged.answer.facts.sealed()}
    if earlier is None:
        return {"verdict": verdict, "first": None, "differs": {}}
    names = ("decision", "reason", "policy_clause", "explanation", "policy_version")
    first = {name: getattr(earlier, name) for name in names}
    was = {**first, "layers": earlier.layers, "facts": earlier.facts}
    judged_at = {"judged_at": earlier.judged_at.isoformat()}
    return {
        "verdict": verdict,
        "first": {**first, **judged_at},
        "differs": differences(was, now),
    }


def _reaching(tool: str, way: Way | None) -> dict[str, Any]:
    """Who would do it, and where: no secret, and no part of an address that may be one."""
    found: dict[str, Any] = {"tool": tool, "connector": None, "where": None}
    if way is None:
        kind = KINDS.get(tool, MANUAL)
        return {**found, "by": "person" if kind == MANUAL else "house", "kind": kind}
    if isinstance(way.row, Tool):
        parts = urlsplit(way.row.url)
        where = f"{parts.scheme}://{parts.netloc}{parts.path}"
        return {**found, "by": "tool", "kind": str(way.row.effect), "where": where}
    named = {"connector": way.row.name, "kind": str(way.row.kind)}
    return {**found, "by": "connector", **named}


def _request(intent: Intent, judged: Judged) -> dict[str, Any]:
    """What would be said there; words are named by their digest, and shown with it."""
    ids = {
        "account": intent.account_id,
        "opportunity": intent.opportunity_id,
        "contact": intent.contact_id,
        "seller": judged.answer.seller,
    }
    return {
        "action_type": intent.action_type,
        "parameters_digest": digest(intent.parameters),
        **{name: str(id_) if id_ else None for name, id_ in ids.items()},
    }


def _may(refused: Refused | None, judged: Judged) -> dict[str, Any]:
    """Whether it could be gone through for good now, and what would come of that."""
    decision = judged.verdict.decision
    if refused is not None:
        said = {"allowed": False, "code": refused.bar.value, "why": refused.why}
    elif decision is Decision.BLOCK:
        why = judged.verdict.explanation
        said = {"allowed": False, "code": judged.verdict.reason, "why": why}
    else:
        said = {"allowed": True, "code": "", "why": ""}
    return {**said, "decision": decision.value}


def earlier_of(intent: Intent) -> Verdict | None:
    """The verdict that it went by the first time, or the one on its proposal."""
    own = {"tenant_id": current_tenant(), "intent": intent}
    permits = Permit.objects.filter(**own).select_related("verdict").order_by("id")
    permit = permits.first()
    if permit is not None:
        verdict: Verdict = permit.verdict
        return verdict
    return Verdict.objects.filter(**own).order_by("id").first()
