"""What goals count: facts of one scope and period, in one statement for each type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from autonomy.errors import GoalTooWide
from autonomy.models import Goal
from ledger.scope import current_tenant

WON = ("closed_won",)
OPEN = (
    "prospecting", "discovery", "qualification", "evaluation", "negotiation", "stalled",
)  # fmt: skip
# Which deals count, and whether what was there at the start counts for nothing at all.
DEALS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    Goal.Type.PIPELINE: ((*OPEN, *WON), False),
    Goal.Type.REVENUE: (WON, True),
}
# Deals that a goal remembers from its start.
MOST = 20_000
# What its column holds.
LARGEST = Decimal("99999999999999.99")

# A tenant's accounts, one seller's as they own them now, or one.
_SCOPE = """
    (%(account)s::uuid IS NULL OR a.id = %(account)s::uuid)
    AND (%(seller)s::uuid IS NULL OR a.owner_id = %(seller)s::uuid)
"""

# The newest facts by id, so that a person can look them up.
_TOLD = """
SELECT count(*), coalesce(sum(amount), 0), coalesce(sum(amount * amount), 0)::float8,
       (SELECT coalesce(jsonb_object_agg(k.kind, k.many), '{}')
        FROM (SELECT kind, count(*) AS many FROM counted GROUP BY kind) k)::text,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'kind', n.kind, 'id', n.id, 'amount', n.amount::text, 'at', n.at)), '[]')
        FROM (SELECT * FROM counted
              ORDER BY at DESC NULLS LAST, amount DESC, id DESC LIMIT 50) n)::text
FROM counted
"""

# What an act left to a person by hand is not done yet. A mail of ours that is found
# among what was sent is the act once more.
_ACTIVITY = f"""
WITH counted AS (
    SELECT 'act' AS kind, x.id, x.started_at AS at, 1::numeric AS amount
    FROM autonomy_execution x
    WHERE x.tenant_id = %(tenant)s AND x.status = 'SUCCEEDED'
      AND x.started_at >= %(start)s AND x.started_at <= %(until)s
      AND coalesce(x.outcome ->> 'by', '') <> 'person'
      AND (%(account)s::uuid IS NULL OR x.account_id = %(account)s::uuid)
      AND (%(seller)s::uuid IS NULL OR x.seller_id = %(seller)s::uuid)
    UNION ALL
    SELECT 'interaction', i.id, i.at, 1
    FROM perception_account a
    JOIN perception_interaction i ON i.tenant_id = a.tenant_id AND i.account_id = a.id
    WHERE a.tenant_id = %(tenant)s AND {_SCOPE} AND i.direction <> 'in'
      AND i.at >= %(start)s AND i.at <= %(until)s
      AND NOT EXISTS (
          SELECT FROM autonomy_execution x
          WHERE i.channel = 'email' AND x.tenant_id = i.tenant_id
            AND x.account_id = i.account_id AND x.outcome ? 'message_id'
            AND i.external_id = 'mail:' || left(encode(sha256(convert_to(
                '["' || (x.outcome ->> 'message_id') || '"]', 'UTF8')), 'hex'), 40))
)
{_TOLD}
"""  # noqa: S608  pieces of this file only

_QUALITY = f"""
WITH counted AS (
    SELECT n.parameters ->> 'fit' AS kind, x.id, x.started_at AS at,
           1::numeric AS amount
    FROM autonomy_execution x
    JOIN autonomy_intent n ON n.tenant_id = x.tenant_id AND n.id = x.intent_id
    WHERE x.tenant_id = %(tenant)s AND x.status = 'SUCCEEDED'
      AND x.action_type = 'qualify_conversation'
      AND x.started_at >= %(start)s AND x.started_at <= %(until)s
      AND coalesce(x.outcome ->> 'by', '') <> 'person'
      AND n.parameters ->> 'fit' IN ('medium', 'high')
      AND (%(account)s::uuid IS NULL OR x.account_id = %(account)s::uuid)
      AND (%(seller)s::uuid IS NULL OR x.seller_id = %(seller)s::uuid)
)
{_TOLD}
"""  # noqa: S608  as above

# Deals as they were at a moment: as they are, but for what the ledger says changed since.
# Both are grouped, not joined: that takes as long however wrong an estimate is.
_DEALS = f"""
WITH scope AS (
    SELECT a.id FROM perception_account a
    WHERE a.tenant_id = %(tenant)s AND a.created_at <= %(born)s AND {_SCOPE}
      AND a.id <> ALL(%(known)s::uuid[])
), since AS (
    SELECT DISTINCT ON (e.account_id, e.data ->> 'opportunity')
           e.account_id, e.data ->> 'opportunity' AS external_id,
           e.data -> 'before' AS was
    FROM ledger_entry e
    WHERE %(is_past)s AND e.tenant_id = %(tenant)s AND e.kind = 'account.changed'
      AND e.at > %(at)s AND e.data ? 'opportunity'
      AND (%(account)s::uuid IS NULL OR e.account_id = %(account)s::uuid)
    ORDER BY e.account_id, e.data ->> 'opportunity', e.number
), told AS (
    SELECT o.id, o.account_id, o.external_id, o.stage, o.amount, false AS is_then
    FROM scope a
    JOIN perception_opportunity o
      ON o.tenant_id = %(tenant)s AND o.account_id = a.id
    UNION ALL
    SELECT NULL, s.account_id, s.external_id, s.was ->> 'stage',
           (s.was ->> 'amount')::numeric, true
    FROM since s
), deals AS (
    SELECT (array_agg(t.id) FILTER (WHERE NOT t.is_then))[1] AS id,
           CASE WHEN bool_or(t.is_then) THEN max(t.stage) FILTER (WHERE t.is_then)
                ELSE max(t.stage) END AS stage,
           CASE WHEN bool_or(t.is_then) THEN max(t.amount) FILTER (WHERE t.is_then)
                ELSE max(t.amount) END AS amount
    FROM told t GROUP BY t.account_id, t.external_id
    HAVING NOT bool_and(t.is_then)
)
"""  # noqa: S608  as above

_AT_START = f"""
{_DEALS}
SELECT (SELECT coalesce(jsonb_object_agg(n.id, n.amount), '{{}}')
        FROM (SELECT id, coalesce(amount, 0)::text AS amount FROM deals
              WHERE stage = ANY(%(stages)s) LIMIT %(most)s) n)::text,
       CASE WHEN %(seller)s::uuid IS NULL THEN '[]'
            ELSE (SELECT coalesce(jsonb_agg(id), '[]') FROM scope)::text END
