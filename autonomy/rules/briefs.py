"""X2: a brief of one account: bounded, in plain words, every line with its sources.

The same facts make the same bytes. Nothing in it names a person: where a line is about a
contact it says `[contact]`, and whoever shows it looks the name up by the line's source.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autonomy.rules.brief_changes import changed, in_order, state_of
from autonomy.rules.brief_events import lately
from autonomy.rules.brief_facts import (
    Deal,
    Facts,
    Line,
    Waiting,
    clean,
    day,
    line,
    many,
    number,
    word,
)
from autonomy.rules.brief_questions import CLOSED, heard_of, questions, renewals
from perception.rules.signals import ENGAGING

MOST_TEXT = 8000
CONTACT = "[contact]"
TITLE, FOCUS = 200, 400
WORD = re.compile(r"[a-z]{4,30}")

# What a brief is about by itself, and the words of a focus that ask for it.
ABOUT: Mapping[str, frozenset[str]] = {
    "prep_renewal_brief": frozenset({"renewal"}),
    "generate_meeting_brief": frozenset({"meeting", "people"}),
}
TITLES: Mapping[str, str] = {
    "prep_renewal_brief": "Before the renewal",
    "generate_meeting_brief": "Before the meeting",
}
ASKED: Mapping[str, tuple[str, ...]] = {
    "renewal": ("renew", "contract", "expir"),
    "usage": ("usage", "adopt", "users", "licen", "login"),
    "people": ("people", "person", "stakeholder", "champion", "contact", "team"),
    "meeting": ("meet", "call", "agenda", "visit"),
    "risk": ("risk", "churn", "escal", "ticket", "complain", "unhappy"),
    "price": ("price", "pricing", "budget", "discount", "quote", "offer", "cost"),
    "deal": ("deal", "stage", "pipeline", "opportunit", "forecast"),
}
STATES = {
    "PROPOSED": "is being judged",
    "APPROVED": "is approved, and starts when it may",
    "EXECUTING": "is under way",
    "IN_DOUBT": "is in doubt: nobody knows whether it was done",
}
OPEN = ("AWAITING_APPROVAL", *STATES)


def compose(facts: Facts) -> dict[str, Any]:
    """The brief as it is kept."""
    focus = clean(facts.focus, facts, FOCUS)
    wanted = _wanted(facts, focus)
    made = {
        key: _first(key, makes(facts), wanted, most) for key, _, makes, most in SECTIONS
    }
    chosen = _bounded(made)
    lines = [
        {
            "section": key,
            "text": each.text,
            "sources": [{"kind": kind, "id": id_} for kind, id_ in each.sources],
            "rule": each.rule,
        }
        for key, held in chosen.items()
        for each in held
    ]
    usual = TITLES.get(facts.action_type, "How the account stands")
    title = clean(facts.title, facts, TITLE) or usual
    brief = {"title": title, "focus": focus, "lines": lines}
    return {
        **brief,
        "made_at": facts.at.isoformat(),
        "state": state_of(facts),
        "text": text_of(brief),
    }


def text_of(brief: Mapping[str, Any]) -> str:
    """A brief as one plain text."""
    parts = [brief["title"]]
    if brief["focus"]:
        parts.append(f"Asked for: “{brief['focus']}”")
    for heading, lines in sections_of(brief):
        parts.append("\n".join([heading, *(f"- {each['text']}" for each in lines)]))
    return "\n\n".join(parts)


def sections_of(
    brief: Mapping[str, Any],
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Headings, and the lines below each."""
    found = []
    for key, heading, _, _ in SECTIONS:
        lines = [each for each in brief["lines"] if each["section"] == key]
        if lines:
            found.append((heading, lines))
    return found


def _standing(facts: Facts) -> list[Line]:
    heat = (("field", "account.heat"), ("field", "account.lifecycle"))
    tier, phase = facts.tier.lower(), facts.lifecycle.lower()
    said = f"Heat: {tier}, {facts.score:.2f} of 1. Phase: {phase}."
    found = [line(said, *heat), _engaged(facts)]
    left = {deal.id: days for days, deal in renewals(facts)}
    shown = [each for each in in_order(facts) if _is_shown(each, left)]
    found += [_deal(each, left.get(each.id), facts) for each in shown]
    if not facts.deals:
        found.append(line("There is no deal.", rule="no_deal"))
    for each in sorted(facts.known, key=lambda known: known.name):
        said = f"Known: {clean(each.name, facts)} is {word(each.value, facts)}."
        found.append(line(said, ("context", clean(each.name, facts))))
    return found


def _engaged(facts: Facts) -> Line:
    """When somebody there last did something towards us, and what tells so."""
    moments = [
        (each.at, ("signal", each.id))
        for each in facts.heard
        if each.type in ENGAGING and each.at <= facts.at
    ]
    if facts.engaged_at:
        moments.append((facts.engaged_at, ("field", "account.engaged_at")))
    if not moments:
        return line("Nobody there was heard of yet.", ("field", "account.engaged_at"))
    at, source = max(moments)
    on = day(at.date(), facts)
    return line(f"They last did something towards us on {on}.", source)


