"""X6: service/, tools/{key}/service/ and alerts/, and the figures for /metrics."""

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autonomy import alerts, service
from autonomy.models import Objective, SloAlert
from autonomy.rules.answers import Meaning, Said
from config.figures import House as Gauges
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.conftest import House
from tests.races import in_threads

WELL = Said(meaning=Meaning.DONE, detail="", status=200)
BROKEN = Said(meaning=Meaning.AMBIGUOUS, detail="", status=500)
MAIL = "tools/mail.send/service/"


def called(house: House, count: int, said: Said, tool: str = "mail.send") -> datetime:
    now = timezone.now()
    with tenant_scope(house.tenant):
        for _ in range(count):
            service.count(tool, said, 180.0, now)
    return now


def read(house: House, path: str = MAIL, role: Role = Role.ADMIN) -> Any:
    return house.client(role).send("GET", path)


def test_figures_objective_and_alerts_of_a_tool(house: House, other: House) -> None:
    now = called(house, 20, BROKEN)
    called(other, 5, WELL)
    alerts.watch(now=now)
    answer = read(house, role=Role.AUDITOR)
    assert answer.status_code == 200
    said = answer.json()
    assert said["objective"] == {
        "latency_ms": 5000, "latency_percent": 99.0, "success_percent": 99.0,
        "is_active": True,
    }  # fmt: skip
    window = said["windows"]["5m"]
    assert (window["calls"], window["failed"], window["error_share"]) == (20, 20, 1)
    assert (window["p50_ms"], window["p99_ms"]) == (200, 200)
    assert window["burn"] == {"latency": 0, "success": 100}
    assert set(said["windows"]) == {"5m", "1h", "24h"}
    (alert,) = said["alerts"]
    assert (alert["about"], alert["closed_at"]) == ("success", None)
    listed = read(house, "service/").json()["results"]
    assert said in listed
    quiet = next(each for each in listed if each["tool"] == "mail.draft")
    assert quiet["windows"]["24h"]["p95_ms"] is None
    assert read(other).json()["alerts"] == []
    assert read(other).json()["windows"]["5m"]["calls"] == 5


def test_what_nobody_knows_is_not_there(house: House) -> None:
    assert read(house, "tools/nobody/service/").status_code == 404
    # The house's own effects are no calls.
    assert read(house, "tools/internal.note/service/").status_code == 404
    answer = house.client(Role.ADMIN).send(
        "PATCH", "tools/nobody/service/", {"latency_ms": 10}, If_Match="*"
    )
    assert answer.status_code == 404


def test_an_objective_is_changed_with_its_etag(house: House) -> None:
    """CONTRACT: 428 without it, 412 where it is stale; and nothing happens then."""
    client, tag = house.client(Role.ADMIN), read(house).headers["ETag"]
    assert client.send("PATCH", MAIL, {"latency_ms": 800}).status_code == 428
    called(house, 1, WELL)
    # A call that is counted makes nobody's view stale.
    changed = client.send("PATCH", MAIL, {"latency_ms": 800}, If_Match=tag)
    assert changed.status_code == 200
    assert changed.json()["objective"]["latency_ms"] == 800
    assert changed.json()["held_to_ms"] == 1000
    stale = client.send("PATCH", MAIL, {"latency_ms": 900}, If_Match=tag)
    assert stale.status_code == 412
    whole = {
        "latency_ms": 1000, "latency_percent": 95, "success_percent": 99.9,
        "is_active": False,
    }  # fmt: skip
    again = changed.headers["ETag"]
    assert client.send("PUT", MAIL, {}, If_Match=again).status_code == 400
    assert client.send("PUT", MAIL, whole, If_Match=again).status_code == 200
    assert read(house).json()["objective"] == whole
    with tenant_scope(house.tenant):
        stated = Entry.objects.filter(data__setting="objective").order_by("number")
        assert [each.data["after"]["latency_ms"] for each in stated] == [800, 1000]


@pytest.mark.parametrize(
    "given",
    [
        {"latency_ms": 0},
        {"latency_ms": 120_001},
        {"latency_percent": 100},
        {"success_percent": 10},
        {"tool": "mail.draft"},
    ],
)
def test_what_makes_no_sense_is_refused(house: House, given: dict[str, Any]) -> None:
    client = house.client(Role.ADMIN)
    assert client.send("PATCH", MAIL, given, If_Match="*").status_code == 400
    with tenant_scope(house.tenant):
        assert not Objective.objects.exists()


def test_of_two_who_change_it_at_once_one_reads_again(house: House) -> None:
    tag = read(house).headers["ETag"]

    def change(number: int) -> int:
        client = house.client(Role.ADMIN)
        given = {"latency_ms": 100 + number}
        status: int = client.send("PATCH", MAIL, given, If_Match=tag).status_code
        return status

    assert sorted(in_threads(3, change)) == [200, 412, 412]


@pytest.mark.parametrize("role", [Role.SELLER, Role.APPROVER, Role.INTEGRATION])
def test_others_see_and_change_nothing(house: House, role: Role) -> None:
    for path in ("service/", MAIL, "alerts/"):
        assert read(house, path, role).status_code == 403
    client = house.client(role)
    given = {"latency_ms": 10}
    assert client.send("PATCH", MAIL, given, If_Match="*").status_code == 403
    auditor = house.client(Role.AUDITOR)
    assert auditor.send("PATCH", MAIL, given, If_Match="*").status_code == 403
    with tenant_scope(house.tenant):
        assert not Objective.objects.exists()


def test_alerts_are_listed_and_narrowed(house: House, other: House) -> None:
    assert read(house, "alerts/").json()["results"] == []
    called(house, 20, BROKEN, "mail.send")
    now = called(house, 20, BROKEN, "hook")
    called(other, 20, BROKEN)
    alerts.watch(now=now)
    with tenant_scope(house.tenant):
        SloAlert.objects.filter(tool="hook").update(closed_at=now)
    found = read(house, "alerts/?limit=1").json()
    assert len(found["results"]) == 1
    assert found["next"]
    for query, expected in (
        ("", {"mail.send", "hook"}),
        ("tool=hook", {"hook"}),
        ("is_open=true", {"mail.send"}),
        ("is_open=false", {"hook"}),
        ("about=latency", set()),
        ("created_before=2020-01-01T00:00:00Z", set()),
    ):
        rows = read(house, f"alerts/?{query}").json()["results"]
        assert {row["tool"] for row in rows} == expected, query


def test_metrics_show_families_and_no_names(house: House) -> None:
    """Labels never name a tenant, nor what it calls its tools; queries stay so many."""
    called(house, 3, WELL)
    with CaptureQueriesContext(connection) as few:
        list(Gauges().collect())
    called(house, 4, BROKEN, "acme-billing")
    for number in range(5):
        called(house, 1, WELL, f"acme-{number}")
    with CaptureQueriesContext(connection) as many:
        list(Gauges().collect())
    assert len(few) == len(many)
    shown = Client().get("/metrics").content.decode()
    assert "acme" not in shown
    assert str(house.tenant) not in shown
    for line in (
        'autonomy_tool_calls{family="mail"}',
        'autonomy_tool_failures{family="own"}',
        'autonomy_tool_latency_calls{family="own",le="0.2"}',
        'autonomy_tool_latency_calls{family="own",le="+Inf"}',
        "autonomy_tool_alerts ",
    ):
        assert line in shown
