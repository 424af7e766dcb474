"""O1: goals in tables: shares, days, what is suggested, how they end, what is foretold."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from autonomy.rules.catalogue import CORE
from autonomy.rules.goals import (
    ACTIONS,
    EVERY,
    GoalFacts,
    ending,
    forecast,
    look,
    next_look,
    wanted,
    why,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def goal(
    current: str,
    begins: float = -45,
    ends: float = 45,
    target: str = "100",
    **more: Any,
) -> GoalFacts:
    given = {"type": "revenue", **more}
    return GoalFacts(
        target=Decimal(target),
        current=Decimal(current),
        start=NOW + begins * DAY,
        end=NOW + ends * DAY,
        **given,
    )


@pytest.mark.parametrize(
    ("current", "begins", "ends", "percent", "on_track", "days", "suggested"),
    [
        ("55", -45, 45, 55.0, True, 45, 0),
        ("50", -45, 45, 50.0, True, 45, 0),
        ("49.99", -45, 45, 50.0, False, 45, 0),
        ("45", -45, 45, 45.0, False, 45, 0),
        ("40", -45, 45, 40.0, False, 45, 0),
        ("39.99", -45, 45, 40.0, False, 45, 3),
        ("10", -60, 30, 10.0, False, 30, 3),
        # What has not started, or starts now, needs no correction.
        ("0", 0, 90, 0.0, True, 90, 0),
        ("0", 5, 35, 0.0, True, 35, 0),
        ("250", -45, 45, 100.0, True, 45, 0),
        ("50", -100, -10, 50.0, False, 0, 0),
        # Below zero is nothing, and a part of a day is no day.
        ("-5", -45, 0.9, 0.0, False, 0, 3),
    ],
)
def test_the_table(
    current: str, begins: float, ends: float,
    percent: float, on_track: bool, days: int, suggested: int,
) -> None:  # fmt: skip
    """O1: on track when current/target ≥ elapsed/total, exactly; 3 below 80 % of it."""
    given = goal(current, begins, ends)
    seen = look(given, now=NOW)
    assert (seen.percent, seen.on_track, seen.days_left) == (percent, on_track, days)
    assert wanted(given, now=NOW) == suggested
    assert seen.is_behind is (suggested > 0)


def test_shares_are_exact_however_large() -> None:
    """O1: a cent makes the difference, also of the largest target there may be."""
    most = "99999999999999.98"
    half = Decimal(most) / 2
    assert look(goal(str(half), target=most), now=NOW).on_track
    assert not look(goal(str(half - Decimal("0.01")), target=most), now=NOW).on_track


@pytest.mark.parametrize(
    ("current", "begins", "ends", "status", "ended"),
    [
        ("99.99", -45, 45, "ACTIVE", None),
        ("100", -45, 45, "ACTIVE", "COMPLETED"),
        ("100", -90, 0, "ACTIVE", "COMPLETED"),
        ("99.99", -90, 0, "ACTIVE", "MISSED"),
        ("99.99", -90, 0.0001, "ACTIVE", None),
        ("100", 1, 2, "ACTIVE", None),
        ("100", -45, 45, "MISSED", None),
        ("0", -90, -1, "COMPLETED", None),
    ],
)
def test_how_it_ends(
    current: str, begins: float, ends: float, status: str, ended: str | None
) -> None:
    """O1: completes at its target, MISSED past its end; what has ended has ended."""
    assert ending(goal(current, begins, ends, status=status), now=NOW) == ended


@pytest.mark.parametrize("status", ["COMPLETED", "MISSED"])
def test_what_has_ended_needs_nothing(status: str) -> None:
    """O1: no suggestion, no forecast; and missed is never on track."""
    given = goal("1", status=status)
    assert not look(given, now=NOW).is_behind
    assert forecast(given, count=1, squares=1.0, now=NOW) is None
    assert not look(goal("100", -90, -1, status="MISSED"), now=NOW).on_track


def test_it_is_measured_as_it_starts_and_as_it_ends() -> None:
    """O1: and so often in between that whoever looks once a day finds it due."""
    assert next_look(goal("0", 5, 35), now=NOW) == NOW + 5 * DAY
    assert next_look(goal("0", -5, 35), now=NOW) == NOW + EVERY
    assert next_look(goal("0", -5, 0.1), now=NOW) == NOW + 0.1 * DAY
    assert EVERY < DAY


def test_suggestions_are_actions_that_there_are() -> None:
    """O1: the first is the type's own; none of them is a hard stop."""
    assert {type_: actions[0] for type_, actions in ACTIONS.items()} == {
        "revenue": "send_follow_up_email",
        "pipeline": "send_follow_up_email",
        "activity": "schedule_meeting",
        "quality": "qualify_conversation",
    }
    named = {key for actions in ACTIONS.values() for key in actions}
    assert named <= CORE.keys()
    assert all(CORE[key].traits.tier != "HARD_STOP" for key in named)
    assert all(len(set(actions)) == 3 for actions in ACTIONS.values())


def test_why_is_said_in_figures() -> None:
    """O1: what is reached beside what was due."""
    said = why(goal("39.99"), now=NOW)
    assert said == "The goal for revenue is at 40.0 %, and 50.0 % was due by now."


@pytest.mark.parametrize(
    ("begins", "ends", "count"), [(5, 35, 3), (0, 90, 3), (-90, 0, 3), (-45, 45, 0)]
)
def test_nothing_is_foretold_from_nothing(
    begins: float, ends: float, count: int
) -> None:
    """O1: before the start, at the end, and where nothing was counted."""
    assert forecast(goal("0", begins, ends), count=count, squares=3.0, now=NOW) is None


def test_a_forecast_goes_on_as_before() -> None:
    """O1: linear; halfway through twice as much, and wider the fewer facts there are."""
    many = forecast(goal("50"), count=50, squares=50.0, now=NOW)
    one = forecast(goal("50"), count=1, squares=2500.0, now=NOW)
    assert many is not None
    assert one is not None
    assert many.expected == one.expected == 100.0
    assert 50 <= one.low < many.low < 100 < many.high < one.high


@pytest.mark.parametrize(
    ("a_day", "share_passed"), [(1.0, 0.5), (0.5, 0.7), (3.0, 0.3)]
)
def test_the_interval_holds_as_often_as_it_says(
    a_day: float, share_passed: float
) -> None:
    """O1: facts that come by chance, of sizes by chance: four times out of five."""
    chance = random.Random(11)
    days, held, rounds = 60, 0, 600
    passed = round(days * share_passed)
    for _ in range(rounds):
        seen: list[float] = []
        later = 0.0
        at = chance.expovariate(a_day)
        while at < days:
            size = chance.expovariate(1 / 100)
            if at < passed:
                seen.append(size)
            else:
                later += size
            at += chance.expovariate(a_day)
        squares = sum(each * each for each in seen)
        given = goal(f"{sum(seen):.2f}", -passed, days - passed, target="1000000")
        found = forecast(given, count=len(seen), squares=squares, now=NOW)
        if found is not None:
            held += found.low - 0.01 <= sum(seen) + later <= found.high + 0.01
    assert 0.72 <= held / rounds <= 0.88
