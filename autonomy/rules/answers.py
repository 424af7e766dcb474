"""X3: what an outside tool's answer means, and what follows of it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

# How long an act that was started may go on waiting for its tool.
PATIENCE = timedelta(days=1)
LONGEST_WAIT = 3600.0
LONGEST_PAUSE = 60.0
DEFAULT_WAIT = 5.0


class Meaning(StrEnum):
    """What is known about the effect after a call."""

    DONE = "DONE"
    # It did not act now, and says when to come again.
    WAIT = "WAIT"
    # It says that it will not act.
    REFUSED = "REFUSED"
    # Nobody knows.
    AMBIGUOUS = "AMBIGUOUS"
    # The request never arrived.
    UNREACHED = "UNREACHED"
    # The house itself let nothing out.
    FORBIDDEN = "FORBIDDEN"
    # Somebody else changed what is there, so nothing was touched.
    MOVED = "MOVED"


class Step(StrEnum):
    """What follows of an answer."""

    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    DOUBT = "DOUBT"
    AGAIN = "AGAIN"


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A call's answer, read. `wait`: seconds, where the tool asked for them."""

    meaning: Meaning
    detail: str
    status: int | None = None
    wait: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How far a call has come. `doubted`: an earlier one may have had its effect."""

    keyed: bool
    doubted: bool
    attempts: int
    most: int
    since: timedelta
    # Whether the same key would reach the same place as the earlier call.
    same_place: bool = True


def read_answer(status: int, retry_after: str | None, *, now: datetime) -> Said:
    """What a status means; nothing but the status is believed."""
    detail = f"It answered {status}."
    if 200 <= status < 300:
        return Said(meaning=Meaning.DONE, detail=detail, status=status)
    if status == 409:
        said = "It answered 409: it was done already."
        return Said(meaning=Meaning.DONE, detail=said, status=status)
    wait = _seconds(retry_after, now)
    if status == 429 or (status == 503 and wait is not None):
        wait = DEFAULT_WAIT if wait is None else wait
        return Said(meaning=Meaning.WAIT, detail=detail, status=status, wait=wait)
    if 400 <= status < 500:
        return Said(meaning=Meaning.REFUSED, detail=detail, status=status)
    return Said(meaning=Meaning.AMBIGUOUS, detail=detail, status=status)


def next_step(said: Said, course: Course) -> Step:
    """What follows of an answer, and of all the calls before it."""
    match said.meaning:
        case Meaning.DONE:
            return Step.SUCCEED
        case Meaning.REFUSED:
            return Step.FAIL
        case Meaning.FORBIDDEN | Meaning.MOVED:
            return Step.DOUBT if course.doubted else Step.FAIL
        case Meaning.WAIT:
            return _end(course) if course.since >= PATIENCE else Step.AGAIN
        case Meaning.UNREACHED:
            return _end(course) if course.attempts >= course.most else Step.AGAIN
        case Meaning.AMBIGUOUS:
            may_repeat = course.keyed and course.attempts < course.most
            return Step.AGAIN if may_repeat else Step.DOUBT


def resume(course: Course) -> tuple[Step, str]:
    """What follows for an act that was started and holds no lease any more."""
    if course.doubted and not course.keyed:
        return Step.DOUBT, "It may have been done, and its tool takes no second call."
    if course.doubted and not course.same_place:
        return Step.DOUBT, "It may have been done, and its tool has moved since."
    if course.attempts > course.most:
        return _end(course), f"It was tried {course.most} times."
    if course.since >= PATIENCE:
        return _end(course), "Its tool was not to be had for a day."
    return Step.AGAIN, ""


def pause(said: Said, attempts: int) -> timedelta:
    """How long until the next call."""
    if said.wait is not None:
        return timedelta(seconds=said.wait)
    return timedelta(seconds=min(LONGEST_PAUSE, 2.0 ** max(0, attempts - 1)))


def _end(course: Course) -> Step:
    return Step.DOUBT if course.doubted else Step.FAIL


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    """Retry-After, as seconds or as a date; at least one, at most an hour."""
    if retry_after is None:
        return None
    try:
        wait = float(retry_after.strip())
    except ValueError:
        wait = _until(retry_after, now)
    if not math.isfinite(wait):
        return None
    return min(LONGEST_WAIT, max(1.0, wait))


def _until(text: str, now: datetime) -> float:
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return math.nan
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
