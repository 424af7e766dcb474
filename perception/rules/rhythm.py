"""How people meet and write, out of the interactions of one account: rhythm and volume."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from uuid import UUID

from perception.rules.erasing import ERASED

DAY = timedelta(days=1)
QUIET = 14 * DAY
RECENT, BEFORE = 7 * DAY, 23 * DAY
CHANGED, SLOWER = 0.3, 1.5
# Gaps of a busy day are no rhythm.
LEAST_GAP = 2 * DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One interaction. `came`: somebody there took part; `said`: families of phrases."""

    id: UUID
    at: datetime
    channel: str
    came: bool
    people: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    length: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a rule saw. Severity and confidence, where the rule's own do not hold."""

    items: Sequence[Item]
    window: str
    up: bool = True
    confidence: float | None = None


def week_of(at: datetime) -> str:
    """The week of a moment, as windows are named."""
    year, week, _ = at.astimezone(UTC).isocalendar()
    return f"{year}-W{week:02}"


def new_people(items: Sequence[Item], now: datetime) -> Seen | None:
    """Two people or more in the later half of the meetings and mails, not before."""
    met = [each for each in items if each.people]
    if len(met) < 4:
        return None
    earlier, later = _halves(met)
    before = {person for each in earlier for person in each.people}
    first: dict[str, Item] = {}
    for each in later:
        for person in each.people - before - {ERASED}:
            first.setdefault(person, each)
    if len(first) < 2:
        return None
    seen = {each.id: each for each in first.values()}
    return Seen(
        items=list(seen.values()),
        window=week_of(max(each.at for each in seen.values())),
    )


def silence(items: Sequence[Item], now: datetime) -> Seen | None:
    """They spoke with us, and for two whole weeks they do not."""
    spoke = [each for each in items if each.came]
    if len(spoke) < 2 or now - spoke[-1].at < QUIET:
        return None
    last = spoke[-1].at.astimezone(UTC)
    return Seen(items=spoke[-2:], window=f"since {last:%Y-%m-%d}")


def slower(items: Sequence[Item], now: datetime) -> Seen | None:
    """They answer at longer intervals than before."""
    spoke = [each for each in items if each.came]
    if len(spoke) < 4:
        return None
    before, after = (_mean_gap(half) for half in _halves(spoke))
    if not before or after <= SLOWER * before or after < LEAST_GAP / DAY:
        return None
    return Seen(items=spoke[-2:], window=week_of(spoke[-1].at))


def rate(items: Sequence[Item], now: datetime) -> Seen | None:
    """Contacts of a week against those of the 23 days before, by the day."""
    recent = [each for each in items if now - each.at <= RECENT]
    before = [each for each in items if RECENT < now - each.at <= RECENT + BEFORE]
    if len(before) < 4 or len(recent) + len(before) < 6:
        return None
    change = (len(recent) / (RECENT / DAY)) / (len(before) / (BEFORE / DAY)) - 1
    if abs(change) <= CHANGED:
        return None
    return Seen(
        items=recent if change > 0 else before,
        window=week_of(now),
        up=change > 0,
        confidence=round(min(0.6 + 0.2 * abs(change), 0.95), 2),
    )


def attendance(items: Sequence[Item], now: datetime) -> Seen | None:
    """More, or fewer, of their people come to meetings."""
    met = [each for each in items if each.channel == "meeting" and each.came]
    return _against_before(met, lambda each: len(each.people))


def length(items: Sequence[Item], now: datetime) -> Seen | None:
    """They write longer messages than before."""
    wrote = [
        each
        for each in items
        if each.came and each.channel in ("email", "chat") and each.length
    ]
    seen = _against_before(wrote, lambda each: each.length)
    return seen if seen is not None and seen.up else None


def _against_before(
    items: Sequence[Item], measure: Callable[[Item], float]
) -> Seen | None:
    if len(items) < 4:
        return None
    earlier, later = _halves(items)
    before = mean(measure(each) for each in earlier)
    if not before:
        return None
    change = mean(measure(each) for each in later) / before - 1
    # Rounded, so that 30 % is 30 % and not a hair above it.
    if abs(round(change, 9)) <= CHANGED:
        return None
    return Seen(items=later, window=week_of(later[-1].at), up=change > 0)


def _halves(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    middle = len(items) // 2
    return items[:middle], items[middle:]


def _mean_gap(items: Sequence[Item]) -> float:
    """In days."""
    return (items[-1].at - items[0].at) / DAY / (len(items) - 1)


def order(item: Item) -> tuple[datetime, UUID]:
    return item.at, item.id
