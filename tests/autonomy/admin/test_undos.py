"""U2, X4: acts are taken back from their pages, and doubts are asked about there."""

from typing import Any

import pytest
from django.test import Client

from autonomy.models import Effect, Execution, Sweep, Undo
from autonomy.perform import perform
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member
from tests.autonomy.admin.test_spine import doubted, text, told
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"


@pytest.fixture
def act(desk: Desk) -> Execution:
    intent = desk.propose("create_internal_note")
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent=intent)


def test_an_act_is_undone_from_its_page(
    desk: Desk, admin: Client, act: Execution
) -> None:
    """X4: the button, the question, the fact; afterwards there is no button any more."""
    page = f"{HERE}/execution/{act.id}/change/"
    assert "Undo …" in text(admin, page)
    assert "Undo this?" in text(admin, f"{HERE}/execution/{act.id}/undo/")
    said = told(admin, f"{HERE}/execution/{act.id}/undo/", {"reason": "Wrong."})
    assert "It was taken back." in said
    assert "Undo …" not in text(admin, page)
    with tenant_scope(desk.tenant):
        undo = Undo.objects.get()
        assert (undo.status, undo.reason) == ("DONE", "Wrong.")
        assert Effect.objects.get().undone_at is not None
    assert "put back and read again" in text(admin, f"{HERE}/undo/{undo.id}/change/")
    assert "Wrong." in text(admin, f"{HERE}/undo/")


def test_everything_since_is_asked_for_on_one_page(
    desk: Desk, admin: Client, act: Execution
) -> None:
    with tenant_scope(desk.tenant):
        since = f"{act.started_at:%Y-%m-%dT%H:%M}"
    given = {"since": since, "account": "", "reason": "A bad day."}
    assert "Take back since …" in text(admin, f"{HERE}/sweep/")
    said = told(admin, f"{HERE}/sweep/since/", given)
    assert "1 act is being taken back." in said
    with tenant_scope(desk.tenant):
        sweep = Sweep.objects.get()
    assert "1 requested" in text(admin, f"{HERE}/sweep/{sweep.id}/change/")
    with tenant_scope(desk.tenant):
        ahead = f"{clock():%Y}-12-31T23:59"
    late = told(admin, f"{HERE}/sweep/since/", {**given, "since": ahead})
    assert "Nothing can have been done since then." in late


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SELLER])
def test_who_may_not_undo_finds_no_way(desk: Desk, act: Execution, role: Role) -> None:
    """T2: auditors read, sellers have other pages."""
    client = member(desk.house, role)
    for path in (f"execution/{act.id}/undo/", "sweep/since/"):
        assert client.post(f"{HERE}/{path}", {"reason": "x"}).status_code in (302, 403)
    with tenant_scope(desk.tenant):
        assert not Undo.objects.exists()


def test_a_doubt_whose_tool_cannot_be_asked_offers_no_such_button(
    desk: Desk, admin: Client
) -> None:
    """X3: then a person says it."""
    act = doubted(desk)
    page: Any = text(admin, f"{HERE}/execution/{act.id}/change/")
    assert "It was done …" in page
    assert "Ask the tool" not in page
    said = told(admin, f"{HERE}/execution/{act.id}/lookup/")
    assert "cannot be asked" in said
