"""Questions to go into a talk with, by rules: each names its rule and what it saw."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from autonomy.rules.brief_events import LATELY, recent, source_of
from autonomy.rules.brief_facts import Deal, Facts, Heard, Line, Source, day, line, many

RENEWAL_DAYS = 60
# Fewer people than this were heard of within so long: too few to rest a deal on.
FEW, PEOPLE_IN = 2, timedelta(days=60)
UNANSWERED = timedelta(days=1)
CLOSED = frozenset({"closed_won", "closed_lost"})
LATE = frozenset({"evaluation", "negotiation"})
GRAVE = frozenset({"high", "critical", "urgent", "blocker", "p0", "p1"})

PATTERNS = {
    "leaving": ("people risk", "Who takes over from the person who is leaving?"),
    "freeze": ("price risk", "What is frozen or delayed, until when, and who decides?"),
    "choice": ("risk", "Whom else do they lean towards, and what would decide it?"),
    "budget": ("price", "How large is the budget, who holds it, and until when?"),
    "comparison": ("price", "What do they compare us with, and by what?"),
    "urgency": ("deal", "By when do they need it, and what happens then?"),
    "silence": ("risk", "Why did they fall silent, and who else can be asked?"),
}


def questions(facts: Facts) -> list[Line]:
    """Everything worth asking, what presses most first."""
    return [found for rule in RULES for found in rule(facts)]


def renewals(facts: Facts) -> list[tuple[int, Deal]]:
    """Deals that renew from today on, with the days until then, the nearest first."""
    today = facts.at.date()
    left = [
        ((each.renewal - today).days, each)
        for each in facts.deals
        if each.renewal and each.renewal >= today and each.stage != "closed_lost"
    ]
    return sorted(left, key=lambda found: (found[0], found[1].id))


def heard_of(facts: Facts) -> dict[str, list[Source]]:
    """Who took part lately by themselves, with where; strangers under their marks."""
    found: dict[str, list[Source]] = {}
    for each in recent(facts, within=PEOPLE_IN):
        for person in each.people if each.direction != "out" else ():
            if person != "erased":
                found.setdefault(person, []).append(source_of(each))
    return found


def _renewal(facts: Facts) -> Iterator[Line]:
    for left, deal in renewals(facts)[:1]:
        if left > RENEWAL_DAYS or deal.renewal is None:
            return
        on, source = day(deal.renewal, facts), ("opportunity", deal.id)
        asked = f"Who signs the renewal of {on}, and what do they need to see before?"
        yield line(asked, source, rule="renewal_near", themes="renewal")
        if not any(each.channel == "meeting" for each in recent(facts)):
            asked = f"When can we meet? The renewal is {many(left, 'day')} away."
            rule = "renewal_without_meeting"
            yield line(asked, source, rule=rule, themes="renewal meeting")


def _usage(facts: Facts) -> Iterator[Line]:
    for each in _signals(facts, "product_usage_anomaly"):
        change = each.said.get("change")
        falls = each.said.get("direction") == "down" or _is_negative(change)
        rule = "usage_fell" if falls else "usage_grew"
        asked = (
            "What changed for the people who use it less?"
            if falls
            else "Who is behind the growth, and what would help them next?"
        )
        yield line(asked, source_of(each), rule=rule, themes="usage")
        return


def _tickets(facts: Facts) -> Iterator[Line]:
    for each in _signals(facts, "ticket_escalated"):
        severity = each.said.get("severity")
        if isinstance(severity, str) and severity.lower() in GRAVE:
            asked = "Is the escalated ticket solved, as they see it?"
            yield line(asked, source_of(each), rule="ticket_open", themes="risk")
            return


def _patterns(facts: Facts) -> Iterator[Line]:
    seen: dict[str, Heard] = {}
    for each in _signals(facts, "pattern_detected"):
        rule = each.said.get("rule")
        if isinstance(rule, str):
            seen.setdefault(rule, each)
    for name, (themes, asked) in PATTERNS.items():
        if name in seen:
            rule = f"pattern_{name}"
            yield line(asked, source_of(seen[name]), rule=rule, themes=themes)


def _unanswered(facts: Facts) -> Iterator[Line]:
    mails = [each for each in recent(facts) if each.channel in ("email", "chat")]
    if mails and mails[0].direction == "in" and facts.at - mails[0].at > UNANSWERED:
        on = day(mails[0].at.date(), facts)
        asked = f"Was what they wrote on {on} answered elsewhere? Nothing went back."
        yield line(asked, source_of(mails[0]), rule="unanswered")


def _people(facts: Facts) -> Iterator[Line]:
    has_deal = any(each.stage not in CLOSED for each in facts.deals)
    if not has_deal and facts.lifecycle != "CUSTOMER":
        return
    found = heard_of(facts)
    if len(found) < FEW:
        sources = [each for held in found.values() for each in held]
        whom = "Only one person" if found else "Nobody"
        asked = f"Who else has a say? {whom} there was heard of in 60 days."
        yield line(asked, *sources, rule="stakeholder_gap", themes="people")


def _unknown(facts: Facts) -> Iterator[Line]:
    if not facts.people:
        yield line("Whom do we know there? No contact is kept.", rule="no_contact")
    if not facts.deals:
        asked = "What are they after, and what would it be worth? There is no deal."
        yield line(asked, rule="no_deal")
    elif facts.lifecycle == "CUSTOMER" and not any(d.renewal for d in facts.deals):
        sources = [("opportunity", each.id) for each in facts.deals]
        asked = "When does their contract end? No renewal date is known."
        yield line(asked, *sources, rule="no_renewal_date", themes="renewal")
    if not facts.owned:
        asked = "Who here owns the account? Nobody does."
        yield line(asked, ("field", "account.owner"), rule="no_owner")


def _late_deals(facts: Facts) -> Iterator[Line]:
    for deal in sorted(facts.deals, key=lambda each: each.id):
        if deal.stage in LATE:
            asked = "Who decides, by what, and what is left until then?"
            source = ("opportunity", deal.id)
            yield line(asked, source, rule="late_stage", themes="deal")
            return


def _signals(facts: Facts, type_: str) -> Sequence[Heard]:
    """Those of a type in the last weeks, the newest first."""
    found = [
        each
        for each in facts.heard
        if each.type == type_ and facts.at - LATELY <= each.at <= facts.at
    ]
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def _is_negative(value: Any) -> bool:
    return isinstance(value, int | float) and value < 0


RULES: Sequence[Callable[[Facts], Iterator[Line]]] = (
    _renewal,
    _patterns,
    _usage,
    _tickets,
    _people,
    _unanswered,
    _late_deals,
    _unknown,
)
