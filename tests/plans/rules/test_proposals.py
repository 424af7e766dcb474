"""R8: which plan is proposed, and that nothing outside its type's template comes out."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.propose import check_parameters
from autonomy.rules.catalogue import CORE
from perception.rules.heat import Posture
from plans.rules.facts import Deal, World
from plans.rules.hours import is_open
from plans.rules.proposals import (
    BY_ITSELF,
    GOALS,
    MEETING_AHEAD,
    NOTICE,
    Choice,
    Footing,
    Outline,
    Past,
    Sign,
    addressed,
    choose,
    outline,
    rationale,
    submission,
    without,
)
from plans.types.base import PlanType, Suits
from plans.types.registry import TYPES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ZONE = "Europe/Berlin"
RENEWAL, GROWTH, PIPELINE = (
    TYPES[key] for key in ("RENEWAL_DEFENSE", "EXPANSION", "PIPELINE_CREATION")
)


def deal(days: int = 80, id_: str = "d1", stage: str = "discovery") -> Deal:
    day = NOW.date() + timedelta(days=days)
    return Deal(id=id_, stage=stage, amount=None, renewal_date=day)


def world(*deals: Deal, **more: Any) -> World:
    given: dict[str, Any] = {
        "now": NOW, "zone": ZONE, "lifecycle": "CUSTOMER", "owner": "m1", "deals": deals,
    }  # fmt: skip
    return World(**{**given, **more})


def chosen(found: Choice | str) -> str:
    assert isinstance(found, Choice), found
    return found.type_.key


def drawn(type_: PlanType, suits: Suits, around: World, *, barred: Any = ()) -> Outline:
    found = outline(type_, suits, around, barred=barred)
    assert isinstance(found, Outline), found
    return found


def test_the_worthiest_of_those_that_fit_is_chosen() -> None:
    """R8: posture and deals decide; the nearer and uneasier, the more."""
    growing = world(deal(119), posture=Posture.EXPAND, replies=(NOW,))
    uneasy = world(deal(40), posture=Posture.EXPAND, sentiment="NEGATIVE")
    assert chosen(choose(TYPES.values(), growing, Past())) == "EXPANSION"
    assert chosen(choose(TYPES.values(), uneasy, Past())) == "RENEWAL_DEFENSE"


def test_whom_none_suits_it_is_said_why_for_each() -> None:
    """R8: nothing comes up where nothing would help; every type says why."""
    found = choose(TYPES.values(), world(), Past())
    assert isinstance(found, str)
    assert all(key in found for key in TYPES)
    assert "a customer already" in found


@pytest.mark.parametrize(
    ("around", "past", "named", "says"),
    [
        (world(deal(), closed=True), Past(), True, "closed"),
        (world(deal(), lifecycle="CHURNED"), Past(), True, "left us"),
        (world(deal(20)), Past(), True, "less than 30 days"),
        (world(deal(200)), Past(), True, "nothing calls for one"),
        (world(deal(stage="closed_lost")), Past(), True, "nothing calls for one"),
        (world(deal()), Past(live=frozenset({RENEWAL.key})), True, "not over"),
        (world(deal()), Past(ended_by_people=frozenset({RENEWAL.key})), False, "ended"),
    ],
)
def test_what_stands_against_one_is_said(
    around: World, past: Past, named: bool, says: str
) -> None:
    """R8: closed, left, too late, too early, there already, or ended by a person."""
    found = choose([RENEWAL], around, past, named=named)
    assert isinstance(found, str)
    assert found.startswith("RENEWAL_DEFENSE: ")
    assert says in found


def test_what_a_person_ended_may_be_asked_for_by_name() -> None:
    """R8, history: it is not proposed again by itself."""
    past = Past(ended_by_people=frozenset({RENEWAL.key}))
    assert chosen(choose([RENEWAL], world(deal()), past, named=True)) == RENEWAL.key


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
def test_what_a_template_gives_fits_the_schemas(type_: PlanType) -> None:
    """R8, R9: filled, validated, in order, in time; no placeholder is left."""
    around = world(deal())
    suits = Suits(worth=0.5, why="It helps.", day=around.deals[0].renewal_date)
    found = addressed(drawn(type_, suits, around), "Acme & Söhne {day}")
    assert [each.key for each in found.steps] == [each.key for each in type_.template]
    assert NOW < found.expires_at == type_.deadline(suits.day, NOW)
    for each in found.steps:
        check_parameters(CORE[each.action_type], each.parameters)
        assert "{account}" not in str(each.parameters)
        if each.earliest is not None:
            assert is_open(each.earliest, zone=ZONE, hours={})
            assert NOW < each.earliest < found.expires_at
    assert "Acme & Söhne {day}" in str(found.steps[0].parameters)


def test_a_meeting_is_asked_for_in_time_and_in_business_hours() -> None:
    """R8: it begins on a full hour some days ahead; asking ends before that."""
    around = world(deal())
    suits = RENEWAL.suits(around)
    assert suits is not None
    meeting = drawn(RENEWAL, suits, around).steps[1]
    start = datetime.fromisoformat(meeting.parameters["start"])
    assert is_open(start, zone=ZONE, hours={})
    assert (start.minute, start.second) == (0, 0)
    assert start >= NOW + MEETING_AHEAD
    assert meeting.latest == start - NOTICE
    assert meeting.latest > NOW


@settings(deadline=None)
@given(
    left=st.integers(31, 120),
    hour=st.integers(0, 23),
    weekday=st.integers(0, 6),
    key=st.sampled_from(sorted(TYPES)),
)
def test_however_little_time_is_left_the_draft_is_sound(
    left: int, hour: int, weekday: int, key: str
) -> None:
    """R8: what is needed is always there; every step may begin before the plan's end."""
    now = NOW + timedelta(days=weekday, hours=hour)
    day = now.date() + timedelta(days=left)
    type_, around = TYPES[key], replace(world(), now=now)
    found = outline(type_, Suits(worth=1, why="", day=day), around)
    assert isinstance(found, Outline)
    keys = {each.key for each in found.steps}
    assert {each.key for each in type_.template if each.required} <= keys
    for each in found.steps:
        assert set(each.after) <= keys - {each.key}
        ends = min(each.latest or found.expires_at, found.expires_at)
        assert ends > now
        assert each.earliest is None or now <= each.earliest < ends


