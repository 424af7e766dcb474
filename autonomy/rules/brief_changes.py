"""What changed at an account since the brief before."""

from collections.abc import Mapping
from typing import Any

from autonomy.rules.brief_events import recent
from autonomy.rules.brief_facts import (
    Deal,
    Earlier,
    Facts,
    Line,
    Source,
    clean,
    day,
    line,
    many,
)
from autonomy.rules.brief_questions import CLOSED

DEALS = 20


def state_of(facts: Facts) -> dict[str, Any]:
    """What the next brief compares with."""
    return {
        "tier": facts.tier,
        "lifecycle": facts.lifecycle,
        "people": len(facts.people),
        "deals": {
            each.id: [each.stage, each.amount, each.renewal and str(each.renewal)]
            for each in in_order(facts)
        },
    }


def in_order(facts: Facts) -> list[Deal]:
    """Those that run first, each kind by its id."""
    order = sorted(facts.deals, key=lambda each: (each.stage in CLOSED, each.id))
    return order[:DEALS]


def changed(facts: Facts) -> list[Line]:
    earlier = facts.earlier
    if earlier is None:
        return [line("This is the first brief of this account.", rule="first_brief")]
    source, on = ("effect", earlier.id), day(earlier.at.date(), facts)
    found = [
        *_compared(facts, earlier, source),
        *_deals_changed(facts, earlier, source),
    ]
    fresh = [each for each in recent(facts) if each.at > earlier.at]
    heard = [each for each in facts.heard if earlier.at < each.at <= facts.at]
    if fresh or heard:
        sources: list[Source] = [("interaction", each.id) for each in fresh]
        sources += [("signal", each.id) for each in heard]
        counts = f"{many(len(fresh), 'interaction')}, {many(len(heard), 'signal')}"
        found.append(line(f"Since {on}: {counts}.", source, *sorted(sources)))
    return found or [line(f"Nothing changed since the brief of {on}.", source)]


def _compared(facts: Facts, earlier: Earlier, source: Source) -> list[Line]:
    found, state = [], state_of(facts)
    for name, noun in (
        ("tier", "Heat"),
        ("lifecycle", "Phase"),
        ("people", "Contacts"),
    ):
        was, now = earlier.state.get(name), state[name]
        if was is not None and was != now:
            said = f"{noun}: {str(was).lower()} before, {str(now).lower()} now."
            found.append(line(said, source, ("field", f"account.{name}")))
    return found


def _deals_changed(facts: Facts, earlier: Earlier, source: Source) -> list[Line]:
    found, before = [], earlier.state.get("deals")
    if not isinstance(before, Mapping):
        return []
    now = state_of(facts)["deals"]
    for deal in in_order(facts):
        was, said = before.get(deal.id), f"Deal {clean(deal.name, facts)}"
        if was is None:
            told = f"{said} is new."
        elif list(was) != now[deal.id]:
            parts = (
                f"{name} {old or 'none'} before, {new or 'none'} now"
                for name, old, new in zip(
                    ("stage", "worth", "renewal"), was, now[deal.id], strict=True
                )
                if old != new
            )
            told = f"{said}: {'; '.join(parts)}.".replace("_", " ")
        else:
            continue
        found.append(line(told, source, ("opportunity", deal.id), themes="deal"))
    return found
