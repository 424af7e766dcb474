"""Runs, approvals and doubts on their pages: what is read there, done, and refused."""

import json
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autonomy import decisions
from autonomy.execute import start
from autonomy.models import Approval, Execution, Intent, Run
from autonomy.settle import finish
from autonomy.tools.base import End
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.members import person_acting
from perception.models import Signal
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member, parked, stated
from tests.autonomy.conftest import Desk

HERE = "/admin/autonomy"
PARKED = f"{HERE}/run/?status__exact=PARKED"


def asked(desk: Desk, **more: Any) -> Approval:
    """A question about an e-mail."""
    intent = desk.propose("send_email", **more)
    with tenant_scope(desk.tenant):
        return Approval.objects.select_related("intent", "verdict").get(intent=intent)


def approval(desk: Desk, pk: UUID) -> Approval:
    with tenant_scope(desk.tenant):
        return Approval.objects.select_related("intent", "decided_by").get(pk=pk)


def doubted(desk: Desk) -> Execution:
    """An act of which nobody knows whether it was done."""
    (id_,) = desk.approved(1)
    with tenant_scope(desk.tenant):
        start(id_)
        act = Execution.objects.select_related("intent").get(intent_id=id_)
        end = End(
            status=Execution.Status.IN_DOUBT, outcome={}, error="It did not answer."
        )
        assert finish(act, end, fence=act.intent.fence, at=timezone.now())
    return act


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return unescape(answer.content.decode())


def told(client: Client, path: str, given: dict[str, Any] | None = None) -> str:
    """What a post leads to, with what is said there."""
    answer = client.post(path, given or {}, follow=True)
    assert answer.status_code == 200, path
    return unescape(answer.content.decode())


def test_a_runs_page_tells_the_walk(desk: Desk, admin: Client) -> None:
    """U2: signal, trigger, gate, decision, intents and executions on one page."""
    with tenant_scope(desk.tenant):
        by, now = person_acting(desk.admin), timezone.now()
        given = {
            "account": str(desk.account.id),
            "type": "buying_signal",
            "payload": {"pages": 7},
        }
        receive([given], by=by, now=now)
        signal = Signal.objects.get()
    run = parked(desk, status="DONE", stage="APPROVE", signal_id=signal.id, error="")
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(run_id=run.id)
        start(intent.id)
    page = text(admin, f"{HERE}/run/{run.id}/change/")
    for words in (
        "Signal arrived", "buying signal", "pages", "fired", "let through",
        "Worth a decision now.", "Create internal note", "runs alone", "Let by policy",
    ):  # fmt: skip
        assert words in page, words
    assert "Send it on again" not in page


def test_a_run_that_has_only_begun_says_what_will_stand_there(
    desk: Desk, admin: Client
) -> None:
    run = parked(
        desk, status="RECEIVED", stage="TRIGGER", gate_result="", gate_reason="",
        gate_explanation="", error="",
    )  # fmt: skip
    page = text(admin, f"{HERE}/run/{run.id}/change/")
    assert page.count("It has not come this far.") == 3
    held = parked(
        desk, status="SKIPPED", stage="TRIGGER", gate_result="",
        gate_reason="DEBOUNCED", gate_explanation="It fired a moment ago.", error="",
    )  # fmt: skip
    page = text(admin, f"{HERE}/run/{held.id}/change/")
    assert "held back" in page
    assert "It fired a moment ago." in page


def test_parked_work_is_shown_with_its_error_and_sent_on(
    desk: Desk, admin: Client
) -> None:
    """S5: PARKED with its error, shown, retried by one click."""
    one, two = parked(desk), parked(desk, stage="GATE")
    done = parked(desk, status="DONE", error="")
    page = text(admin, PARKED)
    assert page.count("The synthesizer was cut off.") == 2
    page = text(admin, f"{HERE}/run/{one.id}/change/")
    assert "Parked at decide" in page
    page = told(admin, f"{HERE}/run/{one.id}/retry/")
    assert "It is on its way again, from decide." in page
    page = told(admin, f"{HERE}/run/{one.id}/retry/")
    assert "Only parked runs are sent on their way again." in page
    chosen = {"action": "retry_chosen", "_selected_action": [two.id, done.id]}
    page = told(admin, f"{HERE}/run/", chosen)
    assert "On their way again: 1." in page
    assert "Not parked, so left as they are: 1." in page
    with tenant_scope(desk.tenant):
        found = dict(Run.objects.values_list("id", "status"))
    assert found == {one.id: "TRIGGERED", two.id: "TRIGGERED", done.id: "DONE"}
    retried = stated(desk.house, Kind.RUN_RETRIED)
    assert [entry.subjects["run"] for entry in retried] == [str(one.id), str(two.id)]


def test_an_auditor_sends_nothing_on(desk: Desk) -> None:
    run = parked(desk)
    client = member(desk.house, Role.AUDITOR)
    assert "Send it on again" not in text(client, f"{HERE}/run/{run.id}/change/")
    assert client.post(f"{HERE}/run/{run.id}/retry/").status_code == 403
    chosen = {"action": "retry_chosen", "_selected_action": [run.id]}
    client.post(f"{HERE}/run/", chosen)
    with tenant_scope(desk.tenant):
        assert Run.objects.get().status == "PARKED"
    assert stated(desk.house, Kind.RUN_RETRIED) == []


