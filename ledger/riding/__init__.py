"""Statements whose answer nobody waits for ride along with the next one."""

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import TransactionManagementError


def ride(statement: str, values: Sequence[Any], *, writes: bool = True) -> None:
    """Send a statement along with the next of its transaction, or with its commit.

    What is wrong with it is said there. What does not write, but readies what follows,
    is left unsaid where nothing follows.
    """
    line, errors = _line()
    with errors:
        line.ride(statement, values, writes=writes)


def let_go(*, lasting: bool = True) -> None:
    """Let others have the rows of the transaction at hand as soon as it is committed, and
    wait for the disk after that. Not `lasting`: not even then, as whoever goes on here
    waits for it with the next one, or does the same again.
    """
    line, _ = _line()
    line.let_go(lasting=lasting)


def _line() -> tuple[Any, Any]:
    """The connection of the transaction at hand, and what names its errors."""
    held = connections[DEFAULT_DB_ALIAS]
    held.ensure_connection()
    if not held.in_atomic_block:
        raise TransactionManagementError("Nothing rides outside of a transaction.")
    return held.connection, held.wrap_database_errors
