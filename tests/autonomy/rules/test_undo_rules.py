"""X4: what can be taken back, and what follows of each answer to the wish to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.rules.answers import Meaning
from autonomy.rules.undo import (
    WINDOW,
    Course,
    Facts,
    Next,
    Reach,
    course,
    next_step,
    standing,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
IMAGES = st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=3)


@pytest.mark.parametrize(
    ("status", "reach", "age", "undo", "why"),
    [
        ("SUCCEEDED", Reach.HOUSE, timedelta(0), "", ""),
        ("SUCCEEDED", Reach.OUTSIDE, WINDOW - timedelta(seconds=1), "", ""),
        ("SUCCEEDED", Reach.HOUSE, WINDOW, "", "until"),
        ("SUCCEEDED", Reach.NEVER, timedelta(0), "", "called back"),
        ("SUCCEEDED", Reach.GONE, timedelta(0), "", "not connected"),
        ("SUCCEEDED", Reach.HOUSE, timedelta(0), "REQUESTED", "under way"),
        ("SUCCEEDED", Reach.HOUSE, timedelta(0), "IN_DOUBT", "how that ended"),
        ("STARTED", Reach.HOUSE, timedelta(0), "", "still being done"),
        ("FAILED", Reach.HOUSE, timedelta(0), "", "was not done"),
        ("IN_DOUBT", Reach.OUTSIDE, timedelta(0), "", "Nobody knows"),
        ("UNDONE", Reach.HOUSE, timedelta(0), "", "taken back already"),
    ],
)
def test_what_can_be_taken_back(
    status: str, reach: Reach, age: timedelta, undo: str, why: str
) -> None:
    facts = Facts(status=status, reach=reach, finished_at=NOW - age, undo=undo)
    found = standing(facts, now=NOW)
    assert found.can is (why == "")
    assert why in found.why


@given(seen=IMAGES, before=IMAGES, after=IMAGES)
def test_only_what_the_act_left_is_touched(
    seen: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Nothing is restored but from exactly what the act left."""
    match course(seen, before, after):
        case Course.RESTORE:
            assert seen == after
            assert seen != before
        case Course.ALREADY:
            assert seen == before
        case Course.CONFLICT:
            assert seen not in (before, after)


def test_the_answer_decides_as_the_table_says() -> None:
    plain = {
        "status": None, "may_repeat": True, "is_last": False, "doubted": False,
        "since": timedelta(0),
    }  # fmt: skip
    table: list[tuple[Meaning, dict[str, Any], Next]] = [
        (Meaning.DONE, {}, Next.DONE),
        (Meaning.MOVED, {}, Next.CONFLICT),
        (Meaning.REFUSED, {}, Next.FAILED),
        (Meaning.REFUSED, {"status": 409}, Next.CONFLICT),
        (Meaning.REFUSED, {"doubted": True}, Next.DOUBT),
        (Meaning.FORBIDDEN, {}, Next.FAILED),
        (Meaning.FORBIDDEN, {"doubted": True}, Next.DOUBT),
        (Meaning.AMBIGUOUS, {}, Next.AGAIN),
        (Meaning.AMBIGUOUS, {"may_repeat": False}, Next.DOUBT),
        (Meaning.AMBIGUOUS, {"is_last": True}, Next.DOUBT),
        (Meaning.UNREACHED, {}, Next.AGAIN),
        (Meaning.UNREACHED, {"is_last": True}, Next.FAILED),
        (Meaning.WAIT, {}, Next.AGAIN),
        (Meaning.WAIT, {"is_last": True}, Next.AGAIN),
        (Meaning.WAIT, {"since": timedelta(days=1)}, Next.FAILED),
        (Meaning.WAIT, {"since": timedelta(days=1), "doubted": True}, Next.DOUBT),
    ]
    for meaning, more, expected in table:
        assert next_step(meaning, **{**plain, **more}) is expected, (meaning, more)
