"""R6, R11: what a look decides, on plans and worlds that nobody thought of."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plans.rules.course import Course, course
from plans.rules.facts import PlanFacts, World
from plans.rules.hours import is_open
from plans.rules.lifecycle import SUBMITTED, Status, StepStatus
from tests.plans.rules.make import (
    ASKED,
    CHAT,
    DAY,
    HOUR,
    LAW,
    MAIL,
    MEETING,
    NOTE,
    PENDING,
    SKIPPED,
    T0,
    a_type,
    other,
    plan,
    step,
    world,
)

TYPE = a_type()
HOURS = st.integers(-200, 200).map(lambda each: T0 + each * HOUR)
MAYBE = st.one_of(st.none(), HOURS)
NAMES = ["a", "b", "c", "d", "e"]


@st.composite
def plans(draw: Any) -> PlanFacts:
    steps = [
        step(
            name,
            draw(st.sampled_from([NOTE, MAIL, CHAT, MEETING, "odd"])),
            *draw(st.lists(st.sampled_from([*NAMES, "gone"]), max_size=2)),
            status=draw(st.sampled_from([PENDING, PENDING, *StepStatus])),
            reason=draw(st.sampled_from(["", "REPLIED", "REJECTED"])),
            earliest=draw(MAYBE),
            latest=draw(MAYBE),
            next_at=draw(MAYBE),
            waived=draw(st.booleans()),
            finished_at=draw(HOURS.filter(lambda each: each <= T0)),
            only_if=draw(st.sampled_from(["", "", "NO_REPLY", "FULL_MOON"])),
        )
        for name in NAMES[: draw(st.integers(0, 5))]
    ]
    return plan(
        *steps,
        status=draw(st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.PAUSED])),
        expires_at=draw(HOURS),
        constraints=draw(st.sampled_from([{}, {"max_external_touches": 1}])),
    )


WORLDS = st.builds(
    world,
    now=HOURS,
    replies=st.lists(HOURS, max_size=2).map(lambda each: tuple(sorted(each)[::-1])),
    reached=st.lists(HOURS, max_size=4).map(lambda each: tuple(sorted(each))),
    hours=st.sampled_from(
        [{}, {"days": [*range(5)], "start": "09:00", "end": "17:00"}]
    ),
    stops=st.sampled_from([{}, {}, {"": "All."}, {MAIL: "No mail."}]),
    others=st.lists(
        st.builds(
            other,
            priority=st.integers(49, 51),
            under_way=st.sampled_from([(), (MAIL,)]),
            next_touch=MAYBE,
        ),
        max_size=2,
    ).map(tuple),
)


def _taken(given: PlanFacts, found: Course) -> PlanFacts:
    """The plan after what was decided: begun with people, or left out."""
    left_out = {each.step_id: each.reason for each in found.skips}
    steps = [
        replace(each, status=ASKED)
        if each.step_id in found.starts
        else replace(each, status=SKIPPED, reason=left_out[each.step_id])
        if each.step_id in left_out
        else each
        for each in given.steps
    ]
    return replace(given, steps=tuple(steps))


@LAW
@given(plans(), WORLDS)
def test_every_open_step_has_exactly_one_answer(
    given: PlanFacts, around: World
) -> None:
    """R6: started, left out or waiting, and for those a sentence."""
    found = course(given, TYPE, around)
    answered = [
        *found.starts,
        *(each.step_id for each in found.skips),
        *(each.step_id for each in found.waits),
    ]
    runs = given.status == Status.ACTIVE
    assert sorted(answered) == sorted(
        each.step_id
        for each in given.steps
        if each.status in SUBMITTED or (runs and each.status == PENDING)
    )
    assert all(each.explanation for each in found.skips)
    assert all(each.explanation for each in found.waits)
    assert runs or not found.starts + found.skips


@LAW
@given(plans(), WORLDS)
def test_nothing_starts_that_must_not(given: PlanFacts, around: World) -> None:
    """R3, R10, R11, A1: not after its time, nor before what it builds on, nor at night."""
    found = course(given, TYPE, around)
    there = {each.step_id: each for each in given.steps}
    for each in (there[name] for name in found.starts):
        assert each.status == PENDING
        assert around.now < given.expires_at
        assert each.latest is None or around.now < each.latest
        assert (
            max([each.earliest or T0 - 999 * DAY, each.next_at or T0 - 999 * DAY])
            <= around.now
        )
        hours = around.hours
        assert not hours or is_open(around.now, zone="UTC", hours=hours)
        assert not {"", each.action_type} & set(around.stops)
        assert set(each.depends_on) <= set(there)
        left_out = {one.step_id: one.reason for one in found.skips}
        for one in (there[name] for name in each.depends_on):
            reason = left_out.get(one.step_id, one.reason)
            gone = one.status == SKIPPED or one.step_id in left_out
            assert one.succeeded or one.waived or (gone and reason == "REPLIED")
    reaching = [name for name in found.starts if there[name].reaches_out]
    recent = [each for each in around.reached if around.now - each < 7 * DAY]
    assert not reaching or len(recent) + len(reaching) <= around.weekly_cap


@LAW
@given(plans(), WORLDS, st.integers(1, 99))
def test_nothing_changes_by_itself_before_the_next_look(
    given: PlanFacts, around: World, share: int
) -> None:
    """R11: twice or late is harmless, and early finds nothing to do."""
    found = course(given, TYPE, around)
    after = _taken(given, found)
    again = course(after, TYPE, around)
    assert (again.starts, again.skips) == ((), ())
    if given.expires_at <= around.now:
        assert found.next_at == given.expires_at
        return
    assert around.now < found.next_at <= min(given.expires_at, around.now + DAY)
    between = around.now + (found.next_at - around.now) * share / 100
    # What was reached, and when others mean to, is not in the future of that look.
    early = course(after, TYPE, replace(around, now=between))
    assert (early.starts, early.skips) == ((), ())
