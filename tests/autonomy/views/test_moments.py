"""When something can be put off to: in the tenant's day, before it is too late."""

from datetime import UTC, datetime, timedelta

import pytest

from autonomy.views.offers import later

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, ["In an hour", "In four hours", "Tomorrow at 9", "Monday at 9"]),
        (1, ["In an hour", "In four hours", "Tomorrow at 9"]),
        (2, ["In an hour", "In four hours", "Tomorrow at 9", "Monday at 9"]),
    ],
)
def test_each_moment_is_offered_once(days: int, said: list[str]) -> None:
    """On a Sunday tomorrow is the Monday that is meant."""
    now = SATURDAY + timedelta(days=days)
    assert [each.words for each in later(now, now + timedelta(days=9))] == said


def test_what_would_come_too_late_is_not_offered() -> None:
    """At night, tomorrow morning can be further away than a day."""
    night = SATURDAY.replace(hour=1)
    offered = [each.words for each in later(night, night + timedelta(days=1))]
    assert offered == ["In an hour", "In four hours"]
    assert later(night, night) == []
