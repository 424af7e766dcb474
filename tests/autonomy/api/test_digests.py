"""O3: digests by the API and on their page: one's own alone; read, undone, receipted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from autonomy import digests
from autonomy.models import Digest, Execution
from autonomy.pipeline import act
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import PASSWORD


@pytest.fixture
def told(make_desk: Callable[..., Desk]) -> Desk:
    """A seller's digest of a note that autopilot wrote and a mail that waits."""
    desk = make_desk()
    note = desk.propose()
    desk.propose("send_follow_up_email")
    act(note.id, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        begun = clock() - timedelta(days=9)
        Tenant.objects.filter(pk=desk.tenant).update(created_at=begun)
    assert digests.write_due(now=clock(), tenant=desk.tenant).count == 1
    return desk


def page_of(desk: Desk, role: Role) -> Client:
    client = Client()
    email = f"{role.lower()}@{desk.house.slug}.example"
    answer = client.post("/login/", {"login": email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def row(desk: Desk) -> Digest:
    with tenant_scope(desk.tenant):
        return Digest.objects.get()


def test_everybody_reads_their_own_digests_alone(told: Desk) -> None:
    seller = told.house.client(Role.SELLER)
    (listed,) = seller.send("GET", "digests/").json()["results"]
    assert (listed["status"], listed["way"]) == ("DELIVERED", "app")
    assert [listed["body"][name]["count"] for name in ("did", "waits", "held")] == [
        1,
        1,
        1,
    ]
    (did,) = listed["body"]["did"]["items"]
    assert (did["status"], did["can_undo"], did["name"]) == ("SUCCEEDED", True, "Acme")
    path = f"digests/{listed['id']}/"
    assert seller.send("GET", path).json() == listed
    admin = told.house.client(Role.ADMIN)
    assert admin.send("GET", "digests/").json()["results"] == []
    assert admin.send("GET", path).status_code == 404
    assert admin.send("POST", f"{path}seen/").status_code == 404
    assert row(told).seen_at is None
    seen = seller.send("POST", f"{path}seen/")
    assert (seen.status_code, seen.json()["seen_at"] is not None) == (200, True)


def test_the_page_tells_the_day_and_undoes_from_there(told: Desk) -> None:
    """O3, X4: the button goes through the verb; afterwards the page says how it stands."""
    client = page_of(told, Role.SELLER)
    shown = client.get("/digest/").content.decode()
    assert "1 run by autopilot, 1 waiting for you, 1 held back" in shown
    assert "Acme" in shown
    with tenant_scope(told.tenant):
        done = Execution.objects.get()
    url = f"/digest/undo/{done.pk}/"
    assert f'action="{url}"' in shown
    assert client.get(url).status_code == 302
    answer = client.post(url, {"next": row(told).day.isoformat(), "reason": "Wrong."})
    assert answer.headers["Location"].startswith("/digest/?day=")
    with tenant_scope(told.tenant):
        assert Execution.objects.get().status == "UNDONE"
    after = client.get("/digest/").content.decode()
    assert "It was taken back already." in after
    assert f'action="{url}"' not in after
    again = client.post(url, follow=True).content.decode()
    assert "It was taken back already." in again


def test_the_page_says_what_did_not_arrive(told: Desk) -> None:
    """A8: why, and what its reader can do; nobody else can do it for them."""
    found = row(told)
    with tenant_scope(told.tenant):
        Digest.objects.update(delivered_at=None, way="", error="No (550).")
    client = page_of(told, Role.SELLER)
    shown = client.get("/digest/").content.decode()
    assert "did not reach you" in shown
    assert "No (550)." in shown
    other = page_of(told, Role.APPROVER)
    assert "No digest yet" in other.get("/digest/").content.decode()
    assert other.post(f"/digest/{found.pk}/seen/").status_code == 302
    assert row(told).delivered_at is None
    assert client.post(f"/digest/{found.pk}/seen/").status_code == 302
    assert row(told).way == "app"
    assert "did not reach you" not in client.get("/digest/").content.decode()


def test_days_that_there_are_not_show_the_newest(told: Desk) -> None:
    client = page_of(told, Role.SELLER)
    newest = client.get("/digest/").content
    shown: Any = [client.get(f"/digest/?day={day}") for day in ("1999-01-01", "x", "")]
    assert [each.status_code for each in shown] == [200] * 3
    assert all(len(each.content) == len(newest) for each in shown)
