"""P10: when a tool that keeps failing is left alone, and who tries it first again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES = 5
WINDOW = timedelta(seconds=60)
COOLDOWN = timedelta(seconds=30)


class BreakerState(StrEnum):
    """CLOSED lets calls through, OPEN none, PROBING has one under way."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    PROBING = "PROBING"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """What all workers share: recent failures, when it opened, who is probing."""

    failures: tuple[datetime, ...] = ()
    opened_at: datetime | None = None
    probe_until: datetime | None = None
    forced_open: bool = False

    def recent(self, *, now: datetime) -> tuple[datetime, ...]:
        """The failures that count."""
        return tuple(each for each in self.failures if now - each < WINDOW)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Whether a call may go out; `until` where not, `probe` where it is the one."""

    admitted: bool
    breaker: Breaker
    until: datetime | None = None
    probe: datetime | None = None


def state(breaker: Breaker, *, now: datetime) -> BreakerState:
    """How it stands now."""
    if breaker.forced_open:
        return BreakerState.OPEN
    if breaker.opened_at is None:
        return BreakerState.CLOSED
    probing = breaker.probe_until is not None and breaker.probe_until > now
    return BreakerState.PROBING if probing else BreakerState.OPEN


def ask(breaker: Breaker, *, now: datetime, probe_for: timedelta) -> Asked:
    """Ask to call. After each cooldown one call goes out, alone, for so long at most."""
    match state(breaker, now=now):
        case BreakerState.CLOSED:
            return Asked(admitted=True, breaker=breaker)
        case BreakerState.PROBING:
            return Asked(admitted=False, breaker=breaker, until=breaker.probe_until)
        case BreakerState.OPEN:
            return _ask_open(breaker, now, probe_for)


def failed(breaker: Breaker, *, now: datetime, probe: datetime | None) -> Breaker:
    """A call failed. Of those that were sent before it opened, nothing follows."""
    if breaker.opened_at is not None:
        if not _is_the_probe(breaker, probe):
            return breaker
        return replace(breaker, opened_at=now, probe_until=None)
    recent = (*breaker.recent(now=now), now)
    if len(recent) < FAILURES:
        return replace(breaker, failures=recent)
    return replace(breaker, failures=(), opened_at=now, probe_until=None)


def succeeded(breaker: Breaker, *, probe: datetime | None) -> Breaker:
    """A call was answered: it works after all. Once open, only the probe closes it."""
    if breaker.opened_at is None:
        return replace(breaker, failures=()) if breaker.failures else breaker
    if not _is_the_probe(breaker, probe):
        return breaker
    return replace(breaker, failures=(), opened_at=None, probe_until=None)


def _ask_open(breaker: Breaker, now: datetime, probe_for: timedelta) -> Asked:
    if breaker.forced_open or breaker.opened_at is None:
        return Asked(admitted=False, breaker=breaker, until=now + COOLDOWN)
    cooled = breaker.opened_at + COOLDOWN
    if now < cooled:
        return Asked(admitted=False, breaker=breaker, until=cooled)
    probe = now + probe_for
    return Asked(
        admitted=True, breaker=replace(breaker, probe_until=probe), probe=probe
    )


def _is_the_probe(breaker: Breaker, probe: datetime | None) -> bool:
    return probe is not None and probe == breaker.probe_until