def _is_shown(deal: Deal, left: Mapping[str, int]) -> bool:
    return deal.stage not in CLOSED or deal.id in left


def _deal(deal: Deal, left: int | None, facts: Facts) -> Line:
    parts = [deal.stage.replace("_", " ")]
    if deal.amount is not None:
        parts.append(f"worth {number(float(deal.amount))}")
    if deal.renewal and left is not None:
        days = many(left, "day")
        parts.append(f"renewal in {days}, on {day(deal.renewal, facts)}")
    elif deal.renewal and deal.stage != "closed_lost":
        parts.append(f"its renewal was on {day(deal.renewal, facts)}")
    themes = "deal renewal" if left is not None and left <= 90 else "deal"
    said = f"Deal {clean(deal.name, facts)}: {', '.join(parts)}."
    return line(said, ("opportunity", deal.id), themes=themes)


def _people(facts: Facts) -> list[Line]:
    known = {each.id: each for each in facts.people}
    heard = heard_of(facts)
    contacts = sorted(
        (each for each in heard if each in known),
        key=lambda each: (-len(heard[each]), each),
    )
    found = []
    for id_ in contacts:
        times = len(heard[id_])
        often = "once" if times == 1 else f"{times} times"
        told = f"{CONTACT} took part {often} in 60 days"
        out = "; wants no messages" if known[id_].opted_out else ""
        source = ("contact", id_)
        found.append(line(f"{told}{out}.", source, *heard[id_], themes="people"))
    strangers = [each for each in heard if each not in known]
    if strangers:
        seen = [source for each in strangers for source in heard[each]]
        told = many(len(strangers), "person").replace("persons", "people")
        found.append(line(f"{told} more took part who are no contacts here.", *seen))
    silent = sorted(each for each in known if each not in heard)
    if silent:
        told = many(len(silent), "contact")
        sources = [("contact", each) for each in silent]
        found.append(line(f"{told} not heard of in 60 days.", *sources))
    if not found:
        found.append(line("Nobody there is known.", rule="no_contact"))
    return found


def _open(facts: Facts) -> list[Line]:
    order = sorted(facts.waiting, key=lambda each: (each.since, each.intent))
    found = [_waiting(each, facts) for each in order if each.status in OPEN]
    return found or [line("Nothing is waiting.", rule="nothing_open")]


def _waiting(each: Waiting, facts: Facts) -> Line:
    act = f"“{each.action_type.replace('_', ' ')}”"
    since = day(each.since.date(), facts)
    if each.approval is None:
        said = f"{act} {STATES.get(each.status, 'waits')}, since {since}."
        return line(said, ("intent", each.intent))
    until = f", until {day(each.until.date(), facts)}" if each.until else ""
    whom = {"SELLER": "its seller", "APPROVER": "an approver"}.get(
        each.role, "somebody"
    )
    said = f"{act} waits for {whom} since {since}{until}."
    return line(said, ("approval", each.approval), ("intent", each.intent))


Made = Callable[[Facts], list[Line]]
# Each section: its key, heading, who makes it, and how many lines it may have.
SECTIONS: Sequence[tuple[str, str, Made, int]] = (
    ("standing", "Where it stands", _standing, 10),
    ("lately", "What happened lately", lately, 14),
    ("people", "People", _people, 7),
    ("open", "What is open", _open, 8),
    ("changed", "What changed since the last brief", changed, 8),
    ("questions", "Suggested questions", questions, 6),
)


def _wanted(facts: Facts, focus: str) -> frozenset[str]:
    """Themes that were asked for, and words of the focus as they are."""
    said = focus.lower()
    themes = {
        theme for theme, words in ASKED.items() if any(each in said for each in words)
    }
    words = {f"={each}" for each in WORD.findall(said) if len(each) > 4}
    return frozenset(themes | words) | ABOUT.get(facts.action_type, frozenset())


def _first(
    key: str, lines: list[Line], wanted: frozenset[str], most: int
) -> list[Line]:
    """Where not all have room, what was asked for stays; questions about it lead."""

    def matches(each: Line) -> bool:
        text = each.text.lower()
        return bool(each.themes & wanted) or any(
            word[1:] in text for word in wanted if word.startswith("=")
        )

    order = sorted(range(len(lines)), key=lambda at: not matches(lines[at]))[:most]
    return [lines[at] for at in (order if key == "questions" else sorted(order))]


def _bounded(made: Mapping[str, list[Line]]) -> dict[str, list[Line]]:
    """As many as there is room for: the first of each section before the second."""
    left, kept = MOST_TEXT, dict.fromkeys(made, 0)
    deepest = max(map(len, made.values()))
    for turn in range(deepest):
        for key, lines in made.items():
            if turn < len(lines) and kept[key] == turn:
                left -= len(lines[turn].text) + 3
                kept[key] += left >= 0
    return {key: lines[: kept[key]] for key, lines in made.items()}
