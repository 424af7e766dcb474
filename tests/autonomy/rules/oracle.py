"""The verdict, said once more from the requirements: one table, read from the top."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from autonomy.rules.facts import Facts

BLOCK, ASK, AUTO = "BLOCK", "REQUIRE_APPROVAL", "AUTO_EXECUTE"
CHAIN = {BLOCK: 0, ASK: 1, AUTO: 2}
ORDER = (
    "kill_switch", "tier", "stage", "floor", "reversal",
    "mode", "schedule", "contact", "policy", "budget",
)  # fmt: skip

# A2, type by type.
TIERS = {
    "AUTONOMOUS": [
        "send_follow_up_email", "send_routine_response", "send_chat_message",
        "schedule_meeting", "qualify_conversation", "progress_early_stage",
        "update_account_context", "create_briefing", "log_interaction",
        "create_internal_note", "create_follow_up_task", "generate_meeting_brief",
        "draft_email", "open_approval_request", "prep_renewal_brief",
    ],
    "APPROVAL_REQUIRED": [
        "send_proposal", "discuss_pricing", "negotiate_terms",
        "progress_past_evaluation", "contact_c_suite", "share_minutes_externally",
        "modify_account_plan", "escalate_to_management", "send_email",
        "contact_customer", "change_opportunity_stage", "change_forecast",
        "modify_pricing", "modify_discount", "request_renewal_meeting",
        "escalate_support_risk",
    ],
    "HARD_STOP": [
        "commit_pricing", "modify_contract", "approve_discount", "strategic_decision",
        "initiate_executive_relationship", "legal_commitment",
        "market_positioning_change",
    ],
}  # fmt: skip
EXTERNAL = [
    "send_follow_up_email", "send_routine_response", "send_chat_message",
    "schedule_meeting", "send_proposal", "discuss_pricing", "negotiate_terms",
    "contact_c_suite", "share_minutes_externally", "send_email", "contact_customer",
    "request_renewal_meeting",
]  # fmt: skip
TOUCHES = {
    "progress_early_stage": "stage",
    "progress_past_evaluation": "stage",
    "change_opportunity_stage": "stage",
    "change_forecast": "forecast",
    "modify_pricing": "price",
    "commit_pricing": "price",
    "modify_discount": "discount",
    "approve_discount": "discount",
}
# Type: tier, whether it reaches outside, the fields that it touches.
CATALOGUE = {
    key: (tier, key in EXTERNAL, (TOUCHES[key],) if key in TOUCHES else ())
    for tier, keys in TIERS.items()
    for key in keys
}

GATED = {"evaluation", "negotiation", "closed_won", "closed_lost"}
OPEN = {None, "prospecting", "discovery", "qualification", "stalled"}
LADDER = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
STARTED = {"ritual", "plan"}
ORIGINS = {"signal", "agent", *STARTED}


class Act(NamedTuple):
    """What the rows ask of an act; of an unknown one, the strictest is assumed."""

    known: bool = False
    tier: str = "UNKNOWN"
    external: bool = True
    touches: tuple[str, ...] = ()
    risk: str = "UNKNOWN"
    reversal: str = "UNKNOWN"
    idempotent: bool = False
    tool: str = ""
    mode: str = "APPROVAL"
    confidence: float = 0.0
    sure: bool = False


def act(facts: Facts) -> Act:
    """The catalogue's word where it has one, else that of whoever added the type."""
    number = facts.confidence
    sure = number is not None and 0 <= number <= 1
    modes = [each.mode for each in facts.modes or () if each.mode is not None]
    rest = {
        "mode": modes[0] if modes else "APPROVAL",
        "confidence": number if sure else 0.0,
        "sure": sure,
    }
    if facts.traits is None:
        return Act(**rest)
    told = facts.traits
    added = (told.tier, told.external_contact, told.touches)
    tier, external, touches = CATALOGUE.get(facts.action_type, added)
    return Act(
        known=True,
        tier=tier,
        external=external,
        touches=touches,
        risk=_risk(told.risk_level, facts.risk_level),
        reversal=told.reversal,
        idempotent=told.idempotent,
        tool=told.tool,
        **rest,
    )


