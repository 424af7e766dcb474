"""An act is gone through again on its page: dry, then for good (X5)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from autonomy.models import Execution, Replay
from autonomy.perform import perform
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member
from tests.autonomy.conftest import Desk
from tests.autonomy.replays import failed, row_of
from tests.autonomy.tools.peer import Integrator, bound, integrator

HERE = "/admin/autonomy"
WHY = {"reason": "Their server is back."}


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def told(client: Client, path: str) -> str:
    answer = client.post(path, WHY, follow=True)
    assert answer.status_code == 200, path
    return " ".join(answer.content.decode().split())


def test_dry_and_then_for_good(desk: Desk, peer: Integrator, admin: Client) -> None:
    """X5: what a dry run found is a table, and has the button."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    desk.mode("APPROVAL")
    with tenant_scope(desk.tenant):
        act = Execution.objects.get()
    page = f"{HERE}/execution/{act.pk}"
    assert f"{page}/replay/" in admin.get(f"{page}/change/").content.decode()
    assert "holds no secrets" in admin.get(f"{page}/replay/").content.decode()
    shown = told(admin, f"{page}/replay/")
    assert "nothing was done" in shown
    assert re.search(r"verdict: decision</th><td>AUTO_EXECUTE</td>", shown)
    assert f"<code>{intent}</code>" in shown
    assert "It may be gone through for good." in shown
    with tenant_scope(desk.tenant):
        dry = Replay.objects.get()
    assert row_of(desk, intent).status == "FAILED"
    page = f"{HERE}/replay/{dry.pk}"
    assert WHY["reason"] in admin.get(f"{page}/commit/").content.decode()
    assert "It is on its way again." in told(admin, f"{page}/commit/")
    assert row_of(desk, intent).status == "AWAITING_APPROVAL"
    assert "is on its way" in told(admin, f"{page}/commit/")
    with tenant_scope(desk.tenant):
        assert Replay.objects.filter(commit=True).count() == 1
    listed = admin.get(f"{HERE}/replay/").content.decode()
    assert "for good" in listed


def test_what_may_not_be_done_has_no_button(desk: Desk, admin: Client) -> None:
    intent = desk.propose().id
    perform(intent, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        act = Execution.objects.get()
    shown = told(admin, f"{HERE}/execution/{act.pk}/replay/")
    assert "never does anything twice" in shown
    with tenant_scope(desk.tenant):
        dry = Replay.objects.get()
    assert f"{dry.pk}/commit/" not in shown
    assert "second time" in told(admin, f"{HERE}/replay/{dry.pk}/commit/")
    with tenant_scope(desk.tenant):
        assert Replay.objects.count() == 1


@pytest.mark.parametrize("role", [Role.APPROVER, Role.AUDITOR, Role.SELLER])
def test_only_admins_may(desk: Desk, role: Role) -> None:
    intent = desk.propose().id
    perform(intent, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        act = Execution.objects.get()
    client = member(desk.house, role)
    path = f"{HERE}/execution/{act.pk}"
    assert client.post(f"{path}/replay/", WHY).status_code == 403
    assert f"{path}/replay/" not in client.get(f"{path}/change/").content.decode()
    with tenant_scope(desk.tenant):
        assert Replay.objects.count() == 0
