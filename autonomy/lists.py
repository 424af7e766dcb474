"""Rows of lists: put in order by what that takes, and read whole where they are shown.

A plan that carries the company of a million rows about, to show fifty, takes seconds.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db.models import F, QuerySet

from autonomy.models import Execution
from autonomy.rows import Writes
from ledger.scope import current_tenant

Read = Callable[[Sequence[UUID]], list[Any]]

# Heavy, and shown nowhere in a list.
UNSHOWN = ("verdict__facts", "verdict__layers")


class Ran(NamedTuple):
    """An execution, with what it is shown with."""

    id: UUID | str
    intent: UUID | str
    account: UUID | str
    account_name: str
    run: UUID | str | None
    action_type: str
    parameters: dict[str, Any]
    status: str
    confidence: float | None
    risk_level: str
    rationale: str
    auto_executed: bool
    approval_source: str
    explanation: str
    would_be_automatic_if: list[str]
    reversal: str | None
    error: str
    started_at: datetime
    finished_at: datetime | None
    called_at: datetime | None


_RAN = """
SELECT e.id::text, e.intent_id::text, e.account_id::text, a.name, i.run_id::text,
       e.action_type, i.parameters::text, e.status, i.confidence, i.risk_level,
       i.rationale, e.auto_executed, e.approval_source, v.explanation,
       v.would_be_automatic_if::text, v.facts->'traits'->>'reversal', e.error,
       e.started_at, e.finished_at, e.called_at
FROM unnest(%s::uuid[]) WITH ORDINALITY AS n(id, place)
JOIN autonomy_execution e ON e.tenant_id = %s AND e.id = n.id
JOIN perception_account a ON a.tenant_id = e.tenant_id AND a.id = e.account_id
JOIN autonomy_intent i ON i.tenant_id = e.tenant_id AND i.id = e.intent_id
JOIN autonomy_permit p ON p.tenant_id = e.tenant_id AND p.id = e.permit_id
JOIN autonomy_verdict v ON v.tenant_id = p.tenant_id AND v.id = p.verdict_id
ORDER BY n.place
"""


class Lean:
    """Rows of one kind. `read`: these of them, whole, by another way than their model."""

    def __init__(self, rows: QuerySet[Any], read: Read | None = None) -> None:
        self._rows, self._read = rows, read

    def order_by(self, *fields: str) -> "Lean":
        return Lean(self._rows.order_by(*fields), self._read)

    def filter(self, **bounds: Any) -> "Lean":
        return Lean(self._rows.filter(**bounds), self._read)

    def __getitem__(self, wanted: slice) -> list[Any]:
        ids = list(self._rows.values_list("pk", flat=True)[wanted])
        if self._read is not None:
            return self._read(ids)
        whole = _whole(self._rows, ids)
        return [whole[pk] for pk in ids if pk in whole]


def ran(ids: Sequence[UUID]) -> list[Ran]:
    """Executions of the tenant in scope in this order, without a model for each of the
    five rows that one is shown with; ids as text, as they are shown.
    """
    found = Writes().ask(_RAN, [list(ids), current_tenant()])
    return [
        Ran._make(
            (
                *row[:6],
                orjson.loads(row[6]),
                *row[7:14],
                orjson.loads(row[14]),
                *row[15:],
            )
        )
        for row in found
    ]


class Merged:
    """Rows of several kinds as one list in the order of their ids, which is time's."""

    def __init__(self, *parts: QuerySet[Any], newest_first: bool = True) -> None:
        self._parts, self._newest_first = parts, newest_first

    def order_by(self, *fields: str) -> "Merged":
        return Merged(
            *(part.order_by(*fields) for part in self._parts),
            newest_first=fields[0].startswith("-"),
        )

    def filter(self, **bounds: Any) -> "Merged":
        return Merged(
            *(part.filter(**bounds) for part in self._parts),
            newest_first=self._newest_first,
        )

    def __getitem__(self, wanted: slice) -> list[Any]:
        """As many ids of each as the page could need, then the page."""
        found = [
            (id_, place)
            for place, part in enumerate(self._parts)
            for id_ in part.values_list("pk", flat=True)[: wanted.stop]
        ]
        shown = sorted(found, reverse=self._newest_first)[wanted]
        whole: dict[UUID, Any] = {}
        for place, part in enumerate(self._parts):
            if ids := [id_ for id_, of in shown if of == place]:
                whole |= _whole(part, ids)
        return [whole[id_] for id_, _ in shown if id_ in whole]


def _whole(rows: QuerySet[Any], ids: Collection[UUID]) -> dict[UUID, Any]:
    """These of the rows, with all that they are shown with."""
    found = rows.order_by().filter(pk__in=ids)
    if found.model is Execution:
        related = found.select_related("intent", "account", "permit__verdict")
        found = related.defer(*(f"permit__{name}" for name in UNSHOWN)).annotate(
            reversal=F("permit__verdict__facts__traits__reversal")
        )
    return {row.pk: row for row in found}
