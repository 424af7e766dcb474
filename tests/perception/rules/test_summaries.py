"""P11: which days are told how, and what is told of them: laws."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from perception.rules.summaries import (
    BY_WEEK,
    DETAILED,
    LONGEST,
    NAMES,
    SOURCES,
    Event,
    Span,
    detailed_from,
    due_after,
    facts_of,
    merged,
    month_due_after,
    month_of,
    sources_of,
    stretch_of,
    text_of,
    week_of,
    weekly_from,
    without_person,
)

DAY = timedelta(days=1)
DAYS = st.dates(date(2001, 1, 1), date(2090, 1, 1))
PEOPLE = [str(UUID(int=number)) for number in range(20)]
EVENTS = st.lists(
    st.builds(
        Event,
        id=st.uuids(),
        at=st.integers(0, 6).map(
            lambda day: datetime(2026, 9, 14, 10, tzinfo=UTC) + day * DAY
        ),
        type=st.sampled_from(["", "", "", "news", "crm_update", "made up 'type'"]),
        move=st.sampled_from(["", "discovery", "Closed Won", "Ann Smith"]),
        channel=st.sampled_from(["email", "meeting"]),
        direction=st.sampled_from(["in", "out", "both"]),
        sentiment=st.sampled_from(["", "POSITIVE", "NEGATIVE"]),
        people=st.lists(st.sampled_from([*PEOPLE, "x-abc", "erased"]), max_size=5),
    ),
    max_size=40,
)


@given(DAYS, st.integers(0, 800))
def test_every_day_belongs_to_exactly_one_span(today: date, back: int) -> None:
    """P11: the stretches lie end to end; 30 days in full, 90 by the week."""
    day = today - back * DAY
    held = stretch_of(day, today=today)
    assert held.starts <= day < held.ends
    if held.span is not Span.DETAIL:
        after = stretch_of(held.ends, today=today)
        assert after.starts == held.ends
        last = held.ends - DAY
        assert stretch_of(last, today=today) == held
        assert today - last > DETAILED
    if held.span is Span.MONTH:
        assert today - (held.ends - DAY) > BY_WEEK
    if today - day <= DETAILED:
        assert held.span is Span.DETAIL
    elif today - day <= BY_WEEK:
        assert held.span in (Span.DETAIL, Span.WEEK)


@given(DAYS)
def test_a_month_is_made_of_whole_weeks(day: date) -> None:
    """P11: progressive: no week reaches into another month."""
    week, month = week_of(day), month_of(day)
    assert month.starts <= week.starts <= day < week.ends <= month.ends
    assert 1 <= (week.ends - week.starts).days <= 7


@given(DAYS, st.integers(0, 200))
def test_a_stretch_is_due_exactly_when_it_closes(day: date, ahead: int) -> None:
    """P11."""
    early = datetime.combine(day, time(), UTC)
    due = due_after(day, now=early).date()
    assert detailed_from(due) >= week_of(day).ends > detailed_from(due - DAY)
    month = month_due_after(day, now=early).date()
    assert weekly_from(month) >= month_of(day).ends > weekly_from(month - DAY)
    assert due_after(day, now=early + ahead * DAY) >= early + ahead * DAY


@given(EVENTS)
def test_what_is_told_is_bounded_counted_and_the_same_twice(
    events: list[Event],
) -> None:
    """P11: the same whatever the order, no word of a stranger, no name without an end."""
    stretch = week_of(date(2026, 9, 14))
    facts = facts_of(events)
    assert facts == facts_of(events[::-1])
    text = text_of(stretch, facts)
    assert text == text_of(stretch, facts_of(events))
    assert len(text) <= LONGEST
    assert "Ann" not in text
    assert "made up" not in text
    assert "x-abc" not in text
    assert facts["interactions"] == sum(not each.type for each in events)
    assert sum(facts["signals"].values()) == sum(bool(each.type) for each in events)
    assert all(len(facts[name]) <= NAMES + 1 for name in ("people", "signals", "moves"))


@given(EVENTS)
def test_sources_cover_what_was_counted(events: list[Event]) -> None:
    """P11: every id, up to a bound, and how many more."""
    sources = sources_of(events)
    named = [*sources["interactions"], *sources["signals"]]
    assert len(named) + sources["more"] == len(events)
    assert set(named) == {str(each.id) for each in events}


def test_of_too_many_sources_the_newest_are_named() -> None:
    """P11."""
    start = datetime(2026, 9, 14, tzinfo=UTC)
    events = [
        Event(id=UUID(int=number), at=start + timedelta(seconds=number))
        for number in range(SOURCES + 5)
    ]
    sources = sources_of(events)
    assert (len(sources["interactions"]), sources["more"]) == (SOURCES, 5)
    assert sources["interactions"][0] == str(UUID(int=SOURCES + 4))


@given(st.lists(EVENTS, max_size=5))
def test_a_month_counts_what_its_weeks_counted(weeks: list[list[Event]]) -> None:
    """P11."""
    parts = [facts_of(week) for week in weeks]
    month = merged(parts)
    for name in ("channels", "signals", "people"):
        total = sum(sum(part[name].values()) for part in parts)
        assert sum(month[name].values()) == total
    assert month["interactions"] == sum(part["interactions"] for part in parts)


@given(EVENTS, st.sampled_from(PEOPLE))
def test_who_is_erased_is_told_no_more(events: list[Event], person: str) -> None:
    """P11, L9: the count stays, the id goes."""
    before = facts_of(events)
    facts = without_person(before, person)
    assert person not in text_of(week_of(date(2026, 9, 14)), facts)
    assert facts["strangers"] - before["strangers"] == before["people"].get(person, 0)
