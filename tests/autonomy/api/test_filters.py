"""Lists are filtered by what their rows have; a filter that cannot be is refused."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Intent
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.test_feed import in_doubt, parked

NOTE = "create_internal_note"
LATE, EARLY = "2030-01-01T00:00:00Z", "2020-01-01T00:00:00Z"


@pytest.fixture
def asked(desk: Desk) -> Callable[..., Any]:
    """What a list answers: its rows, or its refusal."""

    def ask(path: str, role: Role = Role.ADMIN, **wanted: Any) -> Any:
        client = desk.house.client(role)
        answer = client.send("GET", f"{path}?{urlencode(wanted)}")
        return answer.json()["results"] if answer.status_code == 200 else answer

    return ask


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("modes/", {"mode": "ASSIST"}),
        ("budgets/", {"limit_per_day": 3}),
        ("opt-ins/", {"granted": True}),
    ],
)
def test_what_is_set_is_found_by_its_scope(
    desk: Desk, asked: Callable[..., Any], path: str, given: dict[str, Any]
) -> None:
    client = desk.house.client(Role.ADMIN)
    scopes: list[dict[str, str]] = [{"account": str(desk.account.id)}]
    if path != "opt-ins/":
        scopes.append({"action_type": NOTE})
    for scope in scopes:
        made = client.send("POST", path, {**given, **scope})
        assert made.status_code in (200, 201), made.content
    everything = asked(path)
    for scope in scopes:
        ((name, value),) = scope.items()
        found = asked(path, **scope)
        assert found == [each for each in everything if each[name] == value] != []
    assert asked(path, account=uuid4()) == []
    assert asked(path, account="x").status_code == 400


def test_stops_are_found_by_how_they_stand(
    desk: Desk, asked: Callable[..., Any]
) -> None:
    client = desk.house.client(Role.ADMIN)
    scope = {"scope": "action_type", "target": NOTE, "reason": "A look."}
    made = client.send("POST", "kill-switches/engage/", scope).json()
    path = "kill-switches/"
    assert [each["id"] for each in asked(path, status="ENGAGED")] == [made["id"]]
    assert asked(path, status="RELEASED") == []
    again = {"id": made["id"], "reason": "Enough.", "hold_seconds": 600}
    client.send("POST", f"{path}release/", again)
    assert asked(path, status="ENGAGED") == []
    assert len(asked(path, status="RETURNING", created_after=EARLY)) == 1
    assert asked(path, created_after=LATE) == asked(path, created_before=EARLY) == []
    assert asked(path, status="ZZZ").status_code == 400


def test_exports_are_found_by_status(desk: Desk, asked: Callable[..., Any]) -> None:
    client = desk.house.client(Role.ADMIN)
    span = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    client.send("POST", "exports/", {**span, "format": "jsonl"})
    assert len(asked("exports/", status="PENDING")) == 1
    assert asked("exports/", status="FAILED") == []
    assert asked("exports/", status="x").status_code == 400


def test_feeds_are_found_by_what_they_are_about(
    desk: Desk, asked: Callable[..., Any]
) -> None:
    first, second = (desk.propose("schedule_meeting") for _ in range(2))
    found = asked("feed/next/", Role.SELLER, intent=first.id)
    assert [each["intent"] for each in found] == [str(first.id)]
    assert len(asked("feed/next/", Role.SELLER)) == 2
    assert second.run_id is None
    for path in ("feed/next/", "feed/autopilot/"):
        assert asked(path, Role.SELLER, run=uuid4()) == []
        assert asked(path, Role.SELLER, created_after=LATE) == []


@pytest.fixture
def waiting(desk: Desk) -> dict[str, dict[str, Any]]:
    """One item of every kind that waits, as the list shows it."""
    in_doubt(desk)
    parked(desk)
    desk.propose("send_email")
    held = desk.propose("create_internal_note")
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=held.pk).update(due_at=LATE)
    found = desk.house.client(Role.ADMIN).send("GET", "feed/inbox/").json()["results"]
    by_kind = {each["kind"]: each for each in found}
    assert set(by_kind) == {"approval", "doubt", "held", "parked"}
    return by_kind


@pytest.mark.parametrize("kind", ["approval", "doubt", "held", "parked"])
def test_what_waits_is_found_by_what_it_shows(
    asked: Callable[..., Any], waiting: dict[str, dict[str, Any]], kind: str
) -> None:
    """U1: every filter finds an item by what it says itself, and no other item."""
    item = waiting[kind]
    names = ("kind", "status", "action_type", "intent", "run", "account")
    wanted = {name: item[name] for name in names if item[name] is not None}
    for name, value in wanted.items():
        alike = [each for each in waiting.values() if each[name] == value]
        found = asked("feed/inbox/", **{name: value})
        assert {each["id"] for each in found} == {each["id"] for each in alike}
    assert [each["id"] for each in asked("feed/inbox/", **wanted)] == [item["id"]]
    around = {"created_after": item["at"], "kind": kind}
    assert [each["id"] for each in asked("feed/inbox/", **around)] == [item["id"]]
    before = {"created_before": item["at"], "kind": kind}
    assert asked("feed/inbox/", **before) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"account": uuid4()}, {"intent": uuid4()}, {"run": uuid4()},
        {"action_type": "send_proposal"}, {"created_after": LATE},
        {"created_before": EARLY}, {"kind": "parked", "action_type": NOTE},
        {"kind": "doubt", "status": "PARKED"},
    ],
)  # fmt: skip
def test_what_fits_nothing_that_waits_is_not_found(
    asked: Callable[..., Any],
    waiting: dict[str, dict[str, Any]],
    wanted: dict[str, Any],
) -> None:
    assert asked("feed/inbox/", **wanted) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "execution"}, {"kind": ""}, {"status": "DONE"}, {"status": ""},
        {"action_type": ""}, {"intent": "x"}, {"run": "x"}, {"created_after": "soon"},
    ],
)  # fmt: skip
def test_a_filter_of_what_waits_that_cannot_be_is_refused(
    asked: Callable[..., Any], wanted: dict[str, Any]
) -> None:
    refused = asked("feed/inbox/", **wanted)
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["errors"]] == list(wanted)


def test_a_filter_takes_no_more_questions(
    desk: Desk, asked: Callable[..., Any], waiting: dict[str, dict[str, Any]]
) -> None:
    """The cost of a page does not grow with what it is narrowed by, or with what waits."""
    counts = []
    for wanted in ({}, {"status": "AWAITING_APPROVAL"}, {"action_type": NOTE}):
        with CaptureQueriesContext(connection) as seen:
            assert asked("feed/inbox/", **wanted)
        counts.append(len(seen))
    assert max(counts) == counts[0]
    desk.propose("send_email")
    with CaptureQueriesContext(connection) as seen:
        assert len(asked("feed/inbox/", status="AWAITING_APPROVAL")) == 2
    assert len(seen) == counts[1]


def test_questions_for_agents_are_found_like_those_for_people(
    desk: Desk, asked: Callable[..., Any]
) -> None:
    """H1: the same rows, the same filters."""
    first, _ = (desk.propose("schedule_meeting") for _ in range(2))
    found = asked("inbox/", intent=first.id, status="AWAITING_APPROVAL")
    assert [each["intent"] for each in found] == [str(first.id)]
    assert len(asked("inbox/", action_type="schedule_meeting")) == 2
    for none in ({"run": uuid4()}, {"created_after": LATE}, {"status": "PROPOSED"}):
        assert asked("inbox/", **none) == []
    assert asked("inbox/", status="DONE").status_code == 400