def _risk(*named: str | None) -> str:
    """The worst that anybody named; a word that nobody knows is worse than all."""
    risks = [risk for risk in named if risk is not None]
    unknown = [risk for risk in risks if risk not in LADDER]
    return unknown[0] if unknown else max(risks, key=LADDER.index)


class Row(NamedTuple):
    """Where it holds, the layer says this; of a layer's rows, the first that holds."""

    layer: str
    ceiling: str
    reason: str
    holds: Callable[[Facts, Act], bool]


ROWS = (
    Row("kill_switch", BLOCK, "KILL_SWITCH_UNREADABLE", lambda f, a: f.switches is None),
    Row("kill_switch", BLOCK, "KILL_SWITCH",
        lambda f, a: not all(each.returning for each in f.switches or ())),
    Row("kill_switch", ASK, "KILL_SWITCH_RETURNING", lambda f, a: f.switches != ()),
    Row("tier", ASK, "UNKNOWN_ACTION", lambda f, a: not a.known),
    Row("tier", BLOCK, "HARD_STOP", lambda f, a: a.tier == "HARD_STOP"),
    Row("tier", ASK, "APPROVAL_TIER", lambda f, a: a.tier != "AUTONOMOUS"),
    Row("stage", ASK, "STAGE_GATED", lambda f, a: f.stage in GATED),
    Row("stage", ASK, "UNKNOWN_STAGE", lambda f, a: f.stage not in OPEN),
    Row("floor", ASK, "UNKNOWN_ACTION", lambda f, a: not a.known),
    Row("floor", ASK, "EXTERNAL_CONTACT",
        lambda f, a: a.external
        and (a.tier != "AUTONOMOUS" or f.tainted or not f.profile)),
    Row("floor", ASK, "PROTECTED_FIELD", lambda f, a: a.touches != ()),
    Row("floor", ASK, "RISK_LEVEL_HIGH", lambda f, a: a.risk == "HIGH"),
    Row("floor", ASK, "RISK_LEVEL_MEDIUM", lambda f, a: a.risk == "MEDIUM"),
    Row("floor", ASK, "RISK_LEVEL_UNKNOWN", lambda f, a: a.risk not in LADDER),
    Row("reversal", ASK, "UNKNOWN_ACTION", lambda f, a: not a.known),
    Row("reversal", ASK, "NO_TOOL", lambda f, a: a.tool == ""),
    Row("reversal", ASK, "NOT_REVERSIBLE",
        lambda f, a: a.reversal not in ("RETRACTABLE", "INVERSE")),
    Row("reversal", ASK, "NOT_IDEMPOTENT", lambda f, a: not a.idempotent),
    Row("mode", ASK, "LAYER_ERROR", lambda f, a: f.modes is None),
    Row("mode", BLOCK, "MODE_DISABLED", lambda f, a: a.mode == "DISABLED"),
    Row("mode", ASK, "MODE_ASSIST", lambda f, a: a.mode == "ASSIST"),
    Row("mode", ASK, "MODE_APPROVAL", lambda f, a: a.mode == "APPROVAL"),
    Row("mode", ASK, "UNKNOWN_MODE",
        lambda f, a: a.mode not in ("AUTOPILOT", "SCHEDULED")),
    Row("mode", ASK, "UNKNOWN_ORIGIN", lambda f, a: f.origin not in ORIGINS),
    Row("mode", ASK, "MODE_AUTOPILOT",
        lambda f, a: f.origin in STARTED and a.mode == "AUTOPILOT"),
    Row("schedule", ASK, "NOT_OPTED_IN",
        lambda f, a: f.origin in STARTED and not f.opted_in),
    Row("schedule", ASK, "NO_BUDGET",
        lambda f, a: f.origin in STARTED and f.budgets == ()),
    Row("schedule", ASK, "DIGEST_NOT_DELIVERED",
        lambda f, a: f.origin in STARTED and f.digest_delivered is not True),
    Row("contact", BLOCK, "OPTED_OUT", lambda f, a: a.external and f.opted_out is True),
    Row("contact", ASK, "CONTACT_UNKNOWN",
        lambda f, a: a.external and None in (f.contact, f.opted_out, f.contact_reach)),
    Row("contact", ASK, "CONTACT_CAP", lambda f, a: a.external and _capped(f)),
    Row("contact", ASK, "QUIET_HOURS", lambda f, a: a.external and f.quiet is not False),
    Row("policy", ASK, "POLICY_ERROR", lambda f, a: f.modes is None),
    Row("policy", BLOCK, "HARD_STOP", lambda f, a: a.tier == "HARD_STOP"),
    Row("policy", ASK, "CONFIDENCE_INVALID", lambda f, a: not a.sure),
    Row("policy", ASK, "CONFIDENCE_LOW", lambda f, a: a.confidence < f.min_confidence),
    Row("policy", ASK, "AMOUNT_OVER_CAP",
        lambda f, a: f.amount_cap is not None and f.amount > f.amount_cap),
    Row("policy", ASK, "OUTSIDE_HOURS", lambda f, a: not f.within_hours),
    Row("policy", ASK, "TAINTED_EVIDENCE", lambda f, a: f.tainted and a.external),
    Row("policy", ASK, "TENANT_POLICY",
        lambda f, a: not f.allowlisted
        or a.tier != "AUTONOMOUS"
        or a.risk not in LADDER[:2]),
    Row("budget", ASK, "NO_BUDGET", lambda f, a: f.budgets == ()),
    Row("budget", ASK, "BUDGET_EXHAUSTED",
        lambda f, a: any(each.used >= each.limit for each in f.budgets)),
)  # fmt: skip


