"""Postgres as Django knows it, with fewer round trips: what begins a transaction, and
what is only written, rides along with what is asked next, or with the commit.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg2
from django.db.backends.postgresql import base
from psycopg2 import extensions

BEGIN, COMMIT, ROLLBACK = b"BEGIN", b"COMMIT", b"ROLLBACK"
# The rows are let go before the disk has what was done to them. Whoever sees it commits
# after it, so that nobody can keep what rests on it and lose this.
EARLY = b"SET LOCAL synchronous_commit = off;COMMIT"
# As a commit of its own, which waits for the disk and for all that came before.
KEPT = b"SELECT pg_logical_emit_message(true, 'autonomy', '')"


class Line(extensions.connection):
    """A connection that begins and ends its transactions in its own words; to its driver
    it is always outside of one.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.riders: list[bytes] = []
        self.writes = False
        self.ending = COMMIT

    def begin(self) -> None:
        self.riders.append(BEGIN)

    def ride(self, statement: str, values: Sequence[Any], *, writes: bool) -> None:
        with self._plain() as cursor:
            self.riders.append(cursor.mogrify(statement, values))
        self.writes = self.writes or writes

    def let_go(self, *, lasting: bool) -> None:
        self.ending = EARLY + b";" + KEPT if lasting else EARLY

    def cursor(self, name: str | None = None, **more: Any) -> Any:
        if name is None:
            return super().cursor(**more)
        # One of the server's is declared on its own. To hold it is what the driver asks
        # of whoever is outside of a transaction.
        self.arrive()
        return super().cursor(name, **{**more, "withhold": True})

    def commit(self) -> None:
        riders, writes, ending = self.taken(), self.writes, self.ending
        self.writes, self.ending = False, COMMIT
        if writes:
            self._say(b";".join([*riders, ending]))
        elif riders[:1] != [BEGIN] and not self.is_idle():
            self._say(ending)

    def rollback(self) -> None:
        self.riders, self.writes, self.ending = [], False, COMMIT
        if not self.is_idle():
            self._say(ROLLBACK)

    def taken(self) -> list[bytes]:
        """What waits to ride. In a transaction that is broken nothing can."""
        riders, self.riders = self.riders, []
        return [] if self._is_in(extensions.TRANSACTION_STATUS_INERROR) else riders

    def arrive(self) -> None:
        """Send what waits by itself."""
        if riders := self.taken():
            self.writes = False
            self._say(b";".join(riders))

    def is_idle(self) -> bool:
        return self._is_in(extensions.TRANSACTION_STATUS_IDLE)

    def _is_in(self, status: int) -> bool:
        return bool(self.get_transaction_status() == status)

    def _say(self, words: bytes) -> None:
        with self._plain() as cursor:
            cursor.execute(words)

    def _plain(self) -> Any:
        return self.cursor(cursor_factory=extensions.cursor)


class Cursor(extensions.cursor):
    """Takes along what waits to ride."""

    connection: Line

    def execute(self, query: Any, vars: Any = None) -> None:
        if not self.connection.riders:
            super().execute(query, vars)
            return
        query = self.mogrify(query, vars)
        riders = self.connection.taken()
        self.connection.writes = False
        try:
            super().execute(b";".join([*riders, query]))
        except psycopg2.Error:
            if not (riders and self.connection.is_idle()):
                raise
            # Not even read, so that nothing was done: said apart, it breaks the
            # transaction that it should have begun.
            self.connection.riders = riders
            self.connection.arrive()
            super().execute(query)

    def executemany(self, query: Any, vars_list: Any) -> None:
        self.connection.arrive()
        super().executemany(query, vars_list)

    def callproc(self, procname: Any, parameters: Any = None) -> Any:
        self.connection.arrive()
        return super().callproc(procname, parameters)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        self.connection.arrive()
        super().copy_expert(sql, file, size)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, on such a line."""

    connection: Any

    def get_connection_params(self) -> dict[str, Any]:
        given = {"connection_factory": Line, "cursor_factory": Cursor}
        return {**super().get_connection_params(), **given}

    def _start_transaction_under_autocommit(self) -> None:
        self.connection.begin()

    def _set_autocommit(self, autocommit: bool) -> None:
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]


@lru_cache(maxsize=1024)
def _adapted(value: UUID) -> extensions.AsIs:
    """As Postgres reads it; the same few come many times in one transaction."""
    return extensions.AsIs(f"'{value.int:032x}'::uuid")


# The driver's own is written in Python and takes three times as long.
extensions.register_adapter(UUID, _adapted)
