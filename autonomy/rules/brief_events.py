"""What happened at an account, in plain words: the newest first, what is alike together."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from autonomy.rules.brief_facts import (
    Before,
    Facts,
    Heard,
    Line,
    Met,
    Source,
    day,
    line,
    many,
    number,
    quoted,
    word,
)

LATELY = timedelta(days=30)
# What is as old as this stands together.
AGES = (timedelta(days=1), timedelta(days=7), LATELY)
EARLIER = 2

# By channel and direction: what was done once, and several times.
MET: Mapping[tuple[str, str], tuple[str, str]] = {
    ("email", "in"): ("They wrote", "They wrote {n} mails"),
    ("email", "out"): ("We wrote", "We wrote {n} mails"),
    ("email", "both"): ("Mails went both ways", "{n} mails went both ways"),
    ("chat", "in"): ("They wrote in a chat", "They wrote {n} times in chats"),
    ("chat", "out"): ("We wrote in a chat", "We wrote {n} times in chats"),
    ("chat", "both"): ("There was a chat", "There were {n} chats"),
    ("crm", "both"): ("The CRM has a note", "The CRM has {n} notes"),
}
MEETING = ("There was a meeting", "There were {n} meetings")
OTHER = ("There was contact", "There was contact {n} times")
# What the rules of patterns saw, without their direction.
PATTERNS: Mapping[str, str] = {
    "budget": "They spoke of a budget",
    "urgency": "They are in a hurry",
    "comparison": "They compare offers",
    "new_people": "New people of theirs take part",
    "silence": "They fell silent",
    "freeze": "They spoke of a freeze or a delay",
    "leaving": "Somebody who matters is leaving",
    "choice": "They lean towards somebody else",
    "slower": "Their answers take longer",
    "contact_rate.up": "They are in touch more often",
    "contact_rate.down": "They are in touch less often",
    "attendance.up": "More of them come to meetings",
    "attendance.down": "Fewer of them come to meetings",
    "length.up": "Their messages grow longer",
    "length.down": "Their messages grow shorter",
}
THEMES: Mapping[str, str] = {
    "product_usage_anomaly": "usage",
    "renewal_window_entered": "renewal",
    "ticket_escalated": "risk",
    "no_engagement": "risk",
    "hiring": "people",
    "meeting_created": "meeting people",
    "crm_update": "deal",
    "budget": "price",
    "comparison": "price",
    "new_people": "people",
    "leaving": "people risk",
    "freeze": "price risk",
    "choice": "risk",
    "silence": "risk",
}


def lately(facts: Facts) -> list[Line]:
    """The last weeks, the newest first; before them, stretches in counts."""
    groups: dict[tuple[int, str, str], list[Met | Heard]] = {}
    for each in _newest_first(facts):
        key = (_age(facts.at - each.at), *_what(each))
        groups.setdefault(key, []).append(each)
    found = [_told(held, facts) for held in groups.values()]
    before = sorted(facts.before, key=lambda each: (each.starts, each.id), reverse=True)
    return found + [_stretch(each, facts) for each in before[:EARLIER]]


def recent(facts: Facts, *, within: timedelta = LATELY) -> list[Met]:
    """Who had to do with whom, the newest first."""
    met = (each for each in facts.met if facts.at - within <= each.at <= facts.at)
    return sorted(met, key=_order, reverse=True)


def source_of(event: Met | Heard) -> Source:
    """What a line about it is taken from."""
    return ("signal" if isinstance(event, Heard) else "interaction", event.id)


def _newest_first(facts: Facts) -> list[Met | Heard]:
    heard = [e for e in facts.heard if facts.at - LATELY <= e.at <= facts.at]
    return sorted([*recent(facts), *heard], key=_order, reverse=True)


def _order(event: Met | Heard) -> tuple[datetime, str]:
    return event.at, event.id


def _age(since: timedelta) -> int:
    return sum(since > each for each in AGES)


def _what(event: Met | Heard) -> tuple[str, str]:
    """Events of which this is the same stand together."""
    if isinstance(event, Met):
        return event.channel, event.direction
    rule = event.said.get("rule") if event.type == "pattern_detected" else None
    return event.type, rule if isinstance(rule, str) else ""


def _told(held: list[Met | Heard], facts: Facts) -> Line:
    """What is alike as one line; its newest is quoted."""
    newest, oldest = held[0], held[-1]
    first, last = day(oldest.at.date(), facts), day(newest.at.date(), facts)
    when = last if first == last else f"{first} to {last}"
    sources = [source_of(each) for each in held]
    if isinstance(newest, Met):
        once, often = _phrases(newest)
        about = _quotes(newest.subject, newest.text, facts)
        told = once
        if len(held) > 1:
            told = often.format(n=len(held)) + (", the newest" if about else "")
        themes = "meeting" if newest.channel == "meeting" else ""
    else:
        told, about = _signal(newest, facts), ""
        told += f" ({len(held)} times)" if len(held) > 1 else ""
        sources += [("interaction", each) for each in newest.evidence]
        themes = THEMES.get(_what(newest)[1] or newest.type, "")
    return line(_ended(f"{when}: {told}{about}"), *sources, themes=themes)


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!", "”")) else f"{text}."


def _phrases(event: Met) -> tuple[str, str]:
    if event.channel == "meeting":
        return MEETING
    return MET.get((event.channel, event.direction), OTHER)


def _quotes(subject: str, text: str, facts: Facts) -> str:
    parts = [quoted(subject, facts, 80), quoted(text, facts)]
    said = ": ".join(part for part in parts if part)
    return f": {said}" if said else ""


def _signal(event: Heard, facts: Facts) -> str:
    tells = SIGNALS.get(event.type)
    if tells is not None:
        return tells(event.said, facts)
    return f"A signal of another kind came: {word(event.type, facts)}"


def _usage(said: Mapping[str, Any], facts: Facts) -> str:
    metric = word(said.get("metric"), facts)
    what = f"Usage: {metric}" if metric else "Usage"
    change, way = said.get("change"), said.get("direction")
    turned = {"down": "fell", "up": "grew"}.get(way if isinstance(way, str) else "")
    if isinstance(change, int | float) and not isinstance(change, bool):
        turned = turned or ("fell" if change < 0 else "grew")
        if abs(change) <= 100:
            return f"{what} {turned} by {number(abs(change) * 100)} %"
    return f"{what} {turned or 'is out of the ordinary'}"


def _renewal(said: Mapping[str, Any], facts: Facts) -> str:
    window = word(said.get("window"), facts)
    on = word(said.get("renewal_date"), facts).strip("“”")
    return f"The renewal on {on or 'a day to come'} is within {window or 'some'} days"


def _ticket(said: Mapping[str, Any], facts: Facts) -> str:
    grave = word(said.get("severity"), facts)
    name = word(said.get("ticket"), facts).strip("“”")
    told = f"A support ticket{' ' + name if name else ''} was escalated"
    told += f", severity {grave}" if grave else ""
    return told + _about(said, facts, "subject", "summary")


def _crm(said: Mapping[str, Any], facts: Facts) -> str:
    what = word(said.get("field"), facts) or word(said.get("object"), facts)
    to = word(said.get("to"), facts) or word(said.get("stage"), facts)
    was = word(said.get("from"), facts)
    moved = f"{' from ' + was if was else ''}{' to ' + to if to else ''}"
    return f"In the CRM {what or 'something'} changed{moved}"


def _moved(noun: str) -> Callable[[Mapping[str, Any], Facts], str]:
    def told(said: Mapping[str, Any], facts: Facts) -> str:
        was, to = (word(said.get(name), facts).lower() for name in ("from", "to"))
        moved = f"{' from ' + was if was else ''}{' to ' + to if to else ''}"
        return f"{noun} changed{moved}" + _about(said, facts, "reason")

    return told


def _pattern(said: Mapping[str, Any], facts: Facts) -> str:
    rule = said.get("rule")
    told = PATTERNS.get(rule) if isinstance(rule, str) else None
    grave = word(said.get("severity"), facts)
    told = told or f"A pattern shows: {word(rule, facts) or 'unnamed'}"
    return f"{told}{', severity ' + grave if grave else ''}"


def _hiring(said: Mapping[str, Any], facts: Facts) -> str:
    count = said.get("count")
    people = many(count, "person") if isinstance(count, int) else "people"
    told = f"They look for {people.replace('persons', 'people')}"
    return told + _about(said, facts, "role")


def _quiet(said: Mapping[str, Any], facts: Facts) -> str:
    return f"Nobody there was heard of for {word(said.get('days'), facts) or '30'} days"


def _plainly(told: str, *names: str) -> Callable[[Mapping[str, Any], Facts], str]:
    return lambda said, facts: told + _about(said, facts, *names)


def _about(said: Mapping[str, Any], facts: Facts, *names: str) -> str:
    parts = (quoted(str(said[name]), facts) for name in names if said.get(name))
    told = ": ".join(part for part in parts if part)
    return f": {told}" if told else ""


SIGNALS: Mapping[str, Callable[[Mapping[str, Any], Facts], str]] = {
    "product_usage_anomaly": _usage,
    "renewal_window_entered": _renewal,
    "ticket_escalated": _ticket,
    "crm_update": _crm,
    "lifecycle_change": _moved("The phase of the account"),
    "posture_change": _moved("How they stand towards us"),
    "pattern_detected": _pattern,
    "hiring": _hiring,
    "no_engagement": _quiet,
    "meeting_created": _plainly("A meeting was set", "title"),
    "reply_received": _plainly("They answered", "subject", "text"),
    "news": _plainly("There is news of them", "title"),
}


def _stretch(before: Before, facts: Facts) -> Line:
    """What a summary counts, without whom."""
    held = before.facts
    met, signals = _count(held.get("interactions")), held.get("signals")
    heard = sum(map(_count, _values(signals)))
    days = _count(held.get("days"))
    said = f"{many(met, 'interaction')} and {many(heard, 'signal')}"
    since = f"The {before.span} from {day(before.starts, facts)}"
    return line(f"{since}: {said}, on {many(days, 'day')}.", ("summary", before.id))


def _values(counted: Any) -> Iterable[Any]:
    return counted.values() if isinstance(counted, Mapping) else ()


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