def test_a_day_that_leaves_no_time_gives_no_draft() -> None:
    """R8: what is over cannot be drafted."""
    suits = Suits(worth=1, why="", day=date(2026, 12, 1))
    assert outline(RENEWAL, suits, world()) == "The time for one is over."


def test_without_what_is_barred() -> None:
    """R8: optional steps go; what waited for them waits for theirs; what is needed not."""
    around = world(deal())
    suits = Suits(worth=1, why="", day=around.deals[0].renewal_date)
    found = drawn(RENEWAL, suits, around, barred={"escalate_support_risk"})
    assert "escalation" not in {each.key for each in found.steps}
    needed = outline(RENEWAL, suits, around, barred={"request_renewal_meeting"})
    assert isinstance(needed, str)
    assert "request_renewal_meeting" in needed


def test_required_steps_cannot_be_left_out() -> None:
    """R8: and the second follow-up inherits what the first waited for."""
    around = world(deal())
    suits = Suits(worth=1, why="", day=around.deals[0].renewal_date)
    found = without(drawn(RENEWAL, suits, around), {"brief", "meeting", "follow_up"})
    after = {each.key: each.after for each in found.steps}
    assert after["second_follow_up"] == ("meeting",)
    assert "follow_up" not in after
    assert {"brief", "meeting", "last_look"} <= after.keys()


def test_a_rationale_names_facts_and_nobody() -> None:
    """R8: ids and dates, and no words of anybody."""
    around = world(
        deal(), posture=Posture.AT_RISK, known={"champion": "Ann Example"},
        replies=(NOW - timedelta(days=3),),
    )  # fmt: skip
    suits = Suits(worth=1, why="It is near.", opportunity="d1")
    sign = Sign(id="s1", type="ticket_escalated", at=NOW)
    said = rationale(suits, around, signs=[sign], occasion="It is within 90 days.")
    assert said == (
        "It is near. It is within 90 days. Deal d1: discovery, renewal 2027-02-08. "
        "Posture: AT_RISK. Last answer: 2026-11-17. Newest signals: "
        "ticket_escalated 2026-11-20 (s1)."
    )
    unseen = replace(around, posture=None, known={"posture": "EXPAND"})
    assert "Posture" not in rationale(suits, unseen)


OPEN = Footing(mode="AUTOPILOT", is_open=True)
SHUT = Footing(mode="AUTOPILOT", is_open=False, reason="NOT_OPTED_IN")


@pytest.mark.parametrize(
    ("risk", "by_person", "footings", "reason"),
    [
        ("LOW", False, [OPEN], "LOW_RISK"),
        ("MINIMAL", False, [OPEN, replace(OPEN, mode="SCHEDULED")], "LOW_RISK"),
        ("MEDIUM", False, [OPEN], "RISK"),
        ("HIGH", False, [OPEN], "RISK"),
        ("low", False, [OPEN], "RISK"),
        ("", False, [OPEN], "RISK"),
        ("LOW", True, [OPEN], "ASKED_BY_PERSON"),
        ("LOW", False, [], "NO_STEPS"),
        ("LOW", False, [OPEN, replace(OPEN, mode="APPROVAL")], "MODE"),
        ("LOW", False, [replace(OPEN, mode="ASSIST")], "MODE"),
        ("LOW", False, [replace(OPEN, mode="DISABLED")], "MODE"),
        ("LOW", False, [replace(OPEN, mode=None)], "MODE"),
        ("LOW", False, [OPEN, SHUT], "NOT_OPTED_IN"),
        ("LOW", False, [replace(SHUT, reason="NO_BUDGET")], "NO_BUDGET"),
        ("LOW", False, [replace(SHUT, reason="")], "SCHEDULE"),
    ],
)
def test_when_a_draft_goes_to_policy_at_once(
    risk: str, by_person: bool, footings: list[Footing], reason: str
) -> None:
    """R7, A7, A8: the whole table; only one way leads there."""
    found = submission(risk=risk, is_by_person=by_person, footings=footings)
    assert (found.goes, found.reason) == (reason == "LOW_RISK", reason)


@settings(deadline=None)
@given(
    risk=st.sampled_from(["MINIMAL", "LOW", "MEDIUM", "HIGH", "", "low"]),
    by_person=st.booleans(),
    footings=st.lists(
        st.builds(
            Footing,
            mode=st.sampled_from([*sorted(BY_ITSELF), "APPROVAL", "ASSIST", "X", None]),
            is_open=st.booleans(),
        )
    ),
)
def test_medium_and_high_never_go_to_policy(
    risk: str, by_person: bool, footings: list[Footing]
) -> None:
    """R7: whatever else holds."""
    if submission(risk=risk, is_by_person=by_person, footings=footings).goes:
        assert risk in ("MINIMAL", "LOW")
        assert not by_person
        assert footings
        assert all(each.is_open and each.mode in BY_ITSELF for each in footings)


def test_goals_name_types_that_there_are() -> None:
    """R8: tenant goals lead to plans of declared types."""
    assert {key for keys in GOALS.values() for key in keys} <= TYPES.keys()
