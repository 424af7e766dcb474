"""O3, A8: which digests are due, which of them one mail covers, when it is tried again."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from autonomy.rules.rituals import turn_of
from perception.rules.days import local_day

DAY = timedelta(days=1)
# Days that may have no turn of their own when clocks move.
LOOKED_BACK = 3
# It is tried so often, further and further apart: for half a day. Then the next digest
# tells what it had to tell.
TRIES = 16
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A day whose digest is due, and since when."""

    day: date
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """The digest to be written now, and the days before it that it covers."""

    turn: Turn
    covers: tuple[Turn, ...]


def due_days(since: datetime, now: datetime, *, zone: str, hour: int) -> set[date]:
    """The local dates whose digest hour has passed, from the opt-in until now."""
    return {turn.day for turn in turns(since, now, zone=zone, hour=hour)}


def turns(since: datetime, now: datetime, *, zone: str, hour: int) -> list[Turn]:
    """The same with the moments at which they were due, oldest first."""
    day, last = local_day(since, zone), local_day(now, zone)
    found = []
    while day <= last:
        at = turn_of(day, hour, zone)
        if at is not None and since < at <= now:
            found.append(Turn(day=day, at=at))
        day += DAY
    return found


def newest(now: datetime, *, zone: str, hour: int) -> Turn:
    """The newest day whose digest is due."""
    return turns(now - LOOKED_BACK * DAY, now, zone=zone, hour=hour)[-1]


def owed(
    *,
    begun: datetime,
    opted_in: datetime | None,
    written: Collection[date],
    delivered: Collection[date],
    now: datetime,
    zone: str,
    hour: int,
) -> Owed | None:
    """What is to be written for a member, if anything.

    There is one digest for the newest day. It tells everything since the last one that
    arrived; so it covers each earlier day since the opt-in that has not arrived, and
    its receipt is theirs too. The day on which a tenant began has one only where
    somebody has opted in before its hour.
    """
    turn = newest(now, zone=zone, hour=hour)
    missing = turns(opted_in, now, zone=zone, hour=hour) if opted_in else []
    is_first = turn.day <= local_day(begun, zone)
    if turn.day in written or (is_first and turn not in missing):
        return None
    earlier = (
        each for each in missing if each.day < turn.day and each.day not in delivered
    )
    return Owed(turn=turn, covers=tuple(earlier))


def tells_since(found: Owed, last: datetime | None, *, begun: datetime) -> datetime:
    """From when on it tells: where the last one that arrived ended, or a day; the first
    one of a tenant from its beginning.
    """
    first = min(each.at for each in (found.turn, *found.covers)) - DAY
    if last is None:
        return begun if begun < first < begun + 2 * DAY else first
    # Whoever takes accounts over reads of them from the opt-in on.
    return min(last, first) if found.covers else last


def again(attempts: int, *, now: datetime) -> datetime | None:
    """When it is tried once more after so many times; None: no more."""
    if attempts >= TRIES:
        return None
    doubled: int = 2 ** max(attempts - 1, 0)
    return now + min(FIRST * doubled, LONGEST)


def message_id(member: str, day: date, domain: str) -> str:
    """The same for each repetition, and for nothing else: servers know it again."""
    return f"<digest.{day:%y%m%d}.{member.replace('-', '')}@{domain}>"
