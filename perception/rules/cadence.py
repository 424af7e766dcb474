"""P5: how often an account is looked at, how deeply, and who is served when units are short.

Times are never drawn by lot: where accounts are to be spread, each one's own id says
where it stands, so that the same facts always give the same time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from perception.rules.heat import RANK, Tier

# Nothing goes unseen for longer than this,
COVERAGE = timedelta(days=7)
# so everything is due a day before: what is refused then is served the next day.
SWEEP = timedelta(days=6)
SHORTEST = timedelta(minutes=5)
# A fresh signal brings a look forward, but none within this time of the last one.
APART = timedelta(minutes=5)
# What was refused comes back after this part of its cadence.
RETRY_SHARE = 12
MIDNIGHT_SPREAD = timedelta(hours=1)


class Depth(StrEnum):
    """How much of a source is read."""

    SHALLOW = "SHALLOW"
    DEEP = "DEEP"


UNITS = {Depth.SHALLOW: 1, Depth.DEEP: 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How often accounts of a tier are looked at; `up_to` spreads them."""

    every: timedelta
    up_to: timedelta
    depth: Depth


Cadence = Mapping[Tier, Pace]

SHIPPED: Cadence = {
    Tier.HOT: Pace(
        every=timedelta(hours=1), up_to=timedelta(hours=1), depth=Depth.DEEP
    ),
    Tier.WARM: Pace(
        every=timedelta(hours=6), up_to=timedelta(hours=6), depth=Depth.SHALLOW
    ),
    Tier.COLD: Pace(every=timedelta(days=3), up_to=SWEEP, depth=Depth.SHALLOW),
}


def faults(given: Any) -> list[tuple[str, str]]:
    """What is wrong with rows that a tenant sets: field and words."""
    if not isinstance(given, Mapping):
        return [("cadence", "Give an object with a row for each tier that differs.")]
    found = []
    for name, row in given.items():
        if name not in set(Tier):
            found.append((f"cadence.{name}", "There are HOT, WARM and COLD."))
        elif not isinstance(row, Mapping):
            found.append((f"cadence.{name}", "Give every_s, up_to_s and depth."))
        else:
            found += [
                (f"cadence.{name}.{field}", words)
                for field, words in _faults_of_row(Tier(name), row)
            ]
    return found


def cadence_of(given: Any) -> Cadence:
    """The shipped table with the rows that a tenant set; one that is wrong counts not."""
    table = dict(SHIPPED)
    if not isinstance(given, Mapping):
        return table
    for tier in Tier:
        row = given.get(tier.value)
        if isinstance(row, Mapping) and not list(_faults_of_row(tier, row)):
            table[tier] = _pace(tier, row)
    return table


def stated(table: Cadence) -> dict[str, dict[str, Any]]:
    """A table as it is set and shown."""
    return {
        tier.value: {
            "every_s": int(pace.every.total_seconds()),
            "up_to_s": int(pace.up_to.total_seconds()),
            "depth": pace.depth.value,
        }
        for tier, pace in table.items()
    }


def every(pace: Pace, account: UUID) -> timedelta:
    """How long from one look to the next, for this account."""
    spread = max(pace.up_to - pace.every, timedelta(0))
    return min(pace.every + spread * _place(account), SWEEP)


def depth_of(pace: Pace, *, deep_at: datetime | None, now: datetime) -> Depth:
    """How deeply to look now: deeply at most once in a cadence."""
    if pace.depth is Depth.DEEP and (deep_at is None or now >= deep_at):
        return Depth.DEEP
    return Depth.SHALLOW


def next_look(
    pace: Pace, account: UUID, *, now: datetime, deep_at: datetime | None
) -> datetime:
    """When to look again after a look that brought what it was to bring."""
    usual = now + every(pace, account)
    if pace.depth is Depth.DEEP and deep_at is not None and deep_at > now:
        return min(usual, deep_at)
    return usual


def retry_at(pace: Pace, account: UUID, *, now: datetime, after: datetime) -> datetime:
    """When to try again what had to wait: soon for its tier, never before `after`."""
    least = now + max(every(pace, account) / RETRY_SHARE, timedelta(seconds=1))
    return max(least, after)


