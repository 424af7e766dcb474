"""T1, T2, API1, API5: everybody at every door, with ids of their own, of others, of nobody.

In the suite a part of the cells is tried, another one with every SEED; `-m long` tries all.
"""

import sys
from collections.abc import Sequence
from time import process_time

import pytest
from django.test import Client

from config.access import MATRIX, allowed
from perception.rules.roles import Role
from tests import trials
from tests.attacks.doors import (
    ABSENT,
    FOREIGN,
    METHODS,
    OWN,
    SAFE,
    Route,
    api,
    drawn,
    ways,
)
from tests.attacks.trying import Came, Trials

STRANGERS = ("nobody", "expired", "revoked", "gone", "forged")
EVERYBODY: Sequence[Role | str] = (*Role, *STRANGERS)
# One of so many cells is tried in the suite.
PART = 40


def end(tried: Trials, name: str, seed: int | None) -> None:
    """Say how much was tried, and fail on what must never be."""
    took = process_time() - tried.began
    said = f"\n{name}: {tried.cells} cells, {len(tried.faults)} faults, seed {seed}, {took:.1f} s\n"
    sys.stdout.write(said)
    sys.stdout.write("".join(f"  fault: {each}\n" for each in tried.faults))
    sys.stdout.write("".join(f"  done: {each}\n" for each in tried.done))
    trials.record(name, trials=tried.cells, violations=len(tried.faults), seed=seed)
    faults = dict.fromkeys(tried.faults)
    assert not faults, "\n".join([f"{len(faults)} faults", *list(faults)[:40]])


def test_a_part_of_all_doors(tried: Trials) -> None:
    """T1, T2: the answer is the matrix's; what is foreign is not there; nothing moves."""
    seed = trials.seed(20261122)
    knock_everywhere(tried, seed)
    end(tried, "doors of the API", seed)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_all_doors(tried: Trials) -> None:
    """T1, T2: the same, of every cell there is."""
    knock_everywhere(tried, None)
    end(tried, "doors of the API", None)


def knock_everywhere(tried: Trials, seed: int | None) -> None:
    chosen = drawn(seed, PART)
    for route in api():
        for method in METHODS:
            for who in EVERYBODY:
                if next(chosen):
                    knock(tried, route, method, who)


def knock(tried: Trials, route: Route, method: str, who: Role | str) -> None:
    """One route, method and caller, with every sort of id there is for it."""
    what = f"{who} {method} {route.pattern}"
    is_served = hasattr(route.view.cls, "get" if method == "HEAD" else method.lower())
    served = route.view.cls.http_method_names
    may = isinstance(who, Role) and who in allowed(route.name, method)
    client = Client(raise_request_exception=False, headers=tried.given.headers(who))
    came: dict[str, Came] = {}
    for way in ways(tried.given, route):
        if may and way.sort == OWN and method not in SAFE:
            # It may be done, and the next cell would find another house.
            continue
        came[way.sort] = tried.send(
            client,
            method,
            route.filled(way.values),
            way.values,
            data=b"" if method in SAFE else b"{}",
            content_type="application/json",
        )
    for sort, each in came.items():
        fault = _fault(route, who, sort, each, is_served=is_served, may=may)
        if each.status == 405 and may and method.lower() not in served:
            # Whoever downloads is written down: nobody only looks there.
            fault = ""
        tried.expect(not fault, f"{what} ({sort}): {fault}")
    if MATRIX[route.name]:
        # A door that asks for a proof of its own looks for what the proof is held against.
        tried.alike(what, came)
    tried.settle(what, method, list(came.values()))


def _fault(
    route: Route,
    who: Role | str,
    sort: str,
    came: Came,
    *,
    is_served: bool,
    may: bool,
) -> str:
    """What is wrong with an answer, by the matrix."""
    said = f"{came.status} {came.code}"
    if not MATRIX[route.name]:
        # Its own proof is asked for, whoever comes.
        fine = (401,) if is_served else (401, 405)
    elif not isinstance(who, Role):
        fine = (401,)
    elif not is_served:
        fine = (405,)
    elif not may:
        return "" if (came.status, came.code or "PERMISSION_DENIED") == (
            403, "PERMISSION_DENIED",
        ) else said  # fmt: skip
    else:
        refused = came.status in (401, 405) or came.code == "PERMISSION_DENIED"
        reached = FOREIGN in sort or ABSENT in sort
        return said if refused or (reached and came.status < 400) else ""
    return "" if came.status in fine else said
