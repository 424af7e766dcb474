"""Statements that Postgres reads and plans once for each connection, not each time."""

import re
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connection, connections

# A place for a value, with the type that it is cast to, if any.
_PLACE = re.compile(r"%s((?:::\w+(?:\[\])?)?)")

_known: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()


def prepared(*statements: str) -> str:
    """The calls of these statements, with a place for each of their values.

    Each is prepared on its first use. Only for texts that come again: they stay with the
    connection, also where the transaction is taken back.
    """
    held = connections[DEFAULT_DB_ALIAS]
    held.ensure_connection()
    known = _known.setdefault(held.connection, {})
    for statement in statements:
        if statement not in known:
            known[statement] = _prepare(f"house_{len(known)}", statement)
    return ";".join([known[statement] for statement in statements])


def _prepare(name: str, statement: str) -> str:
    places = _PLACE.findall(statement)
    numbers = iter(range(1, len(places) + 1))
    body = _PLACE.sub(lambda place: f"${next(numbers)}{place[1]}", statement)
    # Not among what is asked: this is once for a connection, whatever it does.
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(f"PREPARE {name} AS {body}")
    values = ", ".join(f"%s{cast}" for cast in places)
    return f"EXECUTE {name} ({values})" if places else f"EXECUTE {name}"
