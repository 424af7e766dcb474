"""P9: stages, amounts, waiting and walks, as all sources of CRMs share them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from perception.egress import Answer
from perception.sources.base import Asked
from perception.sources.crm import OVERLAP, amount_of, later, stage_of, walk
from perception.sources.reading import EARLIEST

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CONFIG = {
    "stages": {"Demo Done": "evaluation"},
    "other_stage": "negotiation",
    "first_days": 2,
}


def asked(cursor: Any, now: datetime = NOW) -> Asked:
    return Asked(config={}, secret="", cursor=cursor, is_deep=False, now=now)


def test_a_walk_from_its_beginning_to_the_next() -> None:
    """P9: the next walk begins where this one began, whatever happened meanwhile."""
    first = walk(asked({}), CONFIG, ["deals", "notes"])
    assert (first.at, first.deals_from) == ("deals", EARLIEST)
    assert first.telling == NOW - timedelta(days=2)
    page = first.page(after="17")
    assert page.more
    later_ = NOW + timedelta(hours=1)
    second = walk(asked(page.cursor, later_), CONFIG, ["deals", "notes"])
    assert (second.at, second.after, second.began) == ("deals", "17", NOW)
    third = walk(asked(second.page().cursor, later_), CONFIG, ["deals", "notes"])
    assert (third.at, third.after, third.telling) == ("notes", "", first.telling)
    end = third.page()
    assert not end.more
    assert end.cursor == {"mark": NOW.isoformat()}
    again = walk(asked(end.cursor, later_), CONFIG, ["deals", "notes"])
    assert again.deals_from == again.telling == NOW - OVERLAP
    # What is no longer read ends the walk, and loses nothing.
    other = walk(asked({**second.page().cursor, "at": "gone"}), CONFIG, ["deals"])
    assert (other.at, other.after, other.since) == ("deals", "", None)


@pytest.mark.parametrize(
    ("theirs", "ours", "named"),
    [
        ("demo done", "evaluation", True),
        ("LEAD", "discovery", True),
        ("whatever", "negotiation", False),
        ("", "negotiation", False),
    ],
)
def test_stages(theirs: str, ours: str, named: bool) -> None:
    """P9."""
    assert stage_of(theirs, CONFIG, {"lead": "discovery"}) == (ours, named)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1200.505", Decimal("1200.50")), (7, Decimal("7.00")), (0.1, Decimal("0.10")),
        (None, None), ("", None), ("a lot", None), ("NaN", None), ("1e400", None), (10**12, None),
    ],
)  # fmt: skip
def test_amounts(given: Any, kept: Decimal | None) -> None:
    """P9: what cannot be kept is not known."""
    assert amount_of(given) == kept


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("30", 30), ("0", 1), ("1e9", 86_400), ("nan", 60), ("soon", 60), ("", 60),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120), ("Fri, 20 Nov 2026 11:00:00 GMT", 1),
    ],
)  # fmt: skip
def test_when_to_come_back(said: str, wait: int) -> None:
    """P10."""
    answer = Answer(status=429, headers={"retry-after": said}, body=b"")
    assert later(answer, now=NOW, otherwise=60) == NOW + timedelta(seconds=wait)
