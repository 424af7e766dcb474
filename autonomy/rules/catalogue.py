"""The core catalogue (A2): what each shipped action type is. Frozen; tenants tighten."""

from collections.abc import Mapping
from typing import Any

from autonomy.rules.actions import ActionType, Reversal, Risk, Tier, Touch, Traits

Schema = dict[str, Any]

LINE: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
PARAGRAPHS: Schema = {"type": "string", "minLength": 1, "maxLength": 8000}
REFERENCE: Schema = {"type": "string", "format": "uuid"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
AMOUNT: Schema = {"type": "number", "minimum": 0, "maximum": 1e12}
PERCENT: Schema = {"type": "number", "minimum": 0, "maximum": 100}
STAGES = [
    "prospecting", "discovery", "qualification", "evaluation", "negotiation",
    "closed_won", "closed_lost", "stalled",
]  # fmt: skip


def _shape(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


MESSAGE = _shape({"subject": LINE, "body": PARAGRAPHS})
CHAT = _shape({"text": PARAGRAPHS}, channel=LINE)
NOTE = _shape({"text": PARAGRAPHS})
TASK = _shape({"title": LINE}, due=DAY, details=PARAGRAPHS)
BRIEF = _shape({"title": LINE}, focus=PARAGRAPHS)
MEETING = _shape(
    {"title": LINE, "start": MOMENT},
    minutes={"type": "integer", "minimum": 5, "maximum": 480},
    agenda=PARAGRAPHS,
)
STAGE = _shape({"to_stage": {"type": "string", "enum": STAGES}}, note=PARAGRAPHS)
EARLY_STAGE = _shape(
    {"to_stage": {"type": "string", "enum": STAGES[:3]}}, note=PARAGRAPHS
)
FIELD = _shape({"field": LINE, "value": {"type": ["string", "number", "boolean"]}})
OFFER = _shape({"summary": PARAGRAPHS}, amount=AMOUNT)
PRICE = _shape({"amount": AMOUNT, "reason": PARAGRAPHS})
DISCOUNT = _shape({"percent": PERCENT, "reason": PARAGRAPHS})
REASONED = _shape({"reason": PARAGRAPHS}, urgency={"enum": ["normal", "high"]})
FORECAST = _shape(
    {"category": {"type": "string", "enum": ["pipeline", "best_case", "commit"]}},
    amount=AMOUNT,
    close_date=DAY,
)

A_MESSAGE = {"subject": "After our call", "body": "Here is what we agreed on."}
A_NOTE = {"text": "Usage fell by a third since Monday."}
A_MEETING = {"title": "Review of the quarter", "start": "2026-12-01T10:00:00Z"}
A_REASON = {"reason": "Two critical tickets are open and the renewal is near."}


def _type(
    tier: Tier,
    key: str,
    risk: Risk,
    reversal: Reversal,
    tool: str,
    schema: Schema,
    example: Mapping[str, Any],
    *,
    external: bool = False,
    touches: tuple[str, ...] = (),
    idempotent: bool = True,
) -> ActionType:
    return ActionType(
        key=key,
        traits=Traits(
            tier=tier.value,
            risk_level=risk.value,
            external_contact=external,
            touches=touches,
            reversal=reversal.value,
            idempotent=idempotent,
            tool=tool,
        ),
        schema=schema,
        example=example,
    )


def _autonomous(*rest: Any, **more: Any) -> ActionType:
    return _type(Tier.AUTONOMOUS, *rest, **more)


def _approved(*rest: Any, **more: Any) -> ActionType:
    return _type(Tier.APPROVAL_REQUIRED, *rest, **more)


def _stopped(
    key: str, schema: Schema, example: Mapping[str, Any], **more: Any
) -> ActionType:
    return _type(
        Tier.HARD_STOP, key, Risk.HIGH, Reversal.NONE, "", schema, example, **more
    )


R, V = Risk, Reversal

CORE: Mapping[str, ActionType] = {
    action.key: action
    for action in (
        # Autonomous.
        _autonomous("send_follow_up_email", R.LOW, V.RETRACTABLE, "mail.send",
                    MESSAGE, A_MESSAGE, external=True),
        _autonomous("send_routine_response", R.LOW, V.RETRACTABLE, "mail.send",
                    MESSAGE, A_MESSAGE, external=True),
        _autonomous("send_chat_message", R.LOW, V.RETRACTABLE, "chat.send",
                    CHAT, {"text": "The report you asked for is in your folder."},
                    external=True),
        _autonomous("schedule_meeting", R.LOW, V.INVERSE, "calendar.meeting",
                    MEETING, A_MEETING, external=True),
        _autonomous("qualify_conversation", R.LOW, V.INVERSE, "internal.interaction",
                    _shape({"summary": PARAGRAPHS},
                           fit={"enum": ["low", "medium", "high"]}),
                    {"summary": "Budget and owner are named.", "fit": "high"}),
        _autonomous("progress_early_stage", R.LOW, V.INVERSE, "crm.stage",
                    EARLY_STAGE, {"to_stage": "discovery"}, touches=(Touch.STAGE.value,)),
        _autonomous("update_account_context", R.MINIMAL, V.INVERSE, "internal.context",
                    FIELD, {"field": "champion", "value": "Head of operations"}),
        _autonomous("create_briefing", R.MINIMAL, V.INVERSE, "internal.brief",
                    BRIEF, {"title": "Before the review"}),
        _autonomous("log_interaction", R.MINIMAL, V.INVERSE, "internal.interaction",
                    _shape({"summary": PARAGRAPHS},
                           channel={"enum": ["call", "email", "meeting", "chat"]}),
                    {"summary": "Called about the open ticket.", "channel": "call"}),
        _autonomous("create_internal_note", R.MINIMAL, V.INVERSE, "internal.note",
                    NOTE, A_NOTE),
        _autonomous("create_follow_up_task", R.MINIMAL, V.INVERSE, "internal.task",
                    TASK, {"title": "Call about the renewal", "due": "2026-12-01"}),
        _autonomous("generate_meeting_brief", R.MINIMAL, V.INVERSE, "internal.brief",
                    BRIEF, {"title": "For the meeting on Tuesday"}),
        _autonomous("draft_email", R.LOW, V.INVERSE, "mail.draft",
                    MESSAGE, A_MESSAGE),
        _autonomous("open_approval_request", R.LOW, V.INVERSE,
                    "internal.approval_request", REASONED, A_REASON),
        _autonomous("prep_renewal_brief", R.MINIMAL, V.INVERSE, "internal.brief",
                    BRIEF, {"title": "Renewal in sixty days"}),
        # A person approves.
        _approved("send_proposal", R.HIGH, V.NONE, "mail.send", OFFER,
                  {"summary": "Three years, as discussed."}, external=True),
        _approved("discuss_pricing", R.HIGH, V.NONE, "mail.send", OFFER,
                  {"summary": "What a larger team would cost."}, external=True),
        _approved("negotiate_terms", R.HIGH, V.NONE, "mail.send", OFFER,
                  {"summary": "A longer term of notice."}, external=True),
        _approved("progress_past_evaluation", R.MEDIUM, V.INVERSE, "crm.stage",
                  STAGE, {"to_stage": "negotiation"}, touches=(Touch.STAGE.value,)),
        _approved("contact_c_suite", R.HIGH, V.RETRACTABLE, "mail.send",
                  MESSAGE, A_MESSAGE, external=True),
        _approved("share_minutes_externally", R.MEDIUM, V.RETRACTABLE, "mail.send",
                  MESSAGE, A_MESSAGE, external=True),
        _approved("modify_account_plan", R.MEDIUM, V.INVERSE, "internal.context",
                  FIELD, {"field": "goal", "value": "Renew before spring"}),
        _approved("escalate_to_management", R.MEDIUM, V.COMPENSATE,
                  "internal.escalation", REASONED, A_REASON),
        _approved("send_email", R.MEDIUM, V.RETRACTABLE, "mail.send",
                  MESSAGE, A_MESSAGE, external=True),
        _approved("contact_customer", R.MEDIUM, V.RETRACTABLE, "mail.send",
                  MESSAGE, A_MESSAGE, external=True),
        _approved("change_opportunity_stage", R.MEDIUM, V.INVERSE, "crm.stage",
                  STAGE, {"to_stage": "qualification"}, touches=(Touch.STAGE.value,)),
        _approved("change_forecast", R.MEDIUM, V.INVERSE, "crm.field",
                  FORECAST, {"category": "best_case"}, touches=(Touch.FORECAST.value,)),
        _approved("modify_pricing", R.HIGH, V.INVERSE, "crm.field", PRICE,
                  {"amount": 12000, "reason": "As agreed for the pilot."},
                  touches=(Touch.PRICE.value,)),
        _approved("modify_discount", R.HIGH, V.INVERSE, "crm.field", DISCOUNT,
                  {"percent": 5, "reason": "Paid a year ahead."},
                  touches=(Touch.DISCOUNT.value,)),
        _approved("request_renewal_meeting", R.MEDIUM, V.RETRACTABLE,
                  "calendar.meeting", MEETING, A_MEETING, external=True),
        _approved("escalate_support_risk", R.MEDIUM, V.COMPENSATE,
                  "internal.escalation", REASONED, A_REASON),
        # Nobody, here.
        _stopped("commit_pricing", PRICE, {"amount": 12000, "reason": "Their offer."},
                 touches=(Touch.PRICE.value,)),
        _stopped("modify_contract", REASONED, {"reason": "A new clause."}),
        _stopped("approve_discount", DISCOUNT, {"percent": 10, "reason": "Loyalty."},
                 touches=(Touch.DISCOUNT.value,)),
        _stopped("strategic_decision", REASONED, {"reason": "Leave the segment."}),
        _stopped("initiate_executive_relationship", REASONED,
                 {"reason": "Their new chief executive."}),
        _stopped("legal_commitment", REASONED, {"reason": "Accept their terms."}),
        _stopped("market_positioning_change", REASONED,
                 {"reason": "Answer to a competitor."}),
    )
}  # fmt: skip

HARD_STOPS = tuple(
    key for key, action in CORE.items() if action.traits.tier == Tier.HARD_STOP
)
# No shipped type is bound to these; a tenant binds those that it wants there.
MORE_TOOLS = frozenset({"calendar.task", "crm.note", "crm.task", "webhook.send"})
# What the house can do by itself; a type is bound to one of these, or to nothing.
TOOLS = tuple(sorted(MORE_TOOLS | {each.traits.tool for each in CORE.values()} - {""}))
