"""What a decision about an account is worth, from 0 to 1."""

from autonomy.rules.triggers import Trigger

# People and promises first; what merely might matter last.
OF_TRIGGER = {
    Trigger.MANUAL: 1.0,
    Trigger.RITUAL_MORNING_BRIEF: 0.8,
    Trigger.RITUAL_WEEKLY_REVIEW: 0.7,
    Trigger.RITUAL_RENEWAL_RUNWAY: 0.9,
    Trigger.PATTERN_DETECTED: 0.7,
    Trigger.GOAL_BEHIND: 0.6,
    Trigger.LIFECYCLE_CHANGE: 0.6,
    Trigger.POSTURE_CHANGE: 0.6,
}
OF_SIGNAL = {
    "ticket_escalated": 0.9,
    "reply_received": 0.9,
    "product_usage_anomaly": 0.7,
    "meeting_created": 0.6,
    "crm_update": 0.4,
    "hiring": 0.3,
    "news": 0.2,
}
PLAIN = 0.3


def worth(trigger: str, signal_type: str | None, *, heat: float) -> float:
    """The worth of what happened, or the account's heat, whichever is more."""
    of_trigger = {each.value: value for each, value in OF_TRIGGER.items()}
    base = of_trigger.get(trigger, OF_SIGNAL.get(signal_type or "", PLAIN))
    return min(1.0, max(base, heat))
