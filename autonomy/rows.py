"""Rows read and written as their models say, many statements in one round trip."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Self, TypeVar, cast

import orjson
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState

from ledger.prepared import prepared
from ledger.record import Fact, stating
from ledger.riding import let_go, ride

# Among violations of what has to hold, after which a connection is as good as before.
REFUSED = "23H01"
Made = TypeVar("Made", bound=models.Model)


def new(model: type[Made], /, **given: Any) -> Made:
    """A row that is not kept yet, as the model would make it, at a tenth of its price:
    a walk makes eight.
    """
    known, made, relations = _blank(model)
    values = {**known, **{name: make() for name, make in made if name not in given}}
    row: Any = model.__new__(model)
    row._state = ModelState()
    for name in relations.keys() & given.keys():
        one, field = given.pop(name), relations[name]
        given[field.attname] = one.pk
        field.set_cached_value(row, one)
    if unknown := given.keys() - values.keys() - {name for name, _ in made}:
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(unknown))}.")
    row.__dict__.update(values | given)
    return cast("Made", row)


class Writes:
    """Inserts and changes of rows, collected in their order and sent together, if need
    be with what is read after them.

    Each statement is made once for its model, and planned once for a connection.
    """

    def __init__(self) -> None:
        self._statements: list[str] = []
        self._values: list[Any] = []

    def insert(self, *rows: Any, unless_there: bool = False) -> Self:
        """New rows, whole. `unless_there`: what is there already stays as it is."""
        for row in rows:
            statement, names = _insert(row._meta.model)
            statement += " ON CONFLICT DO NOTHING" if unless_there else ""
            held = row.__dict__
            said = {column: held[name] for column, name in names}
            self.add(statement, [orjson.dumps(said, default=str).decode()])
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
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
            statements, values, _ = stating(facts, now=now)
            self._statements += statements
            self._values += values
        return self

    def take(self, others: "Writes") -> Self:
        """What others collected, after all that is here."""
        self._statements += others._statements
        self._values += others._values
        return self

    def add(self, statement: str, values: Sequence[Any]) -> Self:
        """Any other statement."""
        self._statements.append(statement)
        self._values += values
        return self

    def insist(self, on: str, values: Sequence[Any]) -> None:
        """Send all of them with the commit, and with them what has to hold when it comes
        to it; else `is_refused` says so of the error, which takes the transaction back.
        Others wait for such rows, so that they are let go as soon as may be.
        """
        self.add(f"SELECT autonomy_must({on})", values).ride()
        let_go()

    def send(self) -> int:
        """Send all of them; return how many rows the last one touched."""
        if not self._statements:
            return 0
        with connection.cursor() as cursor:
            self._send(cursor)
            touched: int = cursor.rowcount
        return touched

    def ride(self) -> None:
        """Send all of them along with whatever comes next in this transaction."""
        if self._statements:
            ride(prepared(*self._statements), self._values)

    def ask(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Send all of them, then this; what it found."""
        self.add(statement, values)
        with connection.cursor() as cursor:
            self._send(cursor)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def find(
        self,
        model: Any,
        where: str,
        values: Sequence[Any],
        *,
        beside: tuple[str, ...] = (),
        also: tuple[tuple[str, str], ...] = (),
    ) -> list[Any]:
        """Send all of them, then read rows whole, each as `t`, with those that they name
        `beside` them, and what is `also` asked under a name. Of the values, those of the
        latter come first.
        """
        select, parts = _select(model, beside, also)
        rows = self.ask(f"{select} WHERE {where}", values)
        names = [name for name, _ in also]
        return [_made(parts, names, row) for row in rows]

    def _send(self, cursor: Any) -> None:
        cursor.execute(prepared(*self._statements), self._values)


def is_refused(error: BaseException) -> bool:
    """Whether something did not hold that was insisted on: somebody was faster."""
    return getattr(error.__cause__, "pgcode", None) == REFUSED


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A table's part of what is read: its columns, and how they are read."""

    model: Any
    # The field by which it stands beside the rows that were asked for.
    relation: Any
    names: Sequence[str]
    readers: Sequence[Any]
    columns: slice


@cache
def _blank(
    model: Any,
) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]], dict[str, Any]]:
    """Defaults that are values, those that are made anew each time, and relations."""
    known: dict[str, Any] = {}
    made = []
    for field in model._meta.concrete_fields:
        if field.has_default() and callable(field.default):
            made.append((field.attname, field.default))
        else:
            known[field.attname] = field.get_default()
    relations = {each.name: each for each in model._meta.fields if each.is_relation}
    return known, made, relations


@cache
def _select(
    model: Any, beside: tuple[str, ...], also: tuple[tuple[str, str], ...]
) -> tuple[str, list[_Part]]:
    """The statement up to its condition, and what becomes of the columns."""
    parts: list[_Part] = []
    columns: list[str] = []
    tables = f'"{model._meta.db_table}" AS t'
    for name in ("t", *beside):
        relation = None if name == "t" else model._meta.get_field(name)
        of = relation.related_model if relation else model
        fields = of._meta.concrete_fields
        parts.append(
            _Part(
                model=of,
                relation=relation,
                names=[field.attname for field in fields],
                readers=[getattr(field, "from_db_value", None) for field in fields],
                columns=slice(len(columns), len(columns) + len(fields)),
            )
        )
        columns += [f'{name}."{field.column}"' for field in fields]
        if relation:
            tables += (
                f' LEFT JOIN "{of._meta.db_table}" AS {name}'
                f" ON {name}.tenant_id = t.tenant_id AND {name}.id = t.{relation.column}"
            )
    columns += [expression for _, expression in also]
    return f"SELECT {', '.join(columns)} FROM {tables}", parts  # noqa: S608


def _made(parts: Sequence[_Part], more: Sequence[str], row: Sequence[Any]) -> Any:
    """A row as its model, with what is beside it and what was also asked."""
    made = None
    for part in parts:
        values = [
            read(value, None, connection) if read else value
            for read, value in zip(part.readers, row[part.columns], strict=True)
        ]
        one = _row(part.model, part.names, values)
        if part.relation is None:
            made = one
        else:
            part.relation.set_cached_value(made, one if one.pk is not None else None)
    for name, value in zip(more, row[len(row) - len(more) :], strict=True):
        setattr(made, name, value)
    return made


def _row(model: Any, names: Sequence[str], values: Sequence[Any]) -> Any:
    """A row that is there, as its model; all of its fields are known, so that none has
    to be given a value of its own first.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    row.__dict__.update(zip(names, values, strict=True))
    return row


@cache
def _insert(model: Any) -> tuple[str, Sequence[tuple[str, str]]]:
    """A row travels as one value, which the database reads as its table says."""
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    table = model._meta.db_table
    # Names of the model's own columns; values travel apart.
    statement = f"""INSERT INTO "{table}" ({columns}) SELECT {columns}
        FROM jsonb_populate_record(NULL::"{table}", %s)"""  # noqa: S608
    return statement, [(field.column, field.attname) for field in fields]


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
