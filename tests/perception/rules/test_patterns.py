"""D4: the twelve rules over interactions, as tables, and the windows they are kept in."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perception.rules.patterns import (
    RULES,
    Found,
    Pattern,
    Severity,
    detect,
    looked_next,
    together,
)
from perception.rules.rhythm import Item

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
BUYING, RISK, ENGAGEMENT = Pattern.BUYING, Pattern.RISK, Pattern.ENGAGEMENT
LOW, MEDIUM = Severity.LOW, Severity.MEDIUM
HIGH, CRITICAL = Severity.HIGH, Severity.CRITICAL


def _item(days_ago: float, number: int = 0, **more: Any) -> Item:
    given = {"channel": "email", "came": True, "people": frozenset({"a"}), **more}
    if "people" in more:
        given["people"] = frozenset(more["people"])
    if "said" in more:
        given["said"] = frozenset(more["said"])
    return Item(
        id=UUID(int=number or round(days_ago * 100) + 500),
        at=NOW - days_ago * DAY,
        **given,
    )


def _found(items: list[Item], now: datetime = NOW) -> dict[str, Found]:
    return {each.rule: each for each in detect(items, now=now)}


@pytest.mark.parametrize(
    ("rule", "items", "pattern", "confidence", "severity", "evidence"),
    [
        ("budget", [_item(1, said=["budget"])], BUYING, 0.8, HIGH, 1),
        ("urgency", [_item(1, said=["urgency"])], BUYING, 0.75, MEDIUM, 1),
        ("comparison", [_item(1, said=["comparison"])], BUYING, 0.7, MEDIUM, 1),
        (
            "new_people",
            [_item(9), _item(7), _item(3, people="abc"), _item(2)],
            BUYING, 0.65, MEDIUM, 1,
        ),
        ("silence", [_item(20), _item(14)], RISK, 0.8, HIGH, 2),
        ("freeze", [_item(1, said=["freeze"])], RISK, 0.75, HIGH, 1),
        ("leaving", [_item(1, said=["leaving"])], RISK, 0.7, CRITICAL, 1),
        ("choice", [_item(1, said=["choice"])], RISK, 0.75, HIGH, 1),
        ("slower", [_item(14), _item(12), _item(7), _item(3)], RISK, 0.7, MEDIUM, 2),
        (
            "contact_rate.up",
            [_item(day) for day in (1, 2, 3, 8, 13, 18, 29)],
            ENGAGEMENT, 0.89, MEDIUM, 3,
        ),
        (
            "contact_rate.down",
            [_item(day) for day in (8, 11, 14, 17, 20, 23, 26)],
            ENGAGEMENT, 0.8, HIGH, 7,
        ),
        (
            "attendance.up",
            [_item(n, channel="meeting", people=p) for n, p in
             ((9, "a"), (8, "a"), (2, "ab"), (1, "ab"))],
            ENGAGEMENT, 0.7, MEDIUM, 2,
        ),
        (
            "attendance.down",
            [_item(n, channel="meeting", people=p) for n, p in
             ((9, "abc"), (8, "abc"), (2, "ab"), (1, "ab"))],
            ENGAGEMENT, 0.7, HIGH, 2,
        ),
        (
            "length",
            [_item(n, length=size) for n, size in
             ((9, 100), (8, 100), (2, 131), (1, 131))],
            ENGAGEMENT, 0.65, LOW, 2,
        ),
    ],
)  # fmt: skip
def test_what_each_rule_finds(
    rule: str,
    items: list[Item],
    pattern: Pattern,
    confidence: float,
    severity: Severity,
    evidence: int,
) -> None:
    """D4: confidence, severity and evidence as in the table; every rule can be met."""
    found = _found(items)[rule]
    assert (found.pattern, found.confidence) == (pattern, confidence)
    assert (found.severity, len(found.evidence)) == (severity, evidence)


def test_the_table_has_twelve_rules() -> None:
    """D4."""
    assert len({rule.name for rule in RULES}) == 12


@pytest.mark.parametrize(
    ("rule", "items"),
    [
        ("budget", [_item(1, said=["budget"], came=False)]),
        ("budget", [_item(31, said=["budget"])]),
        ("leaving", [_item(-1, said=["leaving"])]),
        ("new_people", [_item(9), _item(7), _item(3, people="ab"), _item(2)]),
        ("new_people", [_item(9), _item(3, people="abc"), _item(2)]),
        ("new_people", [_item(9), _item(7), _item(3, people=["a", "b", "erased"]), _item(2)]),
        ("silence", [_item(20), _item(13.99)]),
        ("silence", [_item(14)]),
        ("silence", [_item(20, came=False), _item(14)]),
        ("slower", [_item(12), _item(7), _item(3)]),
        ("slower", [_item(10), _item(7), _item(4.5), _item(0)]),
        ("slower", [_item(2.2), _item(2.1), _item(1), _item(0.1)]),
        ("contact_rate.up", [_item(1), _item(2)]),
        ("contact_rate.down", [_item(day) for day in (8, 18, 28)]),
        ("contact_rate.up", [_item(d) for d in (1, 6, 8, 12, 16, 20, 24, 28)]),
        ("attendance.up", [_item(n, channel="meeting") for n in (9, 8, 2, 1)]),
        ("attendance.up", [_item(2, channel="meeting", people="abcd")]),
        ("length", [_item(n, length=s) for n, s in ((9, 100), (8, 100), (2, 130), (1, 130))]),
        ("length", [_item(n, length=s) for n, s in ((9, 200), (8, 200), (2, 90), (1, 90))]),
    ],
)  # fmt: skip
def test_what_is_too_little(rule: str, items: list[Item]) -> None:
    """D4: thresholds; what we wrote ourselves, what is long ago, what is yet to come."""
    assert rule not in _found(items)


def test_a_finding_stays_the_same_however_often_it_is_looked_for() -> None:
    """D4: the window is that of what was seen, not of the look."""
    items = [_item(20), _item(15), _item(14, said=["freeze"])]
    first = _found(items)
    for hours in (6, 60, 300):
        again = _found(items, now=NOW + timedelta(hours=hours))
        for rule in ("silence", "freeze"):
            assert again[rule] == first[rule]
    more = _found([*items, _item(2, said=["freeze"])])
    assert more["freeze"].window != first["freeze"].window


def test_a_low_finding_hides_no_critical_one() -> None:
    """D4: findings of one account stand side by side."""
    items = [
        _item(day, length=size, said=said)
        for day, size, said in (
            (9, 100, []), (8, 100, []), (2, 500, ["leaving"]), (1, 500, ["budget"]),
        )
    ]  # fmt: skip
    found = _found(items)
    assert {"length", "leaving", "budget"} <= set(found)
    assert found["leaving"].severity is CRITICAL


def test_the_same_risk_at_three_accounts() -> None:
    """D4: within 14 days, by rules of words only."""
    one, two, three = (UUID(int=number) for number in (1, 2, 3))
    told = [(one, "freeze", NOW), (two, "freeze", NOW - 14 * DAY)]
    assert together([*told, (two, "freeze", NOW)], now=NOW) == {}
    assert together([*told, (three, "choice", NOW)], now=NOW) == {}
    assert together([*told, (three, "freeze", NOW - 15 * DAY)], now=NOW) == {}
    assert together([*told, (three, "freeze", NOW)], now=NOW) == {
        "freeze": frozenset({one, two, three})
    }
    quiet = [(each, "silence", NOW) for each in (one, two, three)]
    assert together(quiet, now=NOW) == {}


ITEMS = st.lists(
    st.builds(
        Item,
        id=st.uuids(),
        at=st.floats(-3, 70).map(lambda days: NOW - days * DAY),
        channel=st.sampled_from(["email", "chat", "meeting", "crm"]),
        came=st.booleans(),
        people=st.frozensets(st.sampled_from("abcd"), max_size=4),
        said=st.frozensets(
            st.sampled_from(["budget", "freeze", "leaving"]), max_size=2
        ),
        length=st.integers(0, 5000),
    ),
    max_size=12,
)


@given(ITEMS, st.randoms())
def test_laws_of_findings(items: list[Item], dice: Any) -> None:
    """D4: order plays no part; evidence is given, each rule speaks once, surely enough."""
    found = detect(items, now=NOW)
    shuffled = dice.sample(items, len(items))
    if len({(each.at, each.id) for each in items}) == len(items):
        assert detect(shuffled, now=NOW) == found
    assert len({each.rule for each in found}) == len(found)
    ids = {each.id for each in items if each.at <= NOW}
    for each in found:
        assert set(each.evidence) <= ids
        assert each.evidence
        assert 0 < each.confidence <= 0.95


@given(ITEMS, st.floats(0.01, 40))
def test_nothing_changes_before_the_next_look(items: list[Item], days: float) -> None:
    """D4: until then the same is found, so that nobody need look; weeks' names apart."""
    later = NOW + days * DAY
    due = looked_next(items, now=NOW)
    if due is not None and due <= later:
        return
    now, then = _found(items), _found(items, now=later)
    for rule in ("silence", "contact_rate.up", "contact_rate.down"):
        assert (rule in then) <= (rule in now)
