"""P10, X3: breakers, rates and answers, as pure rules."""

from datetime import UTC, datetime, timedelta

import pytest

from autonomy.rules import answers
from autonomy.rules.answers import Course, Meaning, Said, Step, next_step, read_answer
from perception.rules.breaker import (
    COOLDOWN,
    Breaker,
    BreakerState,
    ask,
    failed,
    state,
    succeeded,
)
from perception.rules.rates import Bucket, take

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=20)


def _at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def _failing(*seconds: float) -> Breaker:
    held = Breaker()
    for each in seconds:
        held = failed(held, now=_at(each), probe=None)
    return held


def test_five_failures_in_a_minute_open_it() -> None:
    """P10: the fifth opens; one that is a minute old no longer counts."""
    assert state(_failing(0, 1, 2, 3), now=_at(3)) is BreakerState.CLOSED
    assert _failing(0, 1, 2, 3, 60).opened_at is None
    held = _failing(0, 1, 2, 3, 59.9)
    assert (held.opened_at, held.failures) == (_at(59.9), ())
    assert state(held, now=_at(60)) is BreakerState.OPEN


def test_after_the_cooldown_one_probe_goes_out() -> None:
    """P10: refused until then; after it one, whose end everybody waits for."""
    held = _failing(0, 1, 2, 3, 4)
    early = ask(held, now=_at(33.9), probe_for=LEASE)
    assert (early.admitted, early.until) == (False, _at(34))
    probe = ask(held, now=_at(34), probe_for=LEASE)
    assert (probe.admitted, probe.probe) == (True, _at(54))
    other = ask(probe.breaker, now=_at(35), probe_for=LEASE)
    assert (other.admitted, other.until) == (False, _at(54))
    # A probe that never came back gives way to the next one.
    assert ask(probe.breaker, now=_at(54), probe_for=LEASE).probe == _at(74)


def test_only_the_probe_moves_an_open_breaker() -> None:
    """P10: late answers of earlier calls neither close it nor hold it open."""
    held = ask(_failing(0, 1, 2, 3, 4), now=_at(34), probe_for=LEASE).breaker
    for stranger in (None, _at(1)):
        assert succeeded(held, probe=stranger) == held
        assert failed(held, now=_at(35), probe=stranger) == held
    assert succeeded(held, probe=_at(54)) == Breaker()
    again = failed(held, now=_at(36), probe=_at(54))
    assert (again.opened_at, again.probe_until) == (_at(36), None)


def test_forced_open_lets_nothing_out() -> None:
    """P10: not even a probe."""
    asked = ask(Breaker(forced_open=True), now=_at(999), probe_for=LEASE)
    assert (asked.admitted, asked.until) == (False, _at(999) + COOLDOWN)


def test_a_bucket_holds_a_second_and_says_when_it_has_more() -> None:
    """S3: two a second: two at once, then one each half second."""
    bucket = Bucket()
    for _ in range(2):
        taken = take(bucket, rate=2, now=T0)
        assert taken.admitted
        bucket = taken.bucket
    refused = take(bucket, rate=2, now=T0)
    assert (refused.admitted, refused.until) == (False, _at(0.5))
    assert take(bucket, rate=2, now=_at(0.5)).admitted
    assert not take(bucket, rate=2, now=_at(-5)).admitted
    assert take(bucket, rate=2, now=_at(99)).bucket.tokens == 1


def test_a_slow_bucket_holds_one() -> None:
    first = take(Bucket(), rate=0.1, now=T0)
    assert first.admitted
    assert take(first.bucket, rate=0.1, now=_at(1)).until == _at(10)


@pytest.mark.parametrize(
    ("status", "retry_after", "meaning", "wait"),
    [
        (200, None, Meaning.DONE, None),
        (299, None, Meaning.DONE, None),
        (409, None, Meaning.DONE, None),
        (429, "7", Meaning.WAIT, 7),
        (429, None, Meaning.WAIT, 5),
        (429, "0", Meaning.WAIT, 1),
        (429, "-3", Meaning.WAIT, 1),
        (429, "soon", Meaning.WAIT, 5),
        (429, "nan", Meaning.WAIT, 5),
        (503, "99999", Meaning.WAIT, 3600),
        (503, "Fri, 20 Nov 2026 12:00:30 GMT", Meaning.WAIT, 30),
        (503, None, Meaning.AMBIGUOUS, None),
        (503, "soon", Meaning.AMBIGUOUS, None),
        (400, None, Meaning.REFUSED, None),
        (408, "5", Meaning.REFUSED, None),
        (302, None, Meaning.AMBIGUOUS, None),
        (500, "5", Meaning.AMBIGUOUS, None),
        (599, None, Meaning.AMBIGUOUS, None),
    ],
)
def test_what_a_status_means(
    status: int, retry_after: str | None, meaning: Meaning, wait: float | None
) -> None:
    """CONTRACT, HTTP tool: the table of statuses."""
    said = read_answer(status, retry_after, now=T0)
    assert (said.meaning, said.wait) == (meaning, wait)


def _course(**more: object) -> Course:
    given = {
        "keyed": True,
        "doubted": False,
        "attempts": 1,
        "most": 5,
        "since": timedelta(0),
        **more,
    }
    return Course(**given)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("meaning", "course", "step"),
    [
        (Meaning.DONE, _course(keyed=False, doubted=True, attempts=9), Step.SUCCEED),
        (Meaning.REFUSED, _course(), Step.FAIL),
        (Meaning.FORBIDDEN, _course(), Step.FAIL),
        (Meaning.FORBIDDEN, _course(doubted=True), Step.DOUBT),
        (Meaning.WAIT, _course(attempts=5), Step.AGAIN),
        (Meaning.WAIT, _course(since=DAY), Step.FAIL),
        (Meaning.WAIT, _course(since=DAY, doubted=True), Step.DOUBT),
        (Meaning.UNREACHED, _course(keyed=False, attempts=4), Step.AGAIN),
        (Meaning.UNREACHED, _course(attempts=5), Step.FAIL),
        (Meaning.UNREACHED, _course(attempts=5, doubted=True), Step.DOUBT),
        (Meaning.AMBIGUOUS, _course(attempts=4), Step.AGAIN),
        (Meaning.AMBIGUOUS, _course(attempts=5), Step.DOUBT),
        (Meaning.AMBIGUOUS, _course(keyed=False), Step.DOUBT),
    ],
)
def test_what_follows_of_an_answer(
    meaning: Meaning, course: Course, step: Step
) -> None:
    """X3: never "failed" where it may have been done, never a second unkeyed call."""
    assert next_step(Said(meaning=meaning, detail=""), course) is step


@pytest.mark.parametrize(
    ("course", "step"),
    [
        (_course(), Step.AGAIN),
        (_course(keyed=False), Step.AGAIN),
        (_course(doubted=True), Step.AGAIN),
        (_course(doubted=True, keyed=False), Step.DOUBT),
        (_course(doubted=True, same_place=False), Step.DOUBT),
        (_course(same_place=False), Step.AGAIN),
        (_course(attempts=6), Step.FAIL),
        (_course(attempts=6, doubted=True), Step.DOUBT),
        (_course(since=DAY), Step.FAIL),
    ],
)
def test_how_an_act_goes_on_after_a_crash(course: Course, step: Step) -> None:
    """X1, X3."""
    assert answers.resume(course)[0] is step


def test_pauses_grow_and_end() -> None:
    said = Said(meaning=Meaning.AMBIGUOUS, detail="")
    pauses = [answers.pause(said, each).total_seconds() for each in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
