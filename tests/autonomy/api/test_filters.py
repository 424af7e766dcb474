"""Lists are filtered by what their rows have; a filter that cannot be is refused."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from perception.rules.roles import Role
from tests.autonomy.conftest import Desk

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
