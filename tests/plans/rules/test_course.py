"""R6, R10, R11: which steps start, are skipped, or wait, and when to look again."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from plans.rules.course import course
from plans.rules.facts import PlanFacts, World
from plans.rules.lifecycle import Status
from tests.plans.rules.make import (
    ASKED,
    AUTO,
    CANCELLED,
    CHAT,
    DAY,
    DONE,
    FAILED,
    HOUR,
    MAIL,
    MEETING,
    NOTE,
    RUNNING,
    SKIPPED,
    T0,
    a_type,
    other,
    plan,
    step,
    world,
)

TYPE = a_type()
SENT = step("a", MAIL, status=DONE, finished_at=T0 - 4 * DAY)
SILENT = {"only_if": "NO_REPLY"}


def told(given: PlanFacts, around: World | None = None) -> dict[str, str]:
    """In one word what happens to each step that is open."""
    found = course(given, TYPE, around or world())
    return {
        **dict.fromkeys(found.starts, "START"),
        **{each.step_id: f"SKIP {each.reason}" for each in found.skips},
        **{each.step_id: each.reason for each in found.waits},
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (plan(), {}),
        (plan(step("a"), step("b", CHAT)), {"a": "START", "b": "START"}),
        # Dependencies.
        (plan(step("a"), step("b", NOTE, "a")), {"a": "START", "b": "DEPENDENCY"}),
        (plan(step("a", status=DONE), step("b", NOTE, "a")), {"b": "START"}),
        (plan(step("a", status=AUTO), step("b", NOTE, "a")), {"b": "START"}),
        (
            plan(step("a", status=SKIPPED, waived=True), step("b", NOTE, "a")),
            {"b": "START"},
        ),
        (
            plan(step("a", status=FAILED, waived=True), step("b", NOTE, "a")),
            {"b": "START"},
        ),
        (
            plan(step("a", status=SKIPPED, reason="REPLIED"), step("b", NOTE, "a")),
            {"b": "START"},
        ),
        (
            plan(step("a", status=FAILED), step("b", NOTE, "a")),
            {"b": "DEPENDENCY_FAILED"},
        ),
        (
            plan(step("a", status=SKIPPED, reason="REJECTED"), step("b", NOTE, "a")),
            {"b": "SKIP DEPENDENCY_UNDONE"},
        ),
        (
            plan(step("a", status=CANCELLED), step("b", NOTE, "a")),
            {"b": "SKIP DEPENDENCY_UNDONE"},
        ),
        (plan(step("b", NOTE, "gone")), {"b": "DEPENDENCY"}),
        # In whatever order they stand, what is left out takes along what builds on it.
        (
            plan(
                step("c", NOTE, "b"), step("b", NOTE, "a"), step("a", status=CANCELLED)
            ),
            {"b": "SKIP DEPENDENCY_UNDONE", "c": "SKIP DEPENDENCY_UNDONE"},
        ),
        # A circle that nobody refused starts nothing.
        (
            plan(step("a", NOTE, "b"), step("b", NOTE, "a")),
            {"a": "DEPENDENCY", "b": "DEPENDENCY"},
        ),
        # Times.
        (plan(step("a", earliest=T0 + HOUR)), {"a": "NOT_YET"}),
        (plan(step("a", next_at=T0 + HOUR)), {"a": "NOT_YET"}),
        (plan(step("a", earliest=T0, next_at=T0)), {"a": "START"}),
        (plan(step("a", latest=T0)), {"a": "SKIP WINDOW_PAST"}),
        (plan(step("a", latest=T0 + HOUR)), {"a": "START"}),
        (plan(step("a"), expires_at=T0), {"a": "SKIP WINDOW_PAST"}),
        # With whom a step is.
        (
            plan(step("a", status=ASKED), step("b", status=RUNNING)),
            {"a": "APPROVAL", "b": "RUNNING"},
        ),
        # Only what runs goes on.
        (plan(step("a"), status=Status.PAUSED), {}),
        (plan(step("a"), step("b", status=RUNNING), status=Status.DRAFT), {"b": "RUNNING"}),
    ],
)  # fmt: skip
def test_what_happens_to_each_step(given: PlanFacts, said: dict[str, str]) -> None:
    """R6, R11."""
    assert told(given) == said


@pytest.mark.parametrize(
    ("given", "replies", "said"),
    [
        (plan(SENT, step("b", MAIL, "a", **SILENT)), (), "START"),
        (plan(SENT, step("b", MAIL, "a", **SILENT)), (T0 - 5 * DAY,), "START"),
        (plan(SENT, step("b", MAIL, "a", **SILENT)), (T0 - DAY,), "SKIP REPLIED"),
        (
            plan(SENT, step("b", MAIL, "a", **SILENT)),
            (T0 - DAY, T0 - 5 * DAY),
            "SKIP REPLIED",
        ),
        # They have three days to answer.
        (
            plan(
                replace(SENT, finished_at=T0 - 2 * DAY), step("b", MAIL, "a", **SILENT)
            ),
            (),
            "NOT_YET",
        ),
        (
            plan(
                replace(SENT, finished_at=T0 - 3 * DAY), step("b", MAIL, "a", **SILENT)
            ),
            (),
            "START",
        ),
        # What reached nobody cannot be answered, so nobody waits for it.
        (
            plan(
                step("a", NOTE, status=DONE, finished_at=T0 - HOUR),
                step("b", MAIL, "a", **SILENT),
            ),
            (T0 - 2 * HOUR,),
            "START",
        ),
        # A follow-up that was not needed does not hide the answer that came before it.
        (
            plan(
                SENT,
                step("s", MAIL, "a", status=SKIPPED, reason="REPLIED", finished_at=T0),
                step("b", MAIL, "s", **SILENT),
            ),
            (T0 - DAY,),
            "SKIP REPLIED",
        ),
        # Nor does one that a person did without.
        (
            plan(
                SENT,
                step("s", MAIL, "a", status=SKIPPED, waived=True, finished_at=T0),
                step("b", MAIL, "s", **SILENT),
            ),
            (T0 - DAY,),
            "SKIP REPLIED",
        ),
        # With nothing before it, since the plan began.
        (plan(step("b", MAIL, **SILENT)), (T0 - HOUR,), "SKIP REPLIED"),
        (plan(step("b", MAIL, **SILENT)), (T0 - 2 * DAY,), "START"),
        # What nobody can judge does not run.
        (plan(step("b", MAIL, only_if="FULL_MOON")), (), "CONDITION_UNKNOWN"),
    ],
)
def test_steps_that_are_for_silence_only(
    given: PlanFacts, replies: tuple[datetime, ...], said: str
) -> None:
    """R6: skipped with its reason where somebody answered meanwhile."""
    assert told(given, world(replies=replies))["b"] == said


NIGHT = T0 + 8 * HOUR
USUAL = {"days": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}


@pytest.mark.parametrize(
    ("around", "said", "until"),
    [
        ({"stops": {"": "Stop all."}}, "KILL_SWITCH", T0 + HOUR),
        ({"stops": {MAIL: "No mail."}}, "KILL_SWITCH", T0 + HOUR),
        ({"stops": {CHAT: "No chat."}}, "START", None),
        ({"now": NIGHT, "hours": USUAL}, "OUTSIDE_HOURS", T0 + 21 * HOUR),
        # Where the tenant set none, none hold it.
        ({"now": NIGHT}, "START", None),
        (
            {"now": NIGHT, "hours": USUAL, "zone": "America/Los_Angeles"},
            "START",
            None,
        ),
        ({"hours": {"days": [1], "start": "12:00", "end": "12:01"}}, "START", None),
        (
            {"others": (other(under_way=(MAIL,)),)},
            "SAME_ACT_OPEN",
            T0 + HOUR,
        ),
        ({"others": (other(priority=99, next_touch=T0),)}, "PRIORITY", T0 + HOUR),
        ({"reached": (T0 - 6 * DAY,), "weekly_cap": 1}, "CONTACT_CAP", T0 + DAY),
    ],
)
def test_what_stops_a_step_from_outside(
    around: dict[str, Any], said: str, until: datetime | None
) -> None:
    """A1, A9, R10, R11."""
    found = course(plan(step("a", MAIL)), TYPE, world(**around))
    assert told(plan(step("a", MAIL)), world(**around)) == {"a": said}
    if until is not None:
        assert [each.until for each in found.waits] == [until]
        assert found.next_at == until


def test_touches_that_are_spent_leave_a_step_out() -> None:
    """R12: it will never be done, so nobody waits for it."""
    given = plan(SENT, step("b", MAIL, "a"), constraints={"max_external_touches": 1})
    assert told(given) == {"b": "SKIP TOUCHES_SPENT"}


def test_what_starts_now_counts_for_those_after_it() -> None:
    """R10, A9: of two that are ready only as many start as there is room for."""
    both = plan(step("a", MAIL), step("b", CHAT))
    assert told(both, world(weekly_cap=1)) == {"a": "START", "b": "CONTACT_CAP"}
    narrow = replace(both, constraints={"max_external_touches": 1})
    assert told(narrow) == {"a": "START", "b": "SKIP TOUCHES_SPENT"}


@pytest.mark.parametrize(
    ("given", "next_at"),
    [
        # At least daily, since the objective is looked at; never after the end.
        (plan(step("a", status=ASKED)), T0 + DAY),
        (plan(step("a", earliest=T0 + 5 * DAY)), T0 + DAY),
        (plan(step("a", earliest=T0 + 5 * HOUR)), T0 + 5 * HOUR),
        (plan(step("a", earliest=T0 + 5 * HOUR), expires_at=T0 + HOUR), T0 + HOUR),
        (plan(step("a", status=ASKED), expires_at=T0 + HOUR), T0 + HOUR),
        (plan(step("a", status=RUNNING), expires_at=T0 - HOUR), T0 - HOUR),
        # A step whose time runs out while it waits for another.
        (
            plan(
                step("a", status=ASKED), step("b", NOTE, "a", latest=T0 + 2 * HOUR)
            ),
            T0 + 2 * HOUR,
        ),
    ],
)  # fmt: skip
def test_when_to_look_again(given: PlanFacts, next_at: datetime) -> None:
    """R11: due rows, cheap ticks."""
    assert course(given, TYPE, world()).next_at == next_at


def test_a_plan_that_is_looked_at_when_due_comes_to_an_end() -> None:
    """R3, R11: each look either does something, or is later than the one before."""
    given = plan(
        step("a", MEETING, earliest=T0 + 2 * DAY),
        step("b", MAIL, "a", **SILENT),
        step("c", NOTE, "b", earliest=T0 + 20 * DAY),
    )
    now, looks = T0, 0
    while now < given.expires_at:
        found = course(given, TYPE, world(now=now))
        looks += 1
        assert found.next_at > now
        steps = tuple(
            replace(each, status=DONE, finished_at=now)
            if each.step_id in found.starts
            else each
            for each in given.steps
        )
        given, now = replace(given, steps=steps), found.next_at
    assert [each.status for each in given.steps] == [DONE, DONE, DONE]
    assert looks <= timedelta(days=60) // DAY
