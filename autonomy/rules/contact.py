"""A9: how often, and when, people outside are reached."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from autonomy.rules.actions import said
from autonomy.rules.facts import Facts, Reach
from autonomy.rules.verdict import Judgement, Layer, allow, ask, block, first_of

# What counts where the tenant chose nothing.
CAPS = {"account_per_week": 3, "contact_per_week": 2}


def contact(facts: Facts) -> Judgement:
    """Opt-outs stop; caps and quiet hours ask."""
    layer = Layer.CONTACT
    if facts.traits is not None and facts.traits.external_contact is False:
        return allow(layer, "contact.internal", "It reaches nobody outside.")
    if facts.opted_out:
        return block(
            layer,
            "OPTED_OUT",
            "The contact does not want to be reached.",
        )
    found = [*_unknown(facts), *_capped(facts), *_quiet(facts)]
    if found:
        return first_of(found)
    return allow(layer, "contact.within", "Within caps and hours of contact.")


def is_quiet(
    now: datetime, *, timezone: str, start: str | None, end: str | None
) -> bool:
    """Whether the contact's clock stands within the quiet hours, midnight or not."""
    if not start or not end:
        return False
    clock = now.astimezone(ZoneInfo(timezone)).time()
    begin, finish = time.fromisoformat(start), time.fromisoformat(end)
    if begin <= finish:
        return begin <= clock < finish
    return clock >= begin or clock < finish


def _unknown(facts: Facts) -> list[Judgement]:
    if None not in (facts.contact, facts.opted_out, facts.contact_reach):
        return []
    explanation = f"Whom {said(facts.action_type)} would reach is not known."
    known = facts.traits is not None
    remedy = "it names a contact" if known else "the action type is registered"
    return [ask(Layer.CONTACT, "CONTACT_UNKNOWN", explanation, remedy)]


def _capped(facts: Facts) -> list[Judgement]:
    """Whoever was reached as often as the cap allows; for an account, also where
    nobody knows how often.
    """
    reaches = {"account": facts.account_reach, "contact": facts.contact_reach}
    return [
        ask(
            Layer.CONTACT,
            "CONTACT_CAP",
            f"This {whom} was reached {_often(reach)} in the last seven days, "
            "which is the cap.",
            f"the {whom} is below its weekly cap",
        )
        for whom, reach in reaches.items()
        if (whom == "account" if reach is None else reach.used >= reach.cap)
    ]


def _quiet(facts: Facts) -> list[Judgement]:
    if facts.quiet is False:
        return []
    explanation = "It is in the contact's quiet hours."
    remedy = "the quiet hours are over"
    return [ask(Layer.CONTACT, "QUIET_HOURS", explanation, remedy)]


def _often(reach: Reach | None) -> str:
    if reach is None:
        return "an unknown number of times"
    return "once" if reach.used == 1 else f"{reach.used} times"
