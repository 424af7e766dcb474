"""How fast, and whether at all, a tool is called: one row that all workers share."""

from datetime import datetime, timedelta

from autonomy.errors import NotNow
from autonomy.models import Board, Execution, HouseBoard, Tool
from autonomy.reading import clock
from autonomy.rules import breaker as breakers
from autonomy.rules.breaker import Breaker, BreakerState
from autonomy.rules.rates import Bucket, take
from autonomy.rules.switches import Act as Covered
from autonomy.rules.switches import covering
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant


def breaker_of(tool: Tool) -> Breaker:
    """A tool's breaker as its row has it."""
    return Breaker(
        failures=tuple(datetime.fromisoformat(each) for each in tool.failures),
        opened_at=tool.opened_at,
        probe_until=tool.probe_until,
        forced_open=tool.forced_open,
    )


def look(tool: Tool, *, now: datetime) -> None:
    """Refuse early, without a lock, what `admit` would surely refuse."""
    asked = breakers.ask(breaker_of(tool), now=now, probe_for=timedelta(0))
    if not asked.admitted:
        raise NotNow(asked.until or now, f"The breaker of {tool.key} is open.")
    _took(tool, now)


def admit(tool: Tool, *, probe_for: timedelta) -> datetime | None:
    """Let one call out, at the tool's rate; what is returned marks a probe.

    Do it last in a transaction: until the commit, other calls wait for the row.
    """
    row = _locked(tool)
    now = clock()
    held = breaker_of(row)
    asked = breakers.ask(held, now=now, probe_for=probe_for)
    if not asked.admitted:
        raise NotNow(asked.until or now, f"The breaker of {row.key} is open.")
    left = _took(row, now)
    row.tokens, row.filled_at = left.tokens, left.filled_at
    row.save(update_fields=["tokens", "filled_at"])
    _move(row, held, asked.breaker, now=now)
    return asked.probe


def note(tool: Tool, *, went_well: bool, probe: datetime | None) -> None:
    """Tell the breaker how a call went. What changes nothing takes no lock."""
    if went_well and probe is None and not tool.failures:
        return
    row = _locked(tool)
    now = clock()
    held = breaker_of(row)
    after = (
        breakers.succeeded(held, probe=probe)
        if went_well
        else breakers.failed(held, now=now, probe=probe)
    )
    _move(row, held, after, now=now)


def force(tool: Tool, forced_open: bool, *, by: Actor, now: datetime) -> Tool:
    """Hold a breaker open, or let it go and forget what was."""
    row = _locked(tool)
    after = Breaker(forced_open=forced_open)
    _move(row, breaker_of(row), after, now=now, by=by)
    return row


def is_stopped(execution: Execution) -> bool:
    """Whether a switch covers an act under way; a board that is not there does."""
    board = Board.objects.filter(tenant_id=current_tenant()).first()
    house = HouseBoard.objects.filter(pk=1).first()
    if board is None or house is None:
        return True
    act = Covered(
        account=str(execution.account_id),
        seller=str(execution.seller_id or ""),
        action_type=execution.action_type,
        tool=execution.tool,
        connector=execution.tool.partition(".")[0],
        plan_type=execution.plan_type,
    )
    found = covering([*house.switches, *board.switches], act, now=clock())
    return any(not switch.returning for switch in found)


def _took(tool: Tool, now: datetime) -> Bucket:
    """What one call leaves of the bucket."""
    bucket = Bucket(tokens=tool.tokens, filled_at=tool.filled_at)
    taken = take(bucket, rate=tool.rate_per_s, now=now)
    if not taken.admitted:
        every = timedelta(seconds=1 / tool.rate_per_s)
        said = f"{tool.key} is called too often."
        raise NotNow(taken.until or now, said, every=every)
    return taken.bucket


def _locked(tool: Tool) -> Tool:
    return Tool.objects.select_for_update().get(tenant_id=current_tenant(), pk=tool.pk)


def _move(
    row: Tool, before: Breaker, after: Breaker, *, now: datetime, by: Actor = SYSTEM
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
            subjects={"tool": row.id},
            data={"tool": row.key, "before": was, "after": is_},
        ),
        now=now,
    )


def _said(breaker: Breaker, now: datetime) -> str:
    forced = " (FORCED)" if breaker.forced_open else ""
    return f"{breakers.state(breaker, now=now)}{forced}"


def state_of(tool: Tool, *, now: datetime) -> BreakerState:
    """How a tool's breaker stands."""
    return breakers.state(breaker_of(tool), now=now)
