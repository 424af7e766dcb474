"""P7: the order in which a pull is admitted, and why it was or was not.

Breaker and rates first, as nothing is taken for what could not go out; then the key, so
that nothing is paid for twice; then units of the day's budgets, all of them or none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from perception.rules.cadence import UNITS, Depth

# How far ahead pulls may queue for a slot of their rate.
HORIZON = timedelta(seconds=60)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
PAGES = {Depth.SHALLOW: 3, Depth.DEEP: 20}


class Reason(StrEnum):
    """What became of a wish to read."""

    ADMITTED = "ADMITTED"
    BREAKER_OPEN = "BREAKER_OPEN"
    RATE_LIMIT = "RATE_LIMIT"
    DUPLICATE_PULL_JOB_ID = "DUPLICATE_PULL_JOB_ID"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A connector, as far as admission looks at it.

    `open_until`: its breaker lets nothing out before; `one_only`: it lets out a probe.
    """

    id: UUID
    name: str
    kind: str
    rate_per_s: float
    free_at: datetime | None
    limit: int
    used: int
    open_until: datetime | None = None
    one_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class KindLane:
    """All connectors of one kind together, of all tenants."""

    kind: str
    rate_per_s: float
    free_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """All that admission goes by; afterwards, what it would look like."""

    lanes: Mapping[UUID, Lane]
    kinds: Mapping[str, KindLane]
    limit: int
    used: int
    # Of this tenant's day.
    midnight: datetime
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One reading that is due. `is_open`: one like it is still under way."""

    connector: UUID
    account: UUID | None
    key: str
    depth: Depth
    worth: float
    is_overdue: bool = False
    is_open: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A wish, and what became of it. `at`: when it goes out, or may be tried again."""

    wish: Wish
    reason: Reason
    words: str
    at: datetime
    depth: Depth

    @property
    def admitted(self) -> bool:
        return self.reason is Reason.ADMITTED

    @property
    def units(self) -> int:
        return UNITS[self.depth] if self.admitted else 0


@dataclass(kw_only=True)
class _State:
    """What is left while wishes are judged, one after the other."""

    lanes: dict[UUID, Lane]
    kinds: dict[str, KindLane]
    used: int
    keys: set[str] = field(default_factory=set)
    probing: set[UUID] = field(default_factory=set)


Refusal = tuple[Reason, str, datetime]


def in_order(wishes: Iterable[Wish]) -> list[Wish]:
    """Who is served first: what coverage asks for, then what is worth most."""
    return sorted(wishes, key=lambda wish: (not wish.is_overdue, -wish.worth, wish.key))


def admit(
    board: Board, wishes: Iterable[Wish], *, now: datetime
) -> tuple[list[Judged], Board]:
    """Judge wishes in the order of their worth; return the board as it is afterwards."""
    state = _State(
        lanes=dict(board.lanes),
        kinds=dict(board.kinds),
        used=board.used,
        keys=set(board.keys),
    )
    judged = [_judge(board, state, wish, now) for wish in in_order(wishes)]
    after = replace(
        board,
        lanes=state.lanes,
        kinds=state.kinds,
        used=state.used,
        keys=frozenset(state.keys),
    )
    return judged, after


def backoff(attempts: int, *, lot: float) -> timedelta:
    """How long to leave a source that failed; `lot` between 0 and 1 spreads workers."""
    failed = min(max(0, attempts - 1), 8)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * float(3**failed))
    return pause * (0.5 + 0.5 * lot)


def _judge(board: Board, state: _State, wish: Wish, now: datetime) -> Judged:
    lane = state.lanes[wish.connector]
    slot = _slot(lane, state.kinds[lane.kind], now)
    for look in (_breaker, _rate, _key):
        if refusal := look(state, wish, lane, slot, now):
            return _refused(wish, refusal)
    depth, refusal = _budget(board, state, wish, lane)
    if refusal:
        return _refused(wish, refusal)
    _take(state, wish, lane, slot, depth, now)
    words = f"It goes out at {slot:%H:%M:%S} for {UNITS[depth]} units, {depth.value}."
    if depth is not wish.depth:
        words += " There are too few units left to look deeply."
    return Judged(wish=wish, reason=Reason.ADMITTED, words=words, at=slot, depth=depth)


def _refused(wish: Wish, refusal: Refusal) -> Judged:
    reason, words, at = refusal
    return Judged(wish=wish, reason=reason, words=words, at=at, depth=wish.depth)


def _slot(lane: Lane, kind: KindLane, now: datetime) -> datetime:
    return max(now, lane.free_at or now, kind.free_at or now)


def _breaker(
    state: _State, wish: Wish, lane: Lane, slot: datetime, now: datetime
) -> Refusal | None:
    if lane.open_until is not None:
        words = f"The breaker of {lane.name} is open until {lane.open_until:%H:%M:%S}."
        return Reason.BREAKER_OPEN, words, lane.open_until
    if lane.one_only and lane.id in state.probing:
        words = f"The breaker of {lane.name} lets out one pull to see whether it works."
        return Reason.BREAKER_OPEN, words, now + HORIZON
    return None


def _rate(
    state: _State, wish: Wish, lane: Lane, slot: datetime, now: datetime
) -> Refusal | None:
    if slot - now <= HORIZON:
        return None
    own = lane.free_at is not None and lane.free_at - now > HORIZON
    whose = lane.name if own else f"all connectors of the kind {lane.kind} together"
    rate = lane.rate_per_s if own else state.kinds[lane.kind].rate_per_s
    words = f"The rate of {whose}, {rate:g} a second, has no slot within a minute."
    return Reason.RATE_LIMIT, words, slot - HORIZON


def _key(
    state: _State, wish: Wish, lane: Lane, slot: datetime, now: datetime
) -> Refusal | None:
    if wish.is_open:
        words = "The pull before this one is still under way."
    elif wish.key in state.keys:
        words = "There is a pull for this slot already."
    else:
        return None
    return Reason.DUPLICATE_PULL_JOB_ID, words, now


def _budget(
    board: Board, state: _State, wish: Wish, lane: Lane
) -> tuple[Depth, Refusal | None]:
    """The depth that is left units for; what cannot be deep may still be shallow."""
    left = {"the tenant": board.limit - state.used, lane.name: lane.limit - lane.used}
    # What coverage asks for is a look, however shallow: so more of them are served.
    wanted: Sequence[Depth] = (wish.depth, Depth.SHALLOW)
    for depth in wanted:
        if all(UNITS[depth] <= units for units in left.values()):
            return depth, None
    whose = next(name for name, units in left.items() if units < UNITS[Depth.SHALLOW])
    words = f"The units of {whose} for this day are used up."
    return wish.depth, (Reason.BUDGET_EXCEEDED, words, board.midnight)


def _take(
    state: _State, wish: Wish, lane: Lane, slot: datetime, depth: Depth, now: datetime
) -> None:
    """Slots and units are taken together, and only by what goes out."""
    units, kind = UNITS[depth], state.kinds[lane.kind]
    state.lanes[lane.id] = replace(
        lane, free_at=slot + _apart(lane.rate_per_s), used=lane.used + units
    )
    state.kinds[kind.kind] = replace(
        kind, free_at=max(now, kind.free_at or now) + _apart(kind.rate_per_s)
    )
    state.used += units
    state.keys.add(wish.key)
    state.probing.add(lane.id)


def _apart(rate: float) -> timedelta:
    return timedelta(seconds=1 / rate)
