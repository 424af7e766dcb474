"""R6: what is heard of an act moves its step, as a table; every status has its row."""

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.models import Intent
from plans.rules.adaptation import DELAYS, After, Ended, after
from plans.rules.hours import is_open
from plans.rules.lifecycle import ENDED, OPEN, STEP_MOVES, StepStatus
from tests.plans.rules.make import DAY, HOUR, LAW, PENDING, RUNNING, T0, step, world

WORLD = world()


def ended(status: str, reason: str = "", **more: Any) -> Ended:
    given: dict[str, Any] = {"automatic": False, "cause": "", "explanation": ""}
    return Ended(status=status, reason=reason, **{**given, **more})


def heard(what: Ended, **more: Any) -> After:
    return after(step("a", **{"status": RUNNING, **more}), what, WORLD)


@pytest.mark.parametrize(
    ("what", "status", "reason", "failed", "wait", "pauses"),
    [
        (ended("PROPOSED"), "PENDING_APPROVAL", "APPROVAL", False, None, ""),
        (ended("AWAITING_APPROVAL"), "PENDING_APPROVAL", "APPROVAL", False, None, ""),
        (
            ended("AWAITING_APPROVAL", "STAGE_GATED"),
            "PENDING_APPROVAL", "STAGE_GATED", False, None, "",
        ),
        (ended("APPROVED"), "RUNNING", "APPROVED", False, None, ""),
        (ended("EXECUTING"), "RUNNING", "EXECUTING", False, None, ""),
        (ended("IN_DOUBT"), "RUNNING", "IN_DOUBT", False, None, ""),
        (ended("SUCCEEDED"), "DONE", "DONE", False, None, ""),
        (
            ended("SUCCEEDED", automatic=True),
            "AUTO_EXECUTED", "AUTO_EXECUTED", False, None, "",
        ),
        (ended("FAILED"), "PENDING", "FAILED", True, HOUR, ""),
        (ended("EXPIRED"), "PENDING", "EXPIRED", True, HOUR, ""),
        # What the verdict once said of a budget is no reason for a failure to pass.
        (ended("FAILED", "BUDGET_EXHAUSTED"), "PENDING", "FAILED", True, HOUR, ""),
        (ended("REJECTED", cause="timing"), "PENDING", "TIMING", True, 3 * DAY, ""),
        (ended("REJECTED", cause="idea"), "SKIPPED", "REJECTED", False, None, ""),
        (ended("REJECTED", cause="execution"), "SKIPPED", "REJECTED", False, None, ""),
        (ended("REJECTED", cause="external"), "SKIPPED", "REJECTED", False, None, ""),
        (ended("REJECTED"), "SKIPPED", "REJECTED", False, None, ""),
        (ended("CANCELLED"), "SKIPPED", "CALLED_OFF", False, None, ""),
        (ended("UNDONE"), "SKIPPED", "UNDONE", False, None, ""),
        (ended("BLOCKED", "KILL_SWITCH"), "PENDING", "KILL_SWITCH", False, HOUR, ""),
        (
            ended("BLOCKED", "KILL_SWITCH_UNREADABLE"),
            "PENDING", "KILL_SWITCH_UNREADABLE", False, HOUR, "",
        ),
        (
            ended("BLOCKED", "BUDGET_EXHAUSTED"),
            "PENDING", "BUDGET_EXHAUSTED", False, HOUR, "",
        ),
        (ended("BLOCKED", "OPTED_OUT"), "FAILED", "BLOCKED", True, None, "STEP_FAILED"),
        (ended("BLOCKED"), "FAILED", "BLOCKED", True, None, "STEP_FAILED"),
        (ended("REFUSED"), "FAILED", "REFUSED", True, None, "STEP_FAILED"),
    ],
)  # fmt: skip
def test_the_table(
    what: Ended,
    status: str,
    reason: str,
    failed: bool,
    wait: timedelta | None,
    pauses: str,
) -> None:
    """R6."""
    came = heard(what)
    assert (came.status, came.reason, came.failed) == (status, reason, failed)
    assert came.next_at == (None if wait is None else T0 + wait)
    assert came.pauses == pauses
    assert came.explanation