"""  # noqa: S608  as above

_GROWN = f"""
{_DEALS}, counted AS (
    SELECT d.stage AS kind, d.id, NULL::timestamptz AS at,
           d.amount - coalesce(b.amount, 0) AS amount
    FROM deals d
    LEFT JOIN (SELECT key::uuid AS id, value::numeric AS amount
               FROM jsonb_each_text(%(baseline)s::jsonb)) b ON b.id = d.id
    WHERE d.stage = ANY(%(stages)s) AND d.amount > coalesce(b.amount, 0)
      AND (b.id IS NULL OR NOT %(is_whole)s)
)
{_TOLD}
"""  # noqa: S608  as above


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the facts come to, and which they are: the newest by id."""

    current: Decimal = Decimal(0)
    count: int = 0
    squares: float = 0.0
    kinds: Mapping[str, int] = field(default_factory=dict)
    facts: Sequence[Mapping[str, Any]] = ()
    until: datetime | None = None

    def kept(self) -> dict[str, Any]:
        """As the goal's row keeps it."""
        return {
            "until": self.until.isoformat() if self.until else None,
            "count": self.count,
            "squares": self.squares,
            "kinds": dict(self.kinds),
            "facts": list(self.facts),
        }


def baseline_of(goal: Goal, *, now: datetime) -> dict[str, Any]:
    """The deals that were there when the goal began, as far as they count for its type.

    Accounts that came to a seller later, from somebody else, begin as they are then.
    """
    held: dict[str, Any] = goal.baseline
    if goal.type not in DEALS or now < goal.start:
        return held
    if held and goal.seller_id is None:
        return held
    at = now if held else goal.start
    accounts = held.get("accounts", [])
    stages, _ = DEALS[goal.type]
    named = _named(goal, at=at, born=goal.start, now=now, known=accounts)
    named |= {"stages": list(stages), "most": MOST + 1}
    found, owned = (orjson.loads(text) for text in _one(_AT_START, named))
    if held and not owned:
        return held
    deals = {**held.get("deals", {}), **found}
    if len(deals) > MOST:
        raise GoalTooWide(f"It would begin with more than {MOST} deals.")
    begun = held.get("at", goal.start.isoformat())
    return {"at": begun, "deals": deals, "accounts": [*accounts, *owned]}


def count(goal: Goal, baseline: Mapping[str, Any], *, now: datetime) -> Counted:
    """What a goal's facts come to now; after its end, as it was then."""
    if now < goal.start:
        return Counted()
    until = min(now, goal.end)
    if goal.type in DEALS:
        stages, is_whole = DEALS[goal.type]
        named = _named(goal, at=until, born=until, now=now, known=())
        named |= {"stages": list(stages), "is_whole": is_whole}
        named["baseline"] = orjson.dumps(baseline.get("deals", {})).decode()
        row = _one(_GROWN, named)
    else:
        named = {**_whose(goal), "start": goal.start, "until": until}
        is_activity = goal.type == Goal.Type.ACTIVITY
        row = _one(_ACTIVITY if is_activity else _QUALITY, named)
    many, total, squares, kinds, facts = row
    return Counted(
        current=min(total.quantize(Decimal("0.01")), LARGEST),
        count=many,
        squares=squares,
        kinds=orjson.loads(kinds),
        facts=orjson.loads(facts),
        until=until,
    )


def _named(
    goal: Goal, *, at: datetime, born: datetime, now: datetime, known: Sequence[str]
) -> dict[str, Any]:
    """What the statements about deals are asked with."""
    asked = {"at": at, "born": born, "is_past": at < now, "known": list(known)}
    return {**_whose(goal), **asked}


def _whose(goal: Goal) -> dict[str, Any]:
    return {
        "tenant": str(current_tenant()),
        "account": _text(goal.account_id),
        "seller": _text(goal.seller_id),
    }


def _text(id_: UUID | None) -> str | None:
    return str(id_) if id_ else None


def _one(statement: str, named: Mapping[str, Any]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, named)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
