"""How fast, and whether at all, something outside is called: one row for all workers."""

from datetime import datetime, timedelta
from typing import TypeVar

from ledger.clock import clock
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.errors import NotNow
from perception.models.guarded import Guarded
from perception.rules import breaker as breakers
from perception.rules.breaker import Breaker, BreakerState
from perception.rules.rates import Bucket, take

Row = TypeVar("Row", bound=Guarded)


def breaker_of(row: Guarded) -> Breaker:
    """The breaker as its row has it."""
    return Breaker(
        failures=tuple(datetime.fromisoformat(each) for each in row.failures),
        opened_at=row.opened_at,
        probe_until=row.probe_until,
        forced_open=row.forced_open,
    )


def state_of(row: Guarded, *, now: datetime) -> BreakerState:
    """How its breaker stands."""
    return breakers.state(breaker_of(row), now=now)


def look(row: Guarded, *, now: datetime) -> None:
    """Refuse early, without a lock, what `admit` would surely refuse."""
    asked = breakers.ask(breaker_of(row), now=now, probe_for=timedelta(0))
    if not asked.admitted:
        raise NotNow(asked.until or now, f"The breaker of {row} is open.")
    _took(row, now)


def admit(row: Guarded, *, probe_for: timedelta) -> datetime | None:
    """Let one call out, at the row's rate; what is returned marks a probe.

    Do it last in a transaction: until the commit, other calls wait for the row.
    """
    row = _locked(row)
    now = clock()
    held = breaker_of(row)
    asked = breakers.ask(held, now=now, probe_for=probe_for)
    if not asked.admitted:
        raise NotNow(asked.until or now, f"The breaker of {row} is open.")
    left = _took(row, now)
    row.tokens, row.filled_at = left.tokens, left.filled_at
    row.save(update_fields=["tokens", "filled_at"])
    _move(row, held, asked.breaker, now=now)
    return asked.probe


def note(row: Guarded, *, went_well: bool, probe: datetime | None) -> None:
    """Tell the breaker how a call went. What changes nothing takes no lock."""
    if went_well and probe is None and not row.failures:
        return
    row = _locked(row)
    now = clock()
    held = breaker_of(row)
    after = (
        breakers.succeeded(held, probe=probe)
        if went_well
        else breakers.failed(held, now=now, probe=probe)
    )
    _move(row, held, after, now=now)


def force(row: Row, forced_open: bool, *, by: Actor, now: datetime) -> Row:
    """Hold a breaker open, or let it go and forget what was."""
    row = _locked(row)
    after = Breaker(forced_open=forced_open)
    _move(row, breaker_of(row), after, now=now, by=by)
    return row


def _took(row: Guarded, now: datetime) -> Bucket:
    """What one call leaves of the bucket."""
    bucket = Bucket(tokens=row.tokens, filled_at=row.filled_at)
    taken = take(bucket, rate=row.rate_per_s, now=now)
    if not taken.admitted:
        every = timedelta(seconds=1 / row.rate_per_s)
        raise NotNow(taken.until or now, f"{row} is called too often.", every=every)
    return taken.bucket


def _locked(row: Row) -> Row:
    # Who only refers to the row, as a fresh signal does, does not stand in the way.
    rows = type(row)._default_manager.select_for_update(no_key=True)
    return rows.get(tenant_id=current_tenant(), pk=row.pk)


def _move(
    row: Guarded, before: Breaker, after: Breaker, *, now: datetime, by: Actor = SYSTEM
) -> None:
    if after == before:
        return
    row.failures = [each.isoformat() for each in after.failures]
    row.opened_at, row.probe_until = after.opened_at, after.probe_until
    row.forced_open = after.forced_open
    row.save(update_fields=["failures", "opened_at", "probe_until", "forced_open"])
    was, is_ = _said(before, now), _said(after, now)
    if was == is_:
        return
    record(
        Fact(
            kind=Kind.BREAKER_MOVED,
            by=by,
            subjects={row.noun: row.pk},
            data={row.noun: str(row), "before": was, "after": is_},
        ),
        now=now,
    )


def _said(breaker: Breaker, now: datetime) -> str:
    forced = " (FORCED)" if breaker.forced_open else ""
    return f"{breakers.state(breaker, now=now)}{forced}"