@pytest.mark.parametrize(
    ("what", "failures", "most", "status", "wait"),
    [
        (ended("FAILED"), 0, 3, "PENDING", HOUR),
        (ended("FAILED"), 1, 3, "PENDING", DAY),
        (ended("FAILED"), 2, 3, "FAILED", None),
        (ended("FAILED"), 0, 1, "FAILED", None),
        # Nobody set it, or it was lowered meanwhile.
        (ended("FAILED"), 0, 0, "FAILED", None),
        (ended("FAILED"), 5, 3, "FAILED", None),
        (ended("FAILED"), 2, 9, "PENDING", 3 * DAY),
        (ended("FAILED"), 7, 9, "PENDING", 7 * DAY),
        (ended("EXPIRED"), 2, 3, "FAILED", None),
        (ended("REJECTED", cause="timing"), 1, 3, "PENDING", 3 * DAY),
        (ended("REJECTED", cause="timing"), 2, 3, "FAILED", None),
    ],
)
def test_retries_wait_longer_each_time_and_end(
    what: Ended, failures: int, most: int, status: str, wait: timedelta | None
) -> None:
    """R6: retry within policy."""
    # By hours that are always open, so that only the delay shows.
    always = world(hours={"days": list(range(7)), "start": "00:00", "end": "23:59"})
    came = after(
        step("a", status=RUNNING, failures=failures, max_failures=most), what, always
    )
    assert (came.status, came.failed) == (status, True)
    assert came.next_at == (None if wait is None else T0 + wait)
    assert came.pauses == ("STEP_FAILED" if status == "FAILED" else "")
    assert came.reason == ("RETRIES_SPENT" if status == "FAILED" else came.reason)


def test_only_a_required_step_stops_the_plan() -> None:
    """R6."""
    assert heard(ended("BLOCKED"), required=False).pauses == ""
    assert heard(ended("FAILED"), required=False, failures=9).pauses == ""


def test_the_next_try_is_in_business_hours() -> None:
    """R11: an hour after a quarter to five on a Friday is Monday morning."""
    friday = datetime.fromisoformat("2026-11-27T16:45:00+00:00")
    came = after(step("a", status=RUNNING), ended("FAILED"), world(now=friday))
    assert came.next_at == datetime.fromisoformat("2026-11-30T09:00:00+00:00")


def test_every_status_of_an_intent_has_a_row() -> None:
    """R6: one that is added is noticed here."""
    for status in Intent.Status.values:
        came = after(step("a"), ended(status), WORLD)
        assert (came.status, came.reason) != (PENDING, ""), status


def test_what_is_not_known_changes_nothing() -> None:
    came = heard(ended("ODD"), reason="APPROVED", next_at=T0)
    assert (came.status, came.reason, came.failed) == (RUNNING, "APPROVED", False)
    assert (came.next_at, came.pauses) == (T0, "")


STATUSES = st.sampled_from([*Intent.Status.values, "REFUSED", "ODD"])
REASONS = st.sampled_from(["", "KILL_SWITCH", "OPTED_OUT", "BUDGET_EXHAUSTED"])
CAUSES = st.sampled_from(["", "idea", "timing", "execution", "external"])


@LAW
@given(
    st.sampled_from(list(StepStatus)),
    st.builds(
        Ended,
        status=STATUSES,
        automatic=st.booleans(),
        cause=CAUSES,
        reason=REASONS,
        explanation=st.sampled_from(["", "It said so."]),
    ),
    st.integers(0, 5),
    st.integers(0, 4),
    st.booleans(),
)
def test_every_move_is_legal_and_no_failure_is_lost(
    status: StepStatus, what: Ended, failures: int, most: int, required: bool
) -> None:
    """R2, R6: what ended stays; the plan stops only for a required step that failed."""
    given = step(
        "a", status=status, failures=failures, max_failures=most, required=required
    )
    came = after(given, what, WORLD)
    assert came.status == status or came.status in STEP_MOVES[status]
    if status in ENDED:
        assert (came.status, came.failed, came.pauses) == (status, False, "")
        return
    failed = came.status == StepStatus.FAILED
    assert came.pauses == ("STEP_FAILED" if failed and required else "")
    assert came.failed or not failed
    assert (came.next_at is None) or came.status == StepStatus.PENDING
    if came.next_at is not None:
        assert came.next_at > T0
        assert is_open(came.next_at, zone="UTC", hours={})


def test_no_step_is_tried_for_ever() -> None:
    """R6: whatever is heard of it, tries that count as failures come to an end."""
    for cause, status in product(("timing", ""), ("FAILED", "EXPIRED", "REJECTED")):
        failures, tries = 0, 0
        while True:
            came = heard(ended(status, cause=cause), failures=failures, max_failures=4)
            tries, failures = tries + 1, failures + came.failed
            if came.status not in OPEN:
                break
        assert tries <= 4


def test_delays_grow() -> None:
    assert list(DELAYS) == sorted(set(DELAYS))
