"""Statements whose answer nobody waits for ride along with the next one."""

from collections.abc import Sequence
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import TransactionManagementError


def ride(statement: str, values: Sequence[Any], *, writes: bool = True) -> None:
    """Send a statement along with the next of its transaction, or with its commit.

    What is wrong with it is said there. What does not write, but readies what follows,
    is left unsaid where nothing follows.
    """
    held = connections[DEFAULT_DB_ALIAS]
    held.ensure_connection()
    if not held.in_atomic_block:
        raise TransactionManagementError("Nothing rides outside of a transaction.")
    line = cast(Any, held.connection)
    with held.wrap_database_errors:
        line.ride(statement, values, writes=writes)
