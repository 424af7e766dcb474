"""D4: the table of what helps in which situation, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass

Move = tuple[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """A situation in words, and the actions that help in it, with how sure each is."""

    says: str
    moves: tuple[Move, ...]


def _play(says: str, *moves: Move) -> Play:
    return Play(says=says, moves=moves)


NOTE, TASK = "create_internal_note", "create_follow_up_task"
BRIEF, DRAFT, KNOW = "create_briefing", "draft_email", "update_account_context"
MAIL, CHAT = "send_follow_up_email", "send_chat_message"

PLAYS: Mapping[str, Play] = {
    "crm_update": _play("The CRM changed", (NOTE, 0.76), (TASK, 0.72)),
    "meeting_created": _play(
        "A meeting was set", ("generate_meeting_brief", 0.85), (TASK, 0.74)
    ),
    "ticket_escalated": _play(
        "A support ticket was escalated",
        (TASK, 0.84), (NOTE, 0.8), ("escalate_support_risk", 0.65),
    ),
    "ticket_escalated.bad": _play(
        "A critical support ticket was escalated",
        (TASK, 0.88), (NOTE, 0.84), ("escalate_support_risk", 0.8),
    ),
    "news": _play("There is news about the account", (NOTE, 0.72), (BRIEF, 0.7)),
    "hiring": _play(
        "The account is hiring", (NOTE, 0.72), (DRAFT, 0.7), (MAIL, 0.6)
    ),
    "product_usage_anomaly": _play(
        "Usage of the product is out of the ordinary",
        (TASK, 0.78), (NOTE, 0.76), (MAIL, 0.62),
    ),
    "product_usage_anomaly.down": _play(
        "Usage of the product fell", (TASK, 0.84), (NOTE, 0.8), (MAIL, 0.7)
    ),
    "product_usage_anomaly.up": _play(
        "Usage of the product grew", (DRAFT, 0.78), (NOTE, 0.76), (MAIL, 0.68)
    ),
    "lifecycle_change": _play(
        "The account entered another phase", (KNOW, 0.85), (BRIEF, 0.76)
    ),
    "lifecycle_change.bad": _play(
        "The account churned",
        (NOTE, 0.85), (TASK, 0.8), ("escalate_to_management", 0.75),
    ),
    "posture_change": _play("The account's posture changed", (NOTE, 0.78), (TASK, 0.74)),
    "posture_change.bad": _play(
        "The account is at risk",
        (NOTE, 0.84), (TASK, 0.82), ("escalate_to_management", 0.72),
    ),
    "posture_change.up": _play(
        "The account is ready for more", (DRAFT, 0.76), (TASK, 0.74), (MAIL, 0.68)
    ),
    "reply_received": _play(
        "The account replied", (TASK, 0.86), (DRAFT, 0.76), ("send_routine_response", 0.62)
    ),
    "reply_received.down": _play(
        "The account replied, and is not happy", (TASK, 0.88), (NOTE, 0.8)
    ),
    "execution_outcome": _play("An act has ended", ("log_interaction", 0.78)),
    "execution_outcome.bad": _play("An act failed", (TASK, 0.8), (NOTE, 0.76)),
    "unknown": _play("Something of an unregistered kind happened", (NOTE, 0.7)),
    "pattern.buying_signal": _play(
        "There are signs that they want to buy", (DRAFT, 0.8), (TASK, 0.76), (MAIL, 0.74)
    ),
    "pattern.risk.bad": _play(
        "There are signs of a grave risk",
        (NOTE, 0.84), (TASK, 0.8), ("escalate_to_management", 0.78),
    ),
    "pattern.risk": _play(
        "There are signs of a risk", (TASK, 0.78), (DRAFT, 0.74), (MAIL, 0.7)
    ),
    "pattern.engagement_change": _play(
        "They engage differently than before", (NOTE, 0.75), (CHAT, 0.68)
    ),
    "pattern.cross_account_pattern": _play("Other accounts show the same"),
    "goal.revenue": _play(
        "The goal for revenue is behind", (TASK, 0.76), (DRAFT, 0.74), (MAIL, 0.7)
    ),
    "goal.pipeline": _play(
        "The goal for pipeline is behind", (TASK, 0.76), (DRAFT, 0.74), (MAIL, 0.7)
    ),
    "goal.activity": _play(
        "The goal for activity is behind", (TASK, 0.76), ("schedule_meeting", 0.7)
    ),
    "goal.quality": _play(
        "The goal for quality is behind", ("qualify_conversation", 0.74), (TASK, 0.72)
    ),
    "renewal": _play(
        "The renewal is near",
        ("prep_renewal_brief", 0.86), (TASK, 0.8), ("request_renewal_meeting", 0.7),
    ),
    "renewal_window_entered": _play(
        "The renewal came near",
        ("prep_renewal_brief", 0.86), (TASK, 0.8), ("request_renewal_meeting", 0.7),
    ),
    "no_engagement": _play(
        "Nobody there was heard of for a month", (TASK, 0.78), (DRAFT, 0.74), (MAIL, 0.66)
    ),
    "morning": _play("A new day begins", (BRIEF, 0.8), (TASK, 0.74)),
    "weekly": _play("The week is reviewed", (NOTE, 0.76), (TASK, 0.74)),
    "asked": _play("Somebody asked what to do", (BRIEF, 0.8), (TASK, 0.74)),
}  # fmt: skip
