"""Everything that is sealed at rest, sealed again with the newest of FIELD_KEYS."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from autonomy.models import Tool
from config.idempotency import SEALED
from ledger.record import SYSTEM, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import system_scope, tenant_scope
from perception import vault
from perception.errors import SealBroken
from perception.models import Connector, IdempotencyKey, Tenant

AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column that holds what is sealed, and what stands before the seal there."""

    model: type[models.Model]
    name: str
    before: bytes = b""

    def __str__(self) -> str:
        return f"{self.model._meta.model_name}.{self.name}"

    def resealed(self, kept: Any) -> Any:
        """What belongs there instead; nothing where it may stay."""
        if kept is None:
            return None
        raw = kept.encode() if isinstance(kept, str) else bytes(kept)
        if not raw.startswith(self.before):
            return None
        made = vault.resealed(raw.removeprefix(self.before))
        if made is None:
            return None
        return made.decode() if isinstance(kept, str) else self.before + made


COLUMNS = (
    Column(model=Connector, name="sealed_secrets"),
    Column(model=Tool, name="sealed_secret"),
    Column(model=IdempotencyKey, name="body", before=SEALED),
)


@dataclass(frozen=True, kw_only=True)
class Count:
    """How it went with one column: looked at, sealed again, opened by no live key."""

    column: str
    seen: int = 0
    resealed: int = 0
    unreadable: int = 0


def rotate(*, tenant: UUID | None = None, now: datetime) -> list[Count]:
    """Seal what an older key sealed again, batch by batch: of all tenants, or of one.

    Each batch is a transaction of its own: whoever is cut off begins anew, and what is
    done already is only looked at.
    """
    tenants = _all_tenants() if tenant is None else [tenant]
    return [_column(column, tenants, now=now) for column in COLUMNS]


def _all_tenants() -> list[UUID]:
    with system_scope("list tenants for new keys"):
        return list(Tenant.objects.order_by("pk").values_list("pk", flat=True))


def _column(column: Column, tenants: list[UUID], *, now: datetime) -> Count:
    count = Count(column=str(column))
    for tenant in tenants:
        for batch in _batches(column, tenant, now=now):
            count = replace(
                count,
                seen=count.seen + batch.seen,
                resealed=count.resealed + batch.resealed,
                unreadable=count.unreadable + batch.unreadable,
            )
    return count


def _batches(column: Column, tenant: UUID, *, now: datetime) -> Iterator[Count]:
    last = UUID(int=0)
    while True:
        with tenant_scope(tenant):
            rows = list(
                column.model._default_manager.filter(tenant_id=tenant, pk__gt=last)
                .order_by("pk")
                .values_list("pk", column.name)[:AT_ONCE]
            )
            if not rows:
                return
            batch = _batch(column, tenant, rows, now=now)
        yield batch
        last = rows[-1][0]


def _batch(
    column: Column, tenant: UUID, rows: list[tuple[UUID, Any]], *, now: datetime
) -> Count:
    """One batch. A row that changed meanwhile was sealed anew by whoever changed it."""
    done = lost = 0
    for pk, kept in rows:
        try:
            made = column.resealed(kept)
        except SealBroken:
            lost += 1
            continue
        if made is not None:
            held = column.model._default_manager.filter(
                tenant_id=tenant, pk=pk, **{column.name: kept}
            )
            done += held.update(**{column.name: made})
    if done:
        said = {"sealed_with": "newest key", "column": str(column), "rows": done}
        record(
            Fact(
                kind=Kind.SETTING_CHANGED,
                by=SYSTEM,
                subjects={"tenant": tenant},
                data={"before": {}, "after": said},
            ),
            now=now,
        )
    return Count(column=str(column), seen=len(rows), resealed=done, unreadable=lost)
