"""D4: what the interactions of one account say together: twelve rules, as data.

Each finding names the window that it belongs to, by what it was seen in and not by when
it was looked for: who looks again finds the same, under the same key.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from perception.rules.phrases import Family
from perception.rules.rhythm import (
    BEFORE,
    DAY,
    QUIET,
    RECENT,
    Item,
    Seen,
    attendance,
    length,
    new_people,
    order,
    rate,
    silence,
    slower,
    week_of,
)

# How far back words count, how far back the way people meet is looked at.
WORDS_COUNT, LOOKBACK = 30 * DAY, 60 * DAY
CITED = 20
# The same word of risk, at so many accounts of a tenant, within so long.
ACCOUNTS, TOGETHER = 3, 14 * DAY


class Pattern(StrEnum):
    """The four types of patterns."""

    BUYING = "buying_signal"
    RISK = "risk_indicator"
    ENGAGEMENT = "engagement_change"
    CROSS = "cross_account_pattern"


class Severity(StrEnum):
    """How grave a pattern is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One finding, with the interactions that it was seen in, the newest first."""

    pattern: Pattern
    rule: str
    severity: Severity
    confidence: float
    evidence: tuple[UUID, ...]
    window: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One row of the table. `down`: the severity where something became less."""

    name: str
    pattern: Pattern
    confidence: float
    severity: Severity
    sees: Callable[[Sequence[Item], datetime], Seen | None]
    least: int = 1
    down: Severity | None = None


def detect(items: Iterable[Item], *, now: datetime) -> list[Found]:
    """Everything that the rules find in the interactions of one account."""
    known = sorted(
        (each for each in items if now - LOOKBACK <= each.at <= now), key=order
    )
    found = []
    for rule in RULES:
        seen = rule.sees(known, now)
        if seen is not None and len(seen.items) >= rule.least:
            found.append(_found(rule, seen))
    return found


def looked_next(items: Iterable[Item], *, now: datetime) -> datetime | None:
    """When time alone may change a finding: somebody turns quiet, or a week ends."""
    given = sorted(items, key=order)
    known = [each for each in given if now - LOOKBACK <= each.at <= now]
    moments = [each.at + age for each in known for age in (RECENT, RECENT + BEFORE)]
    moments += [each.at + QUIET for each in known if each.came][-1:]
    later = [each for each in moments if each > now]
    # What is dated ahead is looked at when it comes.
    later += [each.at for each in given if each.at > now]
    return min(later, default=None)


def together(
    findings: Iterable[tuple[UUID, str, datetime]], *, now: datetime
) -> dict[str, frozenset[UUID]]:
    """Rules of risk by words that were found at several accounts lately."""
    accounts: dict[str, set[UUID]] = {}
    for account, rule, at in findings:
        if rule in SPREADING and now - TOGETHER <= at <= now:
            accounts.setdefault(rule, set()).add(account)
    return {
        rule: frozenset(held)
        for rule, held in accounts.items()
        if len(held) >= ACCOUNTS
    }


def _found(rule: Rule, seen: Seen) -> Found:
    severity = rule.severity if seen.up or rule.down is None else rule.down
    way = "" if rule.down is None else ".up" if seen.up else ".down"
    newest = sorted(seen.items, key=order, reverse=True)[:CITED]
    return Found(
        pattern=rule.pattern,
        rule=rule.name + way,
        severity=severity,
        confidence=rule.confidence if seen.confidence is None else seen.confidence,
        evidence=tuple(each.id for each in newest),
        window=seen.window,
    )


def _speaks(family: Family) -> Callable[[Sequence[Item], datetime], Seen | None]:
    """Whether somebody there said it, in the newest week in which somebody did."""

    def sees(items: Sequence[Item], now: datetime) -> Seen | None:
        said = [
            each
            for each in items
            if each.came and now - each.at <= WORDS_COUNT and family in each.said
        ]
        if not said:
            return None
        window = week_of(said[-1].at)
        return Seen(
            items=[each for each in said if week_of(each.at) == window], window=window
        )

    return sees


RULES: Sequence[Rule] = (
    Rule(
        name="budget",
        pattern=Pattern.BUYING,
        confidence=0.8,
        severity=Severity.HIGH,
        sees=_speaks(Family.BUDGET),
    ),
    Rule(
        name="urgency",
        pattern=Pattern.BUYING,
        confidence=0.75,
        severity=Severity.MEDIUM,
        sees=_speaks(Family.URGENCY),
    ),
    Rule(
        name="comparison",
        pattern=Pattern.BUYING,
        confidence=0.7,
        severity=Severity.MEDIUM,
        sees=_speaks(Family.COMPARISON),
    ),
    Rule(
        name="new_people",
        pattern=Pattern.BUYING,
        confidence=0.65,
        severity=Severity.MEDIUM,
        sees=new_people,
    ),
    Rule(
        name="silence",
        pattern=Pattern.RISK,
        confidence=0.8,
        severity=Severity.HIGH,
        sees=silence,
        least=2,
    ),
    Rule(
        name="freeze",
        pattern=Pattern.RISK,
        confidence=0.75,
        severity=Severity.HIGH,
        sees=_speaks(Family.FREEZE),
    ),
    Rule(
        name="leaving",
        pattern=Pattern.RISK,
        confidence=0.7,
        severity=Severity.CRITICAL,
        sees=_speaks(Family.LEAVING),
    ),
    Rule(
        name="choice",
        pattern=Pattern.RISK,
        confidence=0.75,
        severity=Severity.HIGH,
        sees=_speaks(Family.CHOICE),
    ),
    Rule(
        name="slower",
        pattern=Pattern.RISK,
        confidence=0.7,
        severity=Severity.MEDIUM,
        sees=slower,
        least=2,
    ),
    Rule(
        name="contact_rate",
        pattern=Pattern.ENGAGEMENT,
        confidence=0.6,
        severity=Severity.MEDIUM,
        sees=rate,
        least=2,
        down=Severity.HIGH,
    ),
    Rule(
        name="attendance",
        pattern=Pattern.ENGAGEMENT,
        confidence=0.7,
        severity=Severity.MEDIUM,
        sees=attendance,
        least=2,
        down=Severity.HIGH,
    ),
    Rule(
        name="length",
        pattern=Pattern.ENGAGEMENT,
        confidence=0.65,
        severity=Severity.LOW,
        sees=length,
        least=2,
    ),
)
SPREADING: Mapping[str, Family] = {
    "freeze": Family.FREEZE,
    "leaving": Family.LEAVING,
    "choice": Family.CHOICE,
}
