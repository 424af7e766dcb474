"""Patterns: the interactions of accounts, looked through when something may have changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from ledger.record import Actor, Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import reviews
from perception.models import Interaction, Signal
from perception.noticing import say
from perception.rules.patterns import (
    CITED,
    LOOKBACK,
    SPREADING,
    TOGETHER,
    Found,
    Pattern,
    Severity,
    detect,
    looked_next,
    together,
)
from perception.rules.rhythm import Item, week_of

JOB = "scan patterns"
BY = Actor(type="schedule", id=JOB)
TYPE = "pattern_detected"
# Time alone has an account looked through this often at most.
EVERY = timedelta(hours=6)
# Accounts that one look takes of each tenant, interactions of an account, newest first.
AT_ONCE, MOST = 100, 300
CROSS_CONFIDENCE = 0.7
NAMED = 50

_MOVE = """
UPDATE perception_review r SET scanned_at = %s, scan_at = v.next
FROM unnest(%s::uuid[], %s::timestamptz[]) AS v(account, next)
WHERE r.tenant_id = %s AND r.account_id = v.account
"""


def scan_due(*, now: datetime) -> int:
    """Look through what is due, of each tenant its share; return the patterns found."""
    served = reviews.serve(
        reviews.SCAN, lambda taken: _scan(taken, now), job=JOB, most=AT_ONCE, now=now
    )
    return served.made


def scan_all(*, now: datetime) -> reviews.Served:
    """Look through all that is due."""
    return reviews.sweep(
        reviews.SCAN, lambda taken: _scan(taken, now), job=JOB, most=AT_ONCE, now=now
    )


def _scan(taken: reviews.Taken, now: datetime) -> int:
    """A share of one tenant, in one transaction."""
    items: list[dict[str, Any]] = []
    moves: list[tuple[UUID, datetime | None]] = []
    for account, is_open in taken:
        met = _met(account, now) if is_open else []
        newest = {each.id: each.at for each in met}
        items += [
            _item(account, found, seen_at=max(newest[id_] for id_ in found.evidence))
            for found in detect(met, now=now)
        ]
        later = looked_next(met, now=now)
        moves.append((account, later and max(later, now + EVERY)))
    made = say(items, by=BY, source="patterns", now=now)
    made += say(_across(made, now), by=BY, source="patterns", now=now)
    record_all([_stated(item, signal) for item, signal in made], now=now)
    _move(moves, now)
    return len(made)


def _met(account: UUID, now: datetime) -> list[Item]:
    """The interactions of one account and of no other."""
    rows = (
        Interaction.objects.filter(
            tenant_id=current_tenant(), account_id=account, at__gte=now - LOOKBACK
        )
        .order_by("-at")
        .values_list(
            "id", "at", "channel", "direction", "participants", "said", "length"
        )[:MOST]
    )
    return [
        Item(
            id=id_,
            at=at,
            channel=channel,
            came=direction != Interaction.Direction.OUT,
            people=frozenset(people),
            said=frozenset(said),
            length=length,
        )
        for id_, at, channel, direction, people, said, length in rows
    ]


def _item(account: UUID, found: Found, *, seen_at: datetime) -> dict[str, Any]:
    """A finding as a signal. Its key holds the severity: no low one hides a grave one."""
    return {
        "account": str(account),
        "type": TYPE,
        "payload": {
            "pattern": found.pattern.value,
            "rule": found.rule,
            "severity": found.severity.value,
            "confidence": found.confidence,
            "evidence": [str(id_) for id_ in found.evidence],
            "seen_at": seen_at.isoformat(),
        },
        "dedupe_key": (
            f"pattern:{account}:{found.rule}:{found.severity.value}:{found.window}"
        ),
    }


def _across(
    made: Sequence[tuple[dict[str, Any], UUID]], now: datetime
) -> list[dict[str, Any]]:
    """What was now found here and lately at other accounts of the tenant too."""
    fresh = {
        item["payload"]["rule"]: item["account"]
        for item, _ in made
        if item["payload"]["rule"] in SPREADING
    }
    if not fresh:
        return []
    lately = Signal.objects.filter(
        tenant_id=current_tenant(), type=TYPE, occurred_at__gte=now - TOGETHER
    ).values_list("id", "account_id", "payload")
    told = [
        (id_, account, str(said["rule"]), datetime.fromisoformat(said["seen_at"]))
        for id_, account, said in lately
        if said.get("pattern") == Pattern.RISK.value and _is_whole(said)
    ]
    common = together(((account, rule, at) for _, account, rule, at in told), now=now)
    return [
        _common(rule, fresh[rule], accounts, [row[0] for row in told if row[2] == rule])
        | {"dedupe_key": f"pattern:across:{rule}:{week_of(now)}"}
        for rule, accounts in common.items()
        if rule in fresh
    ]


def _is_whole(said: dict[str, Any]) -> bool:
    """Others may send such signals too, and leave out what is not asked for."""
    try:
        at = datetime.fromisoformat(said["seen_at"])
    except (KeyError, TypeError, ValueError):
        return False
    return at.tzinfo is not None and "rule" in said


def _common(
    rule: str, account: str, accounts: frozenset[UUID], signals: Sequence[UUID]
) -> dict[str, Any]:
    return {
        "account": account,
        "type": TYPE,
        "payload": {
            "pattern": Pattern.CROSS.value,
            "rule": f"across.{rule}",
            "severity": Severity.HIGH.value,
            "confidence": CROSS_CONFIDENCE,
            "evidence": [str(id_) for id_ in sorted(signals, reverse=True)[:CITED]],
            "accounts": [str(id_) for id_ in sorted(accounts)[:NAMED]],
        },
    }


def _stated(item: dict[str, Any], signal: UUID) -> Fact:
    return Fact(
        kind=Kind.PATTERN_DETECTED,
        by=BY,
        subjects={"account": UUID(item["account"]), "signal": signal},
        data=item["payload"],
    )


def _move(moves: Sequence[tuple[UUID, datetime | None]], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            [
                now,
                [str(account) for account, _ in moves],
                [later for _, later in moves],
                str(current_tenant()),
            ],
        )
