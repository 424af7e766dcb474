"""X6: how well a tool serves: calls counted in buckets, percentiles, burn, when to tell."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from autonomy.rules.answers import Meaning, Said

# Upper bounds of the buckets in milliseconds, round and about 1.5-fold; what takes
# longer than the last goes into one bucket more.
BOUNDS: tuple[float, ...] = (
    *(step * 10**power for power in range(5) for step in (1, 1.5, 2, 3, 5, 7.5)),
    120_000,
)
BUCKETS = len(BOUNDS) + 1

# What an objective may ask for.
LEAST_PERCENT, MOST_PERCENT = 50.0, 99.99

SHORT, LONG, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
# At this pace a month's budget of errors is used up in two days.
FAST = 14.4
# Where an objective allows so much that nothing burns as fast, this share is enough.
NEARLY_ALL = 0.9
CALM = 1.0
# One failure in the night is no alert, nor is one act that was tried five times.
LEAST_CALLS = 10
LEAST_BAD = 3

# It answers, but it turns the house away, or lets it wait too long.
TURNED_AWAY = frozenset({401, 403, 407, 408})

# Until an alert is told: the first pause, the longest, and when it is given up.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
TOLD_WITHIN = timedelta(days=1)


class About(StrEnum):
    """What an objective is about."""

    LATENCY = "latency"
    SUCCESS = "success"


class Move(StrEnum):
    """What follows for an alert."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    STAY = "STAY"


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """How well a tool has to serve: so many percent within so long, so many go well."""

    latency_ms: int = 5000
    latency_percent: float = 99.0
    success_percent: float = 99.0
    is_active: bool = True

    def percent(self, about: About) -> float:
        """How many percent have to be good."""
        return self.latency_percent if about is About.LATENCY else self.success_percent


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Calls of a stretch of time. `within`: how many of them fell into which bucket."""

    calls: int = 0
    failed: int = 0
    within: Sequence[int] = field(default=(0,) * BUCKETS)

    def __add__(self, other: "Tally") -> "Tally":
        pairs = zip(self.within, other.within, strict=True)
        return Tally(
            calls=self.calls + other.calls,
            failed=self.failed + other.failed,
            within=tuple(mine + theirs for mine, theirs in pairs),
        )


def fails(said: Said, took_ms: float) -> bool | None:
    """Whether a tool's keeper has to answer for how a call went; None: it does not count.

    What was not sent says nothing of the tool, and a bad request is no fault of it. A
    refusal without a status may have been made before anything was asked.
    """
    if took_ms <= 0:
        return None
    match said.meaning:
        case Meaning.FORBIDDEN:
            return None
        case Meaning.REFUSED:
            return None if said.status is None else said.status in TURNED_AWAY
        case Meaning.DONE | Meaning.MOVED:
            return False
        case Meaning.WAIT | Meaning.AMBIGUOUS | Meaning.UNREACHED:
            return True


def bucket_of(took_ms: float) -> int:
    """The bucket of a call: the first whose bound it does not exceed."""
    return bisect_left(BOUNDS, took_ms)


def held_to(latency_ms: float) -> float:
    """The bound that an objective is held to: itself, or the next above it."""
    return BOUNDS[min(bucket_of(latency_ms), len(BOUNDS) - 1)]


def percentile(within: Sequence[int], percent: int) -> float | None:
    """So many percent of calls took at most this; the bound of the bucket they end in."""
    total = sum(within)
    if total == 0:
        return None
    rank, seen = max(1, -(-total * percent // 100)), 0
    for bound, count in zip(BOUNDS, within, strict=False):
        seen += count
        if seen >= rank:
            return bound
    return BOUNDS[-1]


def bad(tally: Tally, aim: Aim, about: About) -> int:
    """How many calls missed what they had to hold."""
    if about is About.SUCCESS:
        return tally.failed
    return sum(tally.within[bucket_of(aim.latency_ms) + 1 :])


def burn(tally: Tally, aim: Aim, about: About) -> float:
    """How many times faster than allowed the budget of errors is used up."""
    if tally.calls == 0:
        return 0.0
    allowed = (100 - aim.percent(about)) / 100
    return bad(tally, aim, about) / tally.calls / allowed


def judge(short: Tally, long: Tally, aim: Aim, about: About, *, is_open: bool) -> Move:
    """Whether an alert opens, or the open one closes."""
    if is_open:
        is_over = not aim.is_active or _is_calm(short, long, aim, about)
        return Move.CLOSE if is_over else Move.STAY
    may_open = aim.is_active and long.calls >= LEAST_CALLS
    if not may_open or bad(short, aim, about) < LEAST_BAD:
        return Move.STAY
    fast = fast_for(aim, about)
    is_fast = all(burn(each, aim, about) >= fast for each in (short, long))
    return Move.OPEN if is_fast else Move.STAY


def fast_for(aim: Aim, about: About) -> float:
    """The burn from which an alert opens."""
    return min(FAST, NEARLY_ALL * 100 / (100 - aim.percent(about)))


def _is_calm(short: Tally, long: Tally, aim: Aim, about: About) -> bool:
    """Calls go well again, or there were none for as long as the long window."""
    if short.calls:
        return burn(short, aim, about) < CALM
    return long.calls == 0


def tell_again(*, since: datetime, now: datetime) -> datetime | None:
    """When what nobody took is told again, ever more rarely; None: it is given up."""
    waited = now - since
    if waited >= TOLD_WITHIN:
        return None
    return now + min(max(waited, FIRST_PAUSE), LONGEST_PAUSE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """A stretch of time as people read it; None where there was no call."""

    calls: int
    failed: int
    error_share: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    burn: Mapping[About, float]


def figures_of(tally: Tally, aim: Aim) -> Figures:
    """What calls come to, held against the objective."""
    share = round(tally.failed / tally.calls, 4) if tally.calls else None
    return Figures(
        calls=tally.calls,
        failed=tally.failed,
        error_share=share,
        p50_ms=percentile(tally.within, 50),
        p95_ms=percentile(tally.within, 95),
        p99_ms=percentile(tally.within, 99),
        burn={about: round(burn(tally, aim, about), 2) for about in About},
    )