def test_an_approver_reads_what_is_asked_and_says_yes(desk: Desk) -> None:
    """H1: exactly what was shown, once."""
    row = asked(desk)
    client = member(desk.house, Role.APPROVER)
    page = text(client, f"{HERE}/approval/{row.id}/change/")
    assert "What would be done" in page
    assert row.verdict.explanation in page
    assert "left" in page
    path = f"{HERE}/approval/{row.id}/approve/"
    stale = told(client, path, {"payload_hash": "sha256:other"})
    assert "What was asked about has changed since" in stale
    assert approval(desk, row.id).status == "PENDING"
    page = told(client, path, {"payload_hash": row.payload_hash})
    assert "Approved: it starts as soon as it may." in page
    decided = approval(desk, row.id)
    assert decided.decided_by == desk.house.members[Role.APPROVER]
    assert decided.intent.status == "APPROVED"
    assert len(stated(desk.house, Kind.APPROVAL_APPROVED)) == 1


def test_who_comes_second_reads_who_was_first(desk: Desk, admin: Client) -> None:
    """H1: the first decision counts; everybody else gets a clear answer."""
    row = asked(desk)
    with tenant_scope(desk.tenant):
        decisions.approve(row.id, by=desk.house.caller(Role.APPROVER))
    given = {"cause": "idea", "note": ""}
    page = told(admin, f"{HERE}/approval/{row.id}/reject/", given)
    assert f"Approver of {desk.house.slug} approved it at" in page
    assert "The first decision counts." in page
    assert approval(desk, row.id).status == "APPROVED"
    assert stated(desk.house, Kind.APPROVAL_REJECTED) == []


def test_no_needs_a_cause_and_is_kept_with_it(desk: Desk, admin: Client) -> None:
    row = asked(desk)
    path = f"{HERE}/approval/{row.id}/reject/"
    assert "This field is required." in told(admin, path, {"note": "No."})
    assert approval(desk, row.id).status == "PENDING"
    page = told(admin, path, {"cause": "timing", "note": "After the fair."})
    assert "Rejected by" in page
    assert "After the fair." in page
    found = approval(desk, row.id)
    assert (found.status, found.cause, found.note) == (
        "REJECTED",
        "timing",
        "After the fair.",
    )


def test_an_edit_is_judged_again_and_asked_anew(desk: Desk, admin: Client) -> None:
    """H1: the edit is judged by the policy again and bound anew; the diff is kept."""
    row = asked(desk)
    path = f"{HERE}/approval/{row.id}/edit/"
    assert "Write an object" in told(admin, path, {"parameters": "[1]"})
    refused = told(admin, path, {"parameters": '{"nothing": 1}'})
    assert "The parameters do not fit" in refused
    assert approval(desk, row.id).status == "PENDING"
    wanted = {**row.intent.parameters, "subject": "About your visit"}
    page = told(admin, path, {"parameters": json.dumps(wanted)})
    assert "Changed, and judged again." in page
    assert "About your visit" in page
    assert approval(desk, row.id).status == "WITHDRAWN"
    with tenant_scope(desk.tenant):
        newer = Approval.objects.get(intent_id=row.intent_id, status="PENDING")
        assert newer.intent.parameters == wanted


def test_a_decision_is_put_off_but_not_past_its_end(desk: Desk, admin: Client) -> None:
    row = asked(desk)
    path = f"{HERE}/approval/{row.id}/snooze/"
    page = told(admin, path, {"hours": "48"})
    assert "A decision can be put off into the future" in page
    assert approval(desk, row.id).snoozed_until is None
    assert "Put off until" in told(admin, path, {"hours": "4"})
    assert approval(desk, row.id).snoozed_until is not None


@pytest.mark.parametrize(
    ("door", "ends"), [("done", "SUCCEEDED"), ("undone", "FAILED")]
)
def test_a_person_ends_a_doubt_once(desk: Desk, door: str, ends: str) -> None:
    """X3: where nobody can tell, a person does."""
    act = doubted(desk)
    client = member(desk.house, Role.APPROVER)
    page = text(client, f"{HERE}/execution/{act.id}/change/")
    assert "It was done …" in page
    assert "It did not answer." in page
    path = f"{HERE}/execution/{act.id}/{door}/"
    page = told(client, path, {"note": "I called them."})
    assert f"The doubt is over: it {ends.lower()}." in page
    page = told(client, path, {"note": "Again."})
    assert "Nothing about this execution is in doubt any more." in page
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=act.id).status == ends
    (entry,) = stated(desk.house, Kind.EXECUTION_SETTLED)
    assert entry.data["note"] == "I called them."


def test_an_auditor_decides_nothing(desk: Desk) -> None:
    row, act = asked(desk), doubted(desk)
    client = member(desk.house, Role.AUDITOR)
    for path in (f"approval/{row.id}", f"execution/{act.id}"):
        page = text(client, f"{HERE}/{path}/change/")
        assert 'class="gv-button' not in page
    for door in ("approve", "reject", "edit", "snooze"):
        answer = client.post(f"{HERE}/approval/{row.id}/{door}/", {"cause": "idea"})
        assert answer.status_code == 403
    assert client.post(f"{HERE}/execution/{act.id}/done/").status_code == 403
    assert approval(desk, row.id).status == "PENDING"
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=act.id).status == "IN_DOUBT"


def test_a_runs_page_costs_the_same_however_much_came_of_it(
    desk: Desk, admin: Client
) -> None:
    run = parked(desk, status="DONE", error="")
    costs = []
    for _ in range(2):
        intents = [desk.propose().id, desk.propose("send_email").id]
        with tenant_scope(desk.tenant):
            Intent.objects.filter(pk__in=intents).update(run_id=run.id)
        with CaptureQueriesContext(connection) as queries:
            text(admin, f"{HERE}/run/{run.id}/change/")
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 24
