"""T1, T2: every page by everybody, by the ids of others; what comes besides a path."""

from itertools import product

import pytest
from django.test import Client

from perception.rules.roles import Role
from tests.attacks.bodies import asked_for, bodies_of
from tests.attacks.doors import OWN, SAFE, Route, drawn, others, pages, ways
from tests.attacks.test_doors import EVERYBODY, STRANGERS, end
from tests.attacks.trying import Came, Trials

# Whatever a form may ask for before it looks for what it is about.
FORM = {"reason": "Because.", "note": "Because.", "cause": "WRONG", "yes": "1"}
LOOKS = ("GET", "HEAD", "POST")
# By one of these somebody might be believed to be in another tenant.
CLAIMS = (
    "X-Tenant", "X-Tenant-Id", "Tenant", "X-Organization", "X-User", "X-Forwarded-User",
    "X-Remote-User", "Remote-User", "X-Role", "X-Account-Id", "X-Original-Url",
    "X-Rewrite-Url", "X-Http-Method-Override", "X-Forwarded-Host", "X-Forwarded-For",
    "Forwarded", "Origin", "Referer", "Prefer", "X-Request-Id", "Traceparent", "Cookie",
)  # fmt: skip
# One of so many is tried in the suite: each page has many verbs.
PART = 60
# Of the control center; of places in queries and bodies.
PART_THERE, PLACES = 120, 10


@pytest.mark.timeout(3600)
def test_pages(tried: Trials, seed: int | None) -> None:
    """T1, T2: whom a page is not for is sent away, and what is foreign is not there."""
    chosen = drawn(seed, PART)
    assert len(pages()) > 30
    for route in pages():
        for method in LOOKS:
            for who in EVERYBODY:
                if next(chosen):
                    look(tried, route, method, who)
    end(tried, "doors of pages", seed)


def look(tried: Trials, route: Route, method: str, who: Role | str) -> None:
    """One page and caller, with every sort of id and every verb there is for it."""
    may = who in route.view.roles
    came: dict[str, dict[str, Came]] = {}
    for way in ways(tried.given, route):
        if may and way.sort == OWN and method not in SAFE:
            continue
        client = _client(tried, who)
        data = None if method in SAFE else FORM
        path = route.filled(way.values)
        if data is None:
            answer = tried.send(client, method, path, way.values)
        else:
            answer = tried.post(client, path, way.values, data)
        came.setdefault(way.verb, {})[way.sort] = answer
        if not may:
            fault = _turned_away(who, answer)
            tried.expect(not fault, f"{who} {method} {path}: {fault}")
    for verb, answers in came.items():
        tried.alike(f"{who} {method} {route.pattern} {verb}", answers)
    everything = [each for answers in came.values() for each in answers.values()]
    tried.settle(f"{who} {method} {route.pattern}", method, everything, refused=not may)


def _client(tried: Trials, who: Role | str) -> Client:
    if isinstance(who, Role):
        return tried.given.session(who)
    return Client(raise_request_exception=False, headers=tried.given.headers(who))


def _turned_away(who: Role | str, came: Came) -> str:
    """What is wrong with how somebody was refused."""
    if came.status == 405:
        return ""
    if who in STRANGERS:
        fine = came.status == 302 and "/login/" in came.said
        return (
            "" if fine or came.status == 403 else f"{came.status}, not sent to log in"
        )
    return "" if came.status == 403 else f"{came.status}, and it is not for them"


@pytest.mark.timeout(3600)
def test_the_control_center_and_the_rest(tried: Trials, seed: int | None) -> None:
    """T1, T2: what no table of the house's own lists: nobody and no lesser role changes
    anything there by looking, and nothing foreign is shown.
    """
    chosen = drawn(seed, PART_THERE)
    for route in others():
        for method in LOOKS[:2] if "admin" not in route.pattern else LOOKS:
            for who in EVERYBODY:
                if next(chosen):
                    peep(tried, route, method, who)
    end(tried, "doors of the control center", seed)


def peep(tried: Trials, route: Route, method: str, who: Role | str) -> None:
    """One route that says of no role whether it is let in."""
    came: dict[str, Came] = {}
    for way in ways(tried.given, route):
        if way.sort == OWN and route.parts:
            # Made-up rows have not the shape that forms of admins go by.
            continue
        client, path = _client(tried, who), route.filled(way.values)
        if method in SAFE:
            came[way.sort] = tried.send(client, method, path, way.values)
        else:
            came[way.sort] = tried.post(client, path, way.values, FORM)
        inside = route.pattern.startswith("admin/")
        out = who in STRANGERS or who in (Role.SELLER, Role.APPROVER, Role.INTEGRATION)
        if inside and who in STRANGERS:
            fault = came[way.sort].status == 200
            tried.expect(not fault, f"{who} {method} {path}: let in")
        if out and method not in SAFE:
            tried.settle(f"{who} {method} {path}", "GET", list(came.values()))
    tried.alike(f"{who} {method} {route.pattern}", came)
    tried.settle(f"{who} {method} {route.pattern}", method, list(came.values()))


def test_no_header_moves_anybody(tried: Trials) -> None:
    """T1: who somebody is, and where, a credential says and nothing else."""
    theirs, house = tried.given.theirs, tried.given.theirs.house
    client = Client(
        raise_request_exception=False, headers=tried.given.headers(Role.SELLER)
    )
    claims = (str(house.tenant), f"admin@{house.slug}.example", "ADMIN", "DELETE",
              f"tenant={house.tenant}; role=ADMIN", "/api/v1/settings/")  # fmt: skip
    paths = ("me/", f"accounts/{theirs.known('uuid', 'accounts')}/")
    tried.send(client, "GET", "/api/v1/me/", [])
    for path in (f"/api/v1/{path}" for path in paths):
        plain = tried.send(client, "GET", path, [])
        for header, value in product(CLAIMS, claims):
            given = tried.send(client, "GET", path, [], headers={header: value})
            tried.expect(plain == given, f"{header}: {value} at {path}: {given}")
    tried.settle("headers", "GET", [])
    end(tried, "headers that claim something", None)


@pytest.mark.timeout(3600)
def test_ids_in_queries_and_bodies(tried: Trials, seed: int | None) -> None:
    """T1, API1, API3: what is foreign answers as what does not exist, wherever it is named."""
    chosen = drawn(seed, PLACES)
    for what in (*asked_for(tried.given), *bodies_of(tried.given)):
        if next(chosen):
            what.send(tried)
    end(tried, "ids in queries and bodies", seed)
