"""Plant a row of any model, made up from its fields: a new model is never left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Field, ForeignKey, Model
from uuid_utils.compat import uuid7

from autonomy.rules.data import DEFAULT
from ledger.models import Rights
from ledger.scope import system_role

SOME_DAY = datetime(2026, 1, 2, tzinfo=UTC)

SAMPLES: dict[str, Any] = {
    "ArrayField": [],
    "BinaryField": b"\0" * 32,
    "BooleanField": False,
    "DateField": date(2026, 1, 2),
    "DateTimeField": SOME_DAY,
    "DecimalField": Decimal(1),
    "EmailField": "nobody@probe.invalid",
    "FloatField": 0.5,
    "JSONField": {},
}

# What the house itself writes there has a shape, and nothing reads it without.
SHAPED: dict[str, Any] = {"autonomy.PolicyData.data": DEFAULT}

# What may be empty later on, and is not in a row as it begins.
NEEDED = frozenset({"plans.Plan.due_at"})


def plant_row(
    model: type[Model], tenant: UUID, rows: dict[type[Model], Model]
) -> Model:
    """A row of the model in the tenant in scope; what it refers to comes first."""
    if model in rows:
        return rows[model]
    existing = model._default_manager.first()
    rows[model] = existing if existing is not None else _insert(model, tenant, rows)
    return rows[model]


def _insert(model: type[Model], tenant: UUID, rows: dict[type[Model], Model]) -> Model:
    values = {
        field.attname: _value(field, tenant, rows)
        for field in model._meta.concrete_fields
        if not field.generated and not field.has_default() and not _is_serial(field)
    }
    row = model(**values)
    rights: Rights = getattr(model, "rights", Rights())
    if "INSERT" in rights.app:
        row.save(force_insert=True)
        return row
    # What only the system may write is planted as the system.
    with system_role():
        row.save(force_insert=True)
    return row


def _value(field: Field[Any, Any], tenant: UUID, rows: dict[type[Model], Model]) -> Any:
    if field.attname == "tenant_id":
        return tenant
    if field.null and str(field) not in NEEDED:
        return None
    if str(field) in SHAPED:
        return SHAPED[str(field)]
    if isinstance(field, ForeignKey):
        related = field.related_model
        if not isinstance(related, type):
            raise TypeError(f"{field} refers to nothing that could be planted")
        return plant_row(related, tenant, rows).pk
    if field.choices:
        return next(iter(field.flatchoices))[0]
    return _sample(field)


def _sample(field: Field[Any, Any]) -> Any:
    # An e-mail field would say of itself that it holds characters.
    name = type(field).__name__
    kind = name if name in SAMPLES else field.get_internal_type()
    if kind in SAMPLES:
        # `end` follows `begin`, wherever a model has both.
        return SOME_DAY + timedelta(days=1) if field.name == "end" else SAMPLES[kind]
    if kind == "UUIDField":
        return uuid7()
    if "Integer" in kind:
        return 1
    length = min(12, getattr(field, "max_length", None) or 12)
    return uuid7().hex[-length:]


def _is_serial(field: Field[Any, Any]) -> bool:
    return field.get_internal_type() in ("AutoField", "BigAutoField")
