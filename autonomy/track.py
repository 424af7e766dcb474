"""N7: the record of each type of action, counted from what people and tools did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from autonomy import registry
from autonomy.models import Mode, Suggestion
from autonomy.rules.earning import Counts, Record
from autonomy.rules.modes import DEFAULT
from autonomy.rules.review import REASON
from ledger.scope import current_tenant
from perception.models import Tenant

# What mode alone holds back, or a budget that a day brings again.
_MODE_ALONE = """
(i.origin IN ('signal', 'agent')
 AND jsonb_path_exists(v.layers, '$[*] ? (@.layer == "mode"
    && (@.reason == "MODE_APPROVAL" || @.reason == "MODE_ASSIST"))')
 AND NOT jsonb_path_exists(v.layers, '$[*] ? (@.decision != "AUTO_EXECUTE"
    && @.layer != "mode" && @.layer != "budget")'))
"""
_REGRETTED = """
CROSS JOIN LATERAL (SELECT EXISTS (
    SELECT FROM autonomy_outcome o WHERE o.tenant_id = i.tenant_id
      AND o.intent_id = i.id AND o.taxonomy IN
      ('IDEA_REJECTED', 'IDEA_EDITED', 'UNDONE', 'NEGATIVE_RESPONSE')
) OR EXISTS (
    SELECT FROM autonomy_undo u WHERE u.tenant_id = i.tenant_id
      AND u.intent_id = i.id AND u.status = 'DONE') AS is_bad) r
"""
# One trial for each intent: the first time that a person decided it, or changed it. What
# is not yet regretted counts once the time for it is over.
_COUNTED = f"""
WITH since AS (SELECT * FROM
    unnest(%(types)s::text[], %(begins)s::timestamptz[]) AS s(action_type, begin)
), looked AS (
    SELECT DISTINCT ON (a.intent_id) a.intent_id, a.verdict_id,
        coalesce(a.decided_at, (a.edits->-1->>'at')::timestamptz) AS at
    FROM autonomy_approval a
    WHERE a.tenant_id = %(tenant)s AND (a.status IN ('APPROVED', 'REJECTED')
       OR (a.status = 'WITHDRAWN' AND a.edits <> '[]'))
    ORDER BY a.intent_id, a.id
)
SELECT i.action_type,
    CASE v.reason WHEN %(review)s THEN 'reviewed' ELSE 'asked' END AS how,
    count(*) FILTER (WHERE r.is_bad OR l.at <= %(ripe)s),
    count(*) FILTER (WHERE r.is_bad)
FROM looked l
JOIN autonomy_intent i ON i.tenant_id = %(tenant)s AND i.id = l.intent_id
JOIN since s ON s.action_type = i.action_type AND l.at >= s.begin
JOIN autonomy_verdict v ON v.tenant_id = i.tenant_id AND v.id = l.verdict_id
{_REGRETTED}
WHERE l.at <= %(now)s AND (v.reason = %(review)s OR {_MODE_ALONE})
GROUP BY 1, 2
UNION ALL
SELECT i.action_type, 'alone',
    count(*) FILTER (WHERE r.is_bad OR e.finished_at <= %(ripe)s),
    count(*) FILTER (WHERE r.is_bad)
FROM autonomy_execution e
JOIN autonomy_intent i ON i.tenant_id = e.tenant_id AND i.id = e.intent_id
JOIN since s ON s.action_type = i.action_type AND e.started_at >= s.begin
{_REGRETTED}
WHERE e.tenant_id = %(tenant)s AND e.auto_executed AND e.replay_id IS NULL
  AND e.finished_at <= %(now)s
GROUP BY 1
"""  # noqa: S608  its own pieces


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The modes that are set for everybody, and since when what is in force is."""

    rows: Mapping[str, Mode]
    default: str
    began: datetime
    # Within it, what was done may yet be regretted.
    window: timedelta
    narrowed: Mapping[str, datetime]

    def row_of(self, action_type: str) -> Mode | None:
        """The mode that is set for just this type."""
        return self.rows.get(action_type)

    def mode_of(self, action_type: str) -> str:
        """The mode in force for a type, as far as no account has its own."""
        row = self.row_of(action_type)
        return row.mode if row else self.beside()

    def beside(self) -> str:
        """The mode in force where none is set for a type."""
        row = self.rows.get("")
        return row.mode if row else self.default

    def since(self, action_type: str) -> datetime:
        """From when on acts count: the mode in force was set then, or narrowed."""
        row = self.row_of(action_type) or self.rows.get("")
        begin = row.set_at if row else self.began
        return max(begin, self.narrowed.get(action_type, begin))


def standing() -> Standing:
    """The modes of the tenant in scope, accounts' own left aside."""
    tenant = Tenant.objects.get(pk=current_tenant())
    rows = Mode.objects.filter(tenant_id=tenant.id, account=None)
    moved = Suggestion.objects.filter(tenant_id=tenant.id, narrowed_at__isnull=False)
    narrowed = moved.values_list("action_type").annotate(Max("narrowed_at"))
    return Standing(
        rows={row.action_type: row for row in rows},
        default=tenant.default_mode or str(DEFAULT.mode),
        began=tenant.created_at,
        window=timedelta(days=tenant.response_days),
        narrowed=dict(narrowed.order_by()),
    )


def records(*, now: datetime, found: Standing | None = None) -> dict[str, Record]:
    """The record of every type of the tenant in scope, by its key."""
    held = found or standing()
    types = sorted({each.key for each in registry.all_types()})
    since = {each: held.since(each) for each in types}
    counted = _counted(since, held.window, now=now)
    return {
        key: Record(
            action_type=key,
            mode=held.mode_of(key),
            since=since[key],
            **counted.get(key, {}),
        )
        for key in types
    }


def _counted(
    since: Mapping[str, datetime], window: timedelta, *, now: datetime
) -> dict[str, dict[str, Counts]]:
    named: dict[str, Any] = {
        "tenant": current_tenant(),
        "types": list(since),
        "begins": list(since.values()),
        "now": now,
        "ripe": now - window,
        "review": REASON,
    }
    found: dict[str, dict[str, Counts]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, named)
        for key, how, trials, regrets in cursor.fetchall():
            counts = Counts(trials=trials, regrets=regrets)
            found.setdefault(key, {})[how] = counts
    return found