def after_midnight(midnight: datetime, worth: float, *, is_overdue: bool) -> datetime:
    """When a new day's units are asked for: who is worth more comes first."""
    if is_overdue:
        return midnight
    return midnight + MIDNIGHT_SPREAD * (1 - min(worth, 1.0))


def brought_forward(
    table: Cadence,
    account: UUID,
    *,
    before: Tier,
    after: Tier,
    is_fresh: bool,
    next_at: datetime | None,
    seen_at: datetime | None,
    now: datetime,
) -> datetime | None:
    """When to look, after signals: a warmer tier's cadence, or soon where it is hot."""
    at = next_at
    if RANK[after] > RANK[before]:
        usual = (seen_at or now) + every(table[after], account)
        at = _earlier(at, max(usual, now))
    if is_fresh and after is Tier.HOT:
        at = _earlier(at, now if seen_at is None else max(now, seen_at + APART))
    return at


def is_overdue(read_at: datetime | None, *, since: datetime, now: datetime) -> bool:
    """Whether coverage asks for it now, whatever it is worth."""
    return now - (read_at or since) >= SWEEP


def worth(heat: float, unread: timedelta) -> float:
    """P6: heat times staleness, between 0 and 1; a cold account is worth something too."""
    staleness = min(max(unread, timedelta(0)) / COVERAGE, 1.0)
    return round((0.05 + 0.95 * heat) * staleness, 6)


def in_words(moment: datetime, tier: Tier, *, now: datetime, why: str = "") -> str:
    """When and why the next look comes: "next look in 3 h because WARM"."""
    return f"next look in {_span(moment - now)} because {why or tier.value}"


def outlook(
    table: Cadence,
    account: UUID,
    tier: Tier,
    *,
    next_at: datetime | None,
    seen_at: datetime | None,
    now: datetime,
) -> str:
    """What comes next for an account, and whether that is as usual for its tier."""
    if next_at is None:
        return "no look is planned"
    if seen_at is None:
        return in_words(next_at, tier, now=now, why="it was never looked at")
    usual = every(table[tier], account)
    is_early = next_at < seen_at + usual - timedelta(seconds=1)
    rhythm = f"{'sooner than ' if is_early else ''}every {_span(usual)}"
    return in_words(next_at, tier, now=now, why=f"{tier.value}, {rhythm}")


def _faults_of_row(tier: Tier, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (str(name), "There are every_s, up_to_s and depth.")
        for name in row
        if name not in ("every_s", "up_to_s", "depth")
    ]
    least, most = int(SHORTEST.total_seconds()), int(COVERAGE.total_seconds())
    for name in ("every_s", "up_to_s"):
        value = row.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int):
            found.append((name, "Give whole seconds."))
        elif not least <= value <= most:
            found.append((name, f"Give {least} to {most} seconds."))
    if row.get("depth", "SHALLOW") not in set(Depth):
        found.append(("depth", "There are SHALLOW and DEEP."))
    if not found:
        pace = _pace(tier, row)
        if pace.up_to < pace.every:
            found.append(("up_to_s", "It lies before every_s."))
    return found


def _pace(tier: Tier, row: Mapping[str, Any]) -> Pace:
    shipped = SHIPPED[tier]
    if "every_s" in row:
        pace = timedelta(seconds=row["every_s"])
        most = timedelta(seconds=row.get("up_to_s", row["every_s"]))
    else:
        pace = shipped.every
        most = timedelta(seconds=row["up_to_s"]) if "up_to_s" in row else shipped.up_to
    return Pace(every=pace, up_to=most, depth=Depth(row.get("depth", shipped.depth)))


def _place(account: UUID) -> float:
    """Where an account stands between 0 and 1. The last bits of an id are random."""
    return (account.int & 0xFFFFFFFF) / 0x100000000


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _span(left: timedelta) -> str:
    seconds = max(0, round(left.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{round(seconds / size)} {unit}"
    return f"{seconds} s"
