"""Riding: what nobody waits for goes with the next statement, and nothing else changes."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.db import (
    DataError,
    InternalError,
    ProgrammingError,
    connection,
    transaction,
)
from django.db.transaction import TransactionManagementError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import extensions

from ledger.riding import let_go, ride
from ledger.riding.base import COMMIT, EARLY, KEPT, Line
from ledger.scope import tenant_scope

IDLE = extensions.TRANSACTION_STATUS_IDLE
KEEP = "INSERT INTO riding_kept VALUES (%s)"


@pytest.fixture(autouse=True)
def kept(db: None) -> Iterator[None]:
    """A table of this session's own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE riding_kept (number integer)")
    yield
    connection.close()


def numbers() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM riding_kept ORDER BY ctid")
        return [number for (number,) in cursor.fetchall()]


def line() -> Any:
    return connection.connection


def say(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def test_a_transaction_in_which_nothing_is_asked_says_nothing() -> None:
    """Neither BEGIN nor COMMIT nor the tenant reach the server."""
    with tenant_scope(uuid4()):
        assert line().get_transaction_status() == IDLE
        assert len(line().riders) == 2
    assert (line().riders, line().get_transaction_status()) == ([], IDLE)


def test_what_rides_goes_with_the_commit() -> None:
    with transaction.atomic():
        ride(KEEP, [1])
        ride(KEEP, [2])
        assert line().get_transaction_status() == IDLE
    assert numbers() == [1, 2]


def test_nothing_rides_outside_of_a_transaction() -> None:
    with pytest.raises(TransactionManagementError):
        ride(KEEP, [1])
    assert line().riders == []


@pytest.mark.parametrize("lasting", [True, False])
def test_rows_that_others_wait_for_are_let_go_before_the_disk_has_them(
    monkeypatch: pytest.MonkeyPatch, *, lasting: bool
) -> None:
    """In one message, and for that transaction alone, however it ends."""
    said: list[bytes] = []
    real = Line._say

    def say(line: Line, words: bytes) -> None:
        said.append(words)
        real(line, words)

    monkeypatch.setattr(Line, "_say", say)
    with transaction.atomic():
        ride(KEEP, [1])
        let_go(lasting=lasting)
    (words,) = said
    assert words.endswith(EARLY + b";" + KEPT if lasting else EARLY)
    with suppress(ZeroDivisionError), transaction.atomic():
        ride(KEEP, [2])
        let_go(lasting=lasting)
        raise ZeroDivisionError
    with transaction.atomic():
        ride(KEEP, [3])
    assert said[-1].endswith(b"(3);" + COMMIT)
    assert numbers() == [1, 3]
    with pytest.raises(TransactionManagementError):
        let_go()


def test_what_rides_goes_before_what_is_asked_next() -> None:
    with transaction.atomic():
        ride(KEEP, [1])
        assert numbers() == [1]
        assert line().riders == []


def test_what_rides_is_taken_back_with_its_transaction() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        ride(KEEP, [1])
        raise ZeroDivisionError
    assert (numbers(), line().riders) == ([], [])


def test_what_is_wrong_with_a_rider_is_said_at_the_commit_and_takes_all_back() -> None:
    with pytest.raises(DataError), transaction.atomic():  # noqa: PT012
        say(KEEP, 1)
        ride("SELECT 1 / %s", [0])
    assert numbers() == []


def test_a_statement_that_cannot_be_read_breaks_the_transaction_it_begins() -> None:
    """The server reads a message whole before it begins anything in it: without care,
    what follows would stand outside of every transaction."""
    with pytest.raises(ProgrammingError), transaction.atomic():
        say("SELEC 1")
    with transaction.atomic():
        with pytest.raises(ProgrammingError):
            say("SELEC 1")
        with pytest.raises(InternalError, match="aborted"):
            say(KEEP, 1)
        transaction.set_rollback(True)
    assert numbers() == []


def test_a_savepoint_takes_back_what_rode_inside_it_alone() -> None:
    with transaction.atomic():
        ride(KEEP, [1])
        with pytest.raises(DataError), transaction.atomic():  # noqa: PT012
            ride(KEEP, [2])
            say("SELECT 1 / 0")
        with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
            ride(KEEP, [3])
            raise ZeroDivisionError
        ride(KEEP, [4])
    assert numbers() == [1, 4]


def test_what_only_readies_is_left_unsaid_at_the_end() -> None:
    with transaction.atomic():
        say(KEEP, 1)
        ride("SELECT 1 / %s", [0], writes=False)
    assert numbers() == [1]


def test_percent_signs_of_values_stay_what_they_are() -> None:
    say("CREATE TEMP TABLE riding_said (words text)")
    with transaction.atomic():
        ride("INSERT INTO riding_said VALUES (%s)", ["100 %s %(a)s; DROP TABLE x; ''"])
        say("SELECT %s", "5 %")
        say("SELECT '5 %'")
    with connection.cursor() as cursor:
        cursor.execute("SELECT words FROM riding_said")
        assert cursor.fetchone() == ("100 %s %(a)s; DROP TABLE x; ''",)


def test_many_at_once_and_cursors_of_the_server_come_after_what_rides() -> None:
    with transaction.atomic():
        ride(KEEP, [1])
        with connection.cursor() as cursor:
            cursor.executemany(KEEP, [(2,), (3,)])
        ride(KEEP, [4])
        with connection.chunked_cursor() as cursor:
            cursor.execute("SELECT number FROM riding_kept ORDER BY number")
            assert [number for (number,) in cursor] == [1, 2, 3, 4]
    assert numbers() == [1, 2, 3, 4]


def test_a_connection_that_died_says_so_and_the_next_one_serves() -> None:
    with pytest.raises(Exception, match=r"terminat|closed"), transaction.atomic():  # noqa: PT012
        pid = line().get_backend_pid()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        ride(KEEP, [1])
    connection.close()
    say("SELECT 1")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(["ride", "say", "save", "keep", "drop", "fail"]), max_size=14
    )
)
def test_riding_differs_in_nothing_from_saying_at_once(steps: list[str]) -> None:
    """Law: whatever is ridden, said, kept and dropped, the rows are the same as when
    everything is sent at once."""
    found = []
    for rides in (True, False):
        say("TRUNCATE riding_kept")
        with transaction.atomic():
            _lived(steps, rides)
        found.append(numbers())
    assert found[0] == found[1]


def _lived(steps: list[str], rides: bool) -> None:
    saved: list[str] = []
    for number, step in enumerate(steps):
        match step:
            case "ride" if rides:
                ride(KEEP, [number])
            case "ride" | "say":
                say(KEEP, number)
            case "save":
                saved.append(transaction.savepoint())
            case "keep" if saved:
                transaction.savepoint_commit(saved.pop())
            case "drop" if saved:
                transaction.savepoint_rollback(saved.pop())
            case "fail" if saved:
                with pytest.raises(DataError):
                    say("SELECT 1 / 0")
                transaction.savepoint_rollback(saved.pop())
