"""Rows written as their models say, many in one round trip."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Self

import orjson
from django.db import connection, models

from ledger.record import Fact, stating


class Writes:
    """Inserts and changes of rows, collected in their order and sent together.

    Each statement is made once for its model.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._values: list[Any] = []

    def insert(self, *rows: Any, unless_there: bool = False) -> Self:
        """New rows, whole. `unless_there`: what is there already stays as it is."""
        for row in rows:
            statement, fields = _insert(row._meta.model)
            statement += " ON CONFLICT DO NOTHING" if unless_there else ""
            self.add(statement, [_value(field, row) for field in fields])
            row._state.adding, row._state.db = False, connection.alias
        return self

    def update(self, row: Any, *names: str) -> Self:
        """These fields of a row of its tenant that is there."""
        statement, fields = _update(row._meta.model, names)
        values = [_value(field, row) for field in fields]
        self.add(statement, [*values, row.tenant_id, row.pk])
        return self

    def state(self, facts: Sequence[Fact], *, now: datetime) -> Self:
        """Facts of the ledger."""
        if facts:
            statement, values, _ = stating(facts, now=now)
            self.add(statement, values)
        return self

    def add(self, statement: str, values: Sequence[Any]) -> Self:
        """Any other statement."""
        self._statements.append(statement)
        self._values += values
        return self

    def send(self) -> int:
        """Send all of them; return how many rows the last one touched."""
        if not self._statements:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(";".join(self._statements), self._values)
            touched: int = cursor.rowcount
        return touched


@cache
def _insert(model: Any) -> tuple[str, Sequence[Any]]:
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = model._meta.db_table
    # Names of the model's own columns; values travel apart.
    statement = f'INSERT INTO "{table}" ({columns}) VALUES ({places})'  # noqa: S608
    return statement, fields


@cache
def _update(model: Any, names: Sequence[str]) -> tuple[str, Sequence[Any]]:
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f'"{field.column}" = %s' for field in fields)
    table = model._meta.db_table
    where = "WHERE tenant_id = %s AND id = %s"
    return f'UPDATE "{table}" SET {changes} {where}', fields  # noqa: S608


def _value(field: Any, row: Any) -> Any:
    value = getattr(row, field.attname)
    if isinstance(field, models.JSONField) and value is not None:
        return orjson.dumps(value).decode()
    return value
