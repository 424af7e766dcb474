"""What a kill switch can name: types of plans, and connectors by their ids (A1)."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from autonomy.admin.switch_forms import StopForm as InAdmin
from autonomy.execute import start
from autonomy.models import Board, Execution
from autonomy.rules.switches import Act, Scope, covering
from autonomy.switchboard import Wanted, names, target_of
from autonomy.views.stop_form import StopForm as OnPages
from ledger.scope import tenant_scope
from perception.models import Connector
from perception.rules.roles import Role
from tests.autonomy.api.doors import problem
from tests.autonomy.api.test_switches import engage, switches, verdict
from tests.autonomy.conftest import Desk
from tests.autonomy.steps import let_run, step_of, submitted
from tests.conftest import NOW, House


@pytest.mark.parametrize("key", settings.PLAN_TYPES)
def test_every_type_of_plan_can_be_stopped(desk: Desk, key: str) -> None:
    """A1: what is proposed for a step of one, and nothing else."""
    assert engage(desk, "plan_type", f" {key.lower()} ").json()["target"] == key
    let_run(desk)
    for named, is_stopped in ((key, True), ("ANOTHER", False)):
        made = submitted(desk, replace(step_of(), plan_type=named))
        assert (made.status == "BLOCKED") is is_stopped
    assert verdict(desk) == ("ALLOWED", "APPROVED")


@pytest.mark.parametrize("form", [OnPages, InAdmin])
def test_whatever_a_form_offers_can_be_stopped(
    desk: Desk, form: type[OnPages] | type[InAdmin]
) -> None:
    """A1: and the other way round, whatever is known by a name is offered."""
    with tenant_scope(desk.tenant):
        shown: Any = form().fields
        for scope in (Scope.TOOL, Scope.CONNECTOR, Scope.PLAN_TYPE):
            offered = [key for key, _ in shown[scope.value].choices if key]
            assert sorted(offered) == names(scope)
            for key in offered:
                wanted = Wanted(scope=scope, target=key, reason="x")
                assert target_of(wanted) == key
    assert names(Scope.PLAN_TYPE) == sorted(settings.PLAN_TYPES)


def connector(house: House, kind: str, acts_as: str) -> str:
    with tenant_scope(house.tenant):
        made = Connector.objects.create(
            tenant_id=house.tenant, kind=kind, name=f"Our {kind}", acts_as=acts_as
        )
    return str(made.id)


@pytest.mark.parametrize(
    ("kind", "acts_as", "stopped", "free"),
    [
        ("hubspot", "crm", ["crm.note", "crm.stage"], ["mail.send"]),
        ("smtp", "mail.send", ["mail.send"], ["mail.draft", "crm.note"]),
        ("mailbox", "mail.draft", ["mail.draft"], ["mail.send", "crm.note"]),
        ("calendar", "calendar", ["calendar.meeting"], ["mail.send"]),
        ("chat", "chat", ["chat.send"], ["mail.send"]),
        ("outbound", "webhook", ["webhook.send"], ["mail.send"]),
    ],
)
def test_a_connector_is_stopped_by_its_id(
    desk: Desk, kind: str, acts_as: str, stopped: list[str], free: list[str]
) -> None:
    """A1: whatever tools do through it, and nothing that goes another way."""
    made = engage(desk, "connector", connector(desk.house, kind, acts_as).upper())
    assert (made.status_code, made.json()["target"]) == (201, acts_as)
    with tenant_scope(desk.tenant):
        board = Board.objects.get().switches
    for tools, is_stopped in ((stopped, True), (free, False)):
        for tool in tools:
            act = Act(account="", seller="", action_type="", tool=tool, plan_type="")
            assert bool(covering(board, act, now=NOW)) is is_stopped, tool


def test_the_certificate_counts_what_went_through_the_connector(desk: Desk) -> None:
    """A1: neither a tool whose name only begins alike nor one beside it."""
    tools = ("mail.send", "mail.sender", "mail.draft", "mail.send.now")
    before = desk.approved(len(tools))
    with tenant_scope(desk.tenant):
        for intent, tool in zip(before, tools, strict=True):
            assert start(intent).execution
            Execution.objects.filter(intent=intent).update(tool=tool)
    switch = engage(desk, "connector", connector(desk.house, "smtp", "mail.send"))
    path = f"kill-switches/{switch.json()['id']}/certificate/"
    shown = desk.house.client(Role.AUDITOR).send("GET", path).json()
    assert shown["acts_before"] == 2


def test_a_connector_that_nothing_acts_through_cannot_be_stopped(
    desk: Desk, other: House
) -> None:
    """A1, T1: it would stop nothing; another tenant's is not there."""
    said = []
    for id_ in (
        connector(desk.house, "feed", ""),
        connector(desk.house, "tryton", ""),
        connector(other, "tryton", "crm"),
        str(uuid4()),
    ):
        refused = engage(desk, "connector", id_)
        assert problem(refused) == (404, "NO_SUCH_SCOPE")
        said.append(refused.json()["detail"].replace(id_, "…"))
    assert said[2] == said[3]
    assert switches(desk.house) == 0
