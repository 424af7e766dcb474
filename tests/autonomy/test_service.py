"""X6: every outside call is counted, once; alerts open once, close, and are stated."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import alerts, service
from autonomy.errors import NoSuchService
from autonomy.models import Objective, SloAlert, ToolMinute
from autonomy.perform import perform
from autonomy.rules.answers import Meaning, Said
from autonomy.rules.service import BUCKETS, About, Aim, bucket_of
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import system_scope, tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import Integrator, approved, bound, due, integrator
from tests.conftest import House
from tests.races import in_processes, in_threads

AT = datetime(2026, 11, 20, 12, 30, 20, tzinfo=UTC)
WELL = Said(meaning=Meaning.DONE, detail="", status=200)
BROKEN = Said(meaning=Meaning.AMBIGUOUS, detail="", status=500)
KINDS = ("service.alerted", "service.recovered")


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def called(
    tenant: UUID,
    count: int = 1,
    said: Said = WELL,
    *,
    took: float = 20.0,
    at: datetime = AT,
    tool: str = "hook",
) -> None:
    with tenant_scope(tenant):
        for _ in range(count):
            service.count(tool, said, took, at)


def minutes(tenant: UUID) -> list[ToolMinute]:
    with tenant_scope(tenant):
        return list(ToolMinute.objects.order_by("minute", "tool"))


def open_ones(tenant: UUID) -> list[SloAlert]:
    with tenant_scope(tenant):
        return service.open_alerts()


def stated(tenant: UUID) -> list[Any]:
    with tenant_scope(tenant):
        return list(Entry.objects.filter(kind__in=KINDS).order_by("number"))


def _count_many(tenant: UUID, each: int) -> None:
    for number in range(each):
        said = BROKEN if number % 5 == 0 else WELL
        called(tenant, 1, said, took=20.0 if number % 2 else 4000.0)


def test_every_call_outside_is_counted_as_it_went(
    desk: Desk, peer: Integrator, settings: Any
) -> None:
    """By the one that makes it: what was sent, once for each attempt."""
    bound(desk, peer.url)
    peer.says(500, (429, {"Retry-After": "1"}), 422, 200)
    intent = approved(desk)
    for expected in ("WAITS", "WAITS", "FAILED"):
        assert perform(intent, tenant=desk.tenant) == expected
        due(desk, intent)
    assert perform(approved(desk), tenant=desk.tenant) == "SUCCEEDED"
    # Of the house's own effects nothing is measured, and what was not let out is none.
    assert perform(approved(desk, "log_interaction"), tenant=desk.tenant) == "SUCCEEDED"
    settings.EGRESS_ALLOW = ()
    assert perform(approved(desk), tenant=desk.tenant) == "FAILED"
    rows = minutes(desk.tenant)
    assert {row.tool for row in rows} == {"hook"}
    assert (sum(row.calls for row in rows), sum(row.failed for row in rows)) == (4, 2)
    assert sum(sum(row.within) for row in rows) == 4
    assert len(peer.asked) == 4


def test_acts_that_end_at_once_are_all_counted(desk: Desk, peer: Integrator) -> None:
    """The row of the minute is the last lock that each of them takes."""
    bound(desk, peer.url)
    intents = [approved(desk) for _ in range(8)]
    ends = in_threads(8, lambda each: perform(intents[each], tenant=desk.tenant))
    assert ends == ["SUCCEEDED"] * 8
    rows = minutes(desk.tenant)
    assert (sum(row.calls for row in rows), sum(row.failed for row in rows)) == (8, 0)


def test_a_call_that_was_not_sent_is_not_counted(house: House) -> None:
    called(house.tenant, 1, Said(meaning=Meaning.WAIT, detail="", wait=0), took=0)
    called(house.tenant, 1, Said(meaning=Meaning.FORBIDDEN, detail=""))
    assert minutes(house.tenant) == []


@pytest.mark.parametrize("how", [in_threads, in_processes])
def test_eight_that_count_at_once_lose_nothing(
    house: House, how: Callable[..., Any]
) -> None:
    """One row for a tool and minute, whoever calls."""
    if how is in_threads:
        in_threads(8, lambda _: _count_many(house.tenant, 25))
    else:
        in_processes(8, _count_many, house.tenant, 25)
    (row,) = minutes(house.tenant)
    assert (row.calls, row.failed) == (200, 40)
    expected = [0] * BUCKETS
    expected[bucket_of(20.0)], expected[bucket_of(4000.0)] = 8 * 12, 8 * 13
    assert row.within == expected


def test_figures_of_three_windows(house: House, other: House) -> None:
    """Percentiles and burn, from the minutes that lie in each window."""
    called(house.tenant, 97, took=180.0)
    called(house.tenant, 3, BROKEN, took=900.0, at=AT - timedelta(minutes=20))
    called(house.tenant, 100, took=50.0, at=AT - timedelta(hours=5))
    called(house.tenant, 5, took=50.0, at=AT - timedelta(hours=30))
    called(house.tenant, 7, took=50.0, tool="mail.send")
    called(other.tenant, 50, BROKEN)
    with tenant_scope(house.tenant):
        found = service.figures(now=AT)
        assert service.figures("hook", now=AT) == {"hook": found["hook"]}
        hours = service.hours(now=AT)
    short, long, day = (found["hook"][name] for name in ("5m", "1h", "24h"))
    assert (short.calls, long.calls, day.calls) == (97, 100, 200)
    assert (short.failed, long.failed, day.failed) == (0, 3, 3)
    assert (short.p50_ms, short.p99_ms, long.p99_ms, day.p50_ms) == (200, 200, 1000, 50)
    assert long.error_share == 0.03
    assert long.burn == {About.LATENCY: 0.0, About.SUCCESS: 3.0}
    assert found["mail.send"]["5m"].calls == 7
    assert sum(calls for calls, _ in hours["hook"]) == 200
    assert hours["hook"][-1] == (100, 3)


def test_an_alert_opens_closes_and_both_are_stated(house: House) -> None:
    """With what was seen, and against which objective."""
    called(house.tenant, 10)
    alerts.watch(now=AT)
    assert open_ones(house.tenant) == []
    called(house.tenant, 10, BROKEN)
    alerts.watch(now=AT)
    (row,) = open_ones(house.tenant)
    assert (row.tool, row.about, row.burn_short) == ("hook", "success", 50.0)
    assert row.tell_at == row.opened_at == AT
    # It stays the same one, however often it is looked at.
    for seconds in (30, 60):
        alerts.watch(now=AT + timedelta(seconds=seconds))
    later = AT + timedelta(minutes=10)
    alerts.watch(now=later)
    assert len(open_ones(house.tenant)) == 1
    called(house.tenant, 1, at=later)
    alerts.watch(now=later)
    assert open_ones(house.tenant) == []
    opened, closed = stated(house.tenant)
    assert [opened.kind, closed.kind] == list(KINDS)
    assert opened.data["short"] == {"calls": 20, "bad": 10, "burn": 50.0}
    assert opened.data["objective"]["success_percent"] == 99.0
    assert opened.subjects == closed.subjects == {"alert": str(row.id)}
    assert closed.data["opened_at"] == AT.isoformat()
    # The next time is another one.
    called(house.tenant, 20, BROKEN, at=later)
    alerts.watch(now=later)
    assert open_ones(house.tenant)[0].id != row.id


def test_an_alert_of_a_silent_tool_closes_in_the_end(house: House) -> None:
    called(house.tenant, 20, BROKEN)
    alerts.watch(now=AT)
    alerts.watch(now=AT + timedelta(minutes=59))
    assert len(open_ones(house.tenant)) == 1
    alerts.watch(now=AT + timedelta(minutes=62))
    assert open_ones(house.tenant) == []


def test_ticks_side_by_side_open_and_close_it_once(house: House) -> None:
    """An alert, and its fact, once; whoever looks at it at the same time."""
    called(house.tenant, 20, BROKEN)
    in_threads(4, lambda _: alerts.watch(now=AT))
    assert len(open_ones(house.tenant)) == 1
    later = AT + timedelta(minutes=10)
    called(house.tenant, 1, at=later)
    in_threads(4, lambda _: alerts.watch(now=later))
    assert [entry.kind for entry in stated(house.tenant)] == list(KINDS)


def test_one_tenants_fault_does_not_keep_the_others_from_being_looked_at(
    house: House, other: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant in (house.tenant, other.tenant):
        called(tenant, 20, BROKEN)
    first = min(house.tenant, other.tenant)
    made = alerts._watched

    def breaks(tenant: UUID, now: datetime) -> int:
        if tenant == first:
            raise KeyError("a bug")
        return made(tenant, now)

    monkeypatch.setattr(alerts, "_watched", breaks)
    with pytest.raises(KeyError):
        alerts.watch(now=AT)
    assert open_ones(first) == []
    assert len(open_ones(max(house.tenant, other.tenant))) == 1


def test_an_objective_is_set_stated_and_held_against(house: House) -> None:
    """Where none was set, the shipped one holds; off, no alert opens."""
    by = house.caller(Role.ADMIN)
    with tenant_scope(house.tenant):
        assert service.objective("mail.send") == Aim()
        with pytest.raises(NoSuchService):
            service.change_objective("nobody", {}, by=by, now=AT)
        given = {"latency_ms": 100, "is_active": False}
        service.change_objective("mail.send", given, by=by, now=AT)
        service.change_objective("mail.send", given, by=by, now=AT)
    called(house.tenant, 20, took=180.0, tool="mail.send")
    alerts.watch(now=AT)
    assert open_ones(house.tenant) == []
    with tenant_scope(house.tenant):
        service.change_objective("mail.send", {"is_active": True}, by=by, now=AT)
    alerts.watch(now=AT)
    assert [row.about for row in open_ones(house.tenant)] == ["latency"]
    with tenant_scope(house.tenant):
        service.change_objective("mail.send", {"is_active": False}, by=by, now=AT)
        assert Objective.objects.count() == 1
        entries = Entry.objects.filter(data__setting="objective").order_by("number")
        assert [each.data["after"]["is_active"] for each in entries] == [
            False, True, False,
        ]  # fmt: skip
        assert entries[0].data["before"]["latency_ms"] == Aim().latency_ms
    alerts.watch(now=AT)
    assert open_ones(house.tenant) == []


def test_what_is_old_is_forgotten(house: House) -> None:
    called(house.tenant, at=AT)
    called(house.tenant, at=AT - timedelta(days=36))
    assert service.forget(now=AT) >= 1
    assert [row.minute for row in minutes(house.tenant)] == [service.minute_of(AT)]


def test_the_figures_of_the_house_name_no_tenant(house: House, db: None) -> None:
    """By family: integrators' tools are one, as their keys may be names."""
    with system_scope("test"):
        now = clock()
    before = service.served(now=now)
    called(house.tenant, 3, BROKEN, at=now, tool="acme-billing")
    called(house.tenant, 2, at=now, tool="mail.send")
    after = service.served(now=now)
    assert "acme-billing" not in str(after)
    for family, calls, failed in (("own", 3, 3), ("mail", 2, 0)):
        tally = after.families[family]
        was = before.families.get(family)
        assert tally.calls - (was.calls if was else 0) == calls
        assert tally.failed - (was.failed if was else 0) == failed