def _capped(facts: Facts) -> bool:
    reaches = (facts.account_reach, facts.contact_reach)
    return any(each is None or each.used >= each.cap for each in reaches)


def layers(facts: Facts) -> dict[str, tuple[str, str]]:
    """What every layer says, in the order of the contract."""
    found: dict[str, tuple[str, str]] = {}
    what = act(facts)
    for layer, ceiling, reason, holds in ROWS:
        if layer not in found and holds(facts, what):
            found[layer] = (ceiling, reason)
    if facts.review and not found:
        # N7: nothing else stands in the way, and chance sends it to a person.
        found["mode"] = (ASK, "REVIEW_SAMPLE")
    return {layer: found.get(layer, (AUTO, "ALLOWED")) for layer in ORDER}


def expected(facts: Facts) -> tuple[str, str]:
    """The lowest ceiling, and the reason of the first layer that attains it."""
    return min(layers(facts).values(), key=lambda said: CHAIN[said[0]])


def seen(facts: Facts) -> dict[str, Any]:
    """A10: the facts as a clause sees them."""
    what = act(facts)
    same = [
        "action_type", "lifecycle", "origin", "min_confidence", "allowlisted",
        "amount", "within_hours", "tainted", "opted_in", "profile",
    ]  # fmt: skip
    return {
        **{name: getattr(facts, name) for name in same},
        "tier": what.tier,
        "risk_level": what.risk,
        "external_contact": what.external,
        "touches": list(what.touches),
        "reversal": what.reversal,
        "idempotent": what.idempotent,
        "stage": "" if facts.stage is None else facts.stage,
        "mode": what.mode,
        "confidence": what.confidence,
        "amount_cap": 1e15 if facts.amount_cap is None else facts.amount_cap,
    }


def difference(verdict: Any, wanted: Mapping[str, tuple[str, str]]) -> str:
    """Where a verdict is not what the layers, as expected, add up to; else nothing."""
    said = {each.layer: (each.decision, each.reason) for each in verdict.layers}
    if list(said.items()) != list(wanted.items()) or len(said) != len(verdict.layers):
        wrong = {
            each: said.get(each) for each in wanted if said.get(each) != wanted[each]
        }
        return (
            f"layers say {wrong}, expected { ({each: wanted[each] for each in wrong}) }"
        )
    lowest = min(wanted, key=lambda layer: CHAIN[wanted[layer][0]])
    # Where nothing stands in the way, the tenant's policy is what allowed it.
    speaker = "policy" if wanted[lowest][0] == AUTO else lowest
    spoken = next(each for each in verdict.layers if each.layer == speaker)
    told = (
        verdict.decision, verdict.reason, verdict.policy_clause, verdict.explanation
    )  # fmt: skip
    if told != (*wanted[speaker], spoken.clause, spoken.explanation):
        return f"it says {told}, expected {wanted[speaker]} of {spoken}"
    if not all(
        each.clause and each.reason and each.explanation for each in verdict.layers
    ):
        return f"a layer is silent: {verdict.layers}"
    return ""
