"""Five governed steps, as every peer takes them: a run is locked and advanced, and a row
is added that is linked to the one before by its hash; all of it in one transaction.

The peers run in an environment of their own: nothing here is the product's.
"""

import ctypes
import hashlib
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

STEPS = ("trigger", "gate", "decide", "approve", "execute")
# More than any has work for at once.
CONNECTIONS = 12
PR_SET_PDEATHSIG = 1
TABLES = """
CREATE TABLE run (
    id uuid PRIMARY KEY, state int NOT NULL DEFAULT 0, head text NOT NULL DEFAULT '');
CREATE TABLE entry (
    run uuid NOT NULL REFERENCES run, place int NOT NULL, data text NOT NULL,
    hash text NOT NULL, PRIMARY KEY (run, place));
CREATE INDEX run_open ON run (id) WHERE state < 5;
"""
LOCK = "SELECT state, head FROM run WHERE id = %s FOR UPDATE"
ADVANCE = "UPDATE run SET state = %s, head = %s WHERE id = %s"
APPEND = "INSERT INTO entry (run, place, data, hash) VALUES (%s, %s, %s, %s)"


def row(run: str, place: int, head: str) -> tuple[str, str]:
    """What the ledger says of a step, and its hash, which holds the one before."""
    said = {"run": run, "step": STEPS[place], "place": place, "decision": "ALLOWED"}
    data = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return data, hashlib.sha256(f"{head}{data}".encode()).hexdigest()


def take(cursor: Any, run: str, place: int) -> None:
    """One step, in the transaction of the cursor; one that was taken stays as it is."""
    cursor.execute(LOCK, (run,))
    state, head = cursor.fetchone()
    if state == place:
        data, digest = row(run, place, head)
        cursor.execute(ADVANCE, (place + 1, digest, run))
        cursor.execute(APPEND, (run, place, data, digest))


def is_whole(run: str, head: str, rows: Iterable[tuple[int, str, str]]) -> bool:
    """Whether these are five rows in their order, each linked to the one before."""
    linked = ""
    found = list(rows)
    for place, data, digest in found:
        if (data, digest) != row(run, place, linked):
            return False
        linked = digest
    return [place for place, _, _ in found] == [0, 1, 2, 3, 4] and linked == head


def lots() -> Iterator[list[str]]:
    """The ids of runs as they are handed over, a lot a line, until there are no more."""
    while line := sys.stdin.readline():
        yield json.loads(line)


def play(**roles: Callable[[str], None]) -> None:
    """Play the role that the command line names, on the database that it names; end with
    whoever started this, even where that is killed.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    name, database = sys.argv[1:]
    roles[name](database)
