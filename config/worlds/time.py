"""Virtual time: the database's clock, moved for whoever tests what happens later.

All of the house asks the database what time it is. Its functions of time are found by
their names, so a schema that is searched before `pg_catalog` can answer in their place:
statements, prepared ones too, and functions in SQL and PL/pgSQL follow at once, on every
connection of this process. Time runs on from wherever it was moved to.

What does not follow: defaults of columns (`db_default`), as those are bound to the real
functions; other processes; Redis; and Python's own clock, which only pages look at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg2
from django.conf import settings
from django.db import connection, connections
from django.db.backends.signals import connection_created

from ledger.clock import clock

_AHEAD = "nullif(current_setting('virtual.ahead', true), '')::interval"
_REPLACED = {
    "clock_timestamp": "VOLATILE",
    "now": "STABLE",
    "statement_timestamp": "STABLE",
    "transaction_timestamp": "STABLE",
}
_MAKE = "CREATE SCHEMA virtual_time; GRANT USAGE ON SCHEMA virtual_time TO PUBLIC;" + (
    "".join(
        f"CREATE FUNCTION virtual_time.{name}() RETURNS timestamptz "
        f"LANGUAGE sql {volatility} AS $$ SELECT pg_catalog.{name}() "
        f"+ coalesce({_AHEAD}, interval '0') $$;"
        for name, volatility in _REPLACED.items()
    )
)
_DROP = "DROP SCHEMA IF EXISTS virtual_time CASCADE"
_ENTER = "SET search_path = virtual_time, pg_catalog, public"
_LEAVE = "SET search_path TO DEFAULT; SELECT set_config('virtual.ahead', '', false)"
_AHEAD_BY = "SELECT set_config('virtual.ahead', %s, false)"


class VirtualTime:
    """The time as the database tells it to this process."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """What time it is now."""
        return clock()

    def move_to(self, moment: datetime) -> None:
        """From now on it is this moment, and later."""
        self.pass_(moment - clock())

    def pass_(self, span: timedelta) -> None:
        """So much time passes at once."""
        self._ahead += span
        _outside_of_transactions()
        with connection.cursor() as cursor:
            cursor.execute(_AHEAD_BY, [self._said()])

    def enter(self, connection: Any, **_: Any) -> None:
        """A connection lives in virtual time from now on."""
        if connection.alias == "default":
            with connection.cursor() as cursor:
                cursor.execute(f"{_ENTER}; {_AHEAD_BY}", [self._said()])

    def _said(self) -> str:
        return f"{self._ahead.total_seconds():.6f} seconds"


@contextmanager
def virtual_time() -> Iterator[VirtualTime]:
    """Live in virtual time, which begins as it is. Threads that are under way already do
    not follow; those that connect later do, as of when they connect.
    """
    _outside_of_transactions()
    _as_superuser(f"{_DROP}; {_MAKE}")
    time = VirtualTime()
    connection_created.connect(time.enter)
    try:
        connection.ensure_connection()
        time.enter(connection)
        yield time
    finally:
        connection_created.disconnect(time.enter)
        if connection.in_atomic_block:
            connections["default"].close()
        else:
            with connection.cursor() as cursor:
                cursor.execute(_LEAVE)
        _as_superuser(_DROP)


def _outside_of_transactions() -> None:
    """What a session is told within a transaction goes when that is taken back."""
    if connection.in_atomic_block:
        raise RuntimeError("Time stands still within a transaction.")


def _as_superuser(statements: str) -> None:
    admin = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    admin.autocommit = True
    try:
        with admin.cursor() as cursor:
            cursor.execute(statements)
    finally:
        admin.close()
