"""What to do next, what ran by itself, what waits (U1, H3, X7), and for whom."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy import decisions, feed
from autonomy.api.feed import ItemOut
from autonomy.execute import start
from autonomy.lists import Lean
from autonomy.models import Approval, Execution, Intent, Run
from ledger.scope import tenant_scope
from perception import tenants
from perception.accounts import add_account
from perception.models import Account, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk, swept
from tests.conftest import NOW


def now() -> datetime:
    return datetime.now(UTC)


def shown(rows: Any, caller: Caller) -> list[feed.Item]:
    return [feed.item(row, caller) for row in rows[:50]]


def next_of(desk: Desk, role: Role, *, at: datetime | None = None) -> list[feed.Item]:
    caller = desk.house.caller(role)
    with tenant_scope(desk.tenant):
        found: Any = feed.next_for(caller, now=at or now())
        return shown(found.order_by("-score", "-id"), caller)


def autopilot_of(desk: Desk, role: Role) -> list[feed.Item]:
    caller = desk.house.caller(role)
    with tenant_scope(desk.tenant):
        return shown(Lean(feed.autopilot(caller)).order_by("-id"), caller)


def inbox_of(desk: Desk, role: Role, *, at: datetime | None = None) -> list[feed.Item]:
    caller = desk.house.caller(role)
    with tenant_scope(desk.tenant):
        return shown(feed.inbox(caller, now=at or now()).order_by("-id"), caller)


def asked_about(desk: Desk, intent: Intent) -> UUID:
    with tenant_scope(desk.tenant):
        return Approval.objects.get(intent=intent, status="PENDING").id


def in_doubt(desk: Desk) -> Any:
    """An act of which nobody knows whether it was done."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        execution = start(intent.id).execution
        Execution.objects.filter(pk=execution.pk).update(
            status="IN_DOUBT", error="The tool did not answer."
        )
        Intent.objects.filter(pk=intent.pk).update(status="IN_DOUBT")
        return execution


def parked(desk: Desk) -> Run:
    with tenant_scope(desk.tenant):
        return Run.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            trigger="MANUAL",
            key="one",
            status="PARKED",
            stage="DECIDE",
            error="TimeoutError",
            due_at=NOW,
            created_at=NOW,
            updated_at=NOW,
        )


def elsewhere(desk: Desk) -> Account:
    """An account of somebody else."""
    with tenant_scope(desk.tenant):
        email = f"second@{desk.house.slug}.example"
        second = tenants.add_member(email, "Second", Role.SELLER, now=NOW)
        given = {"external_id": "theirs", "name": "Theirs", "owner": str(second.id)}
        return add_account(given, by=desk.admin, now=NOW)


def test_proposals_of_assist_come_up_next(make_desk: Any) -> None:
    """H3: what it is, why it was not simply done, and what would have let it."""
    desk = make_desk(mode="ASSIST")
    intent = desk.propose()
    (item,) = next_of(desk, Role.SELLER)
    assert (item["kind"], item["intent"]) == ("approval", intent.id)
    assert (item["status"], item["can_decide"]) == ("PROPOSED", True)
    assert item["account_name"] == "Acme"
    assert item["parameters"] == intent.parameters
    assert (
        item["why"] == "The mode for everything here is ASSIST: it proposes, people do."
    )
    assert item["would_be_automatic_if"] == [
        "the mode for everything here is AUTOPILOT"
    ]


def test_what_a_seller_can_decide_comes_first_then_the_surer(desk: Desk) -> None:
    """U1: ranked; what waits for an approver is shown, and said to."""
    high = desk.propose("send_email", confidence=0.99)
    unsure = desk.propose("send_follow_up_email", confidence=0.2)
    sure = desk.propose("send_follow_up_email", confidence=0.9)
    items = next_of(desk, Role.SELLER)
    assert [item["intent"] for item in items] == [sure.id, unsure.id, high.id]
    assert [item["can_decide"] for item in items] == [True, True, False]
    assert [item["intent"] for item in next_of(desk, Role.APPROVER)] == [high.id]


def test_what_is_decided_put_off_over_or_handed_on_is_gone(desk: Desk) -> None:
    """H1, H2."""
    decided, slept, over, handed, open_ = (
        desk.propose("send_follow_up_email") for _ in range(5)
    )
    seller = desk.house.caller(Role.SELLER)
    until = now() + timedelta(hours=5)
    ids = {one.id: asked_about(desk, one) for one in (decided, slept, over, handed)}
    approver = str(desk.house.members[Role.APPROVER].id)
    with tenant_scope(desk.tenant):
        decisions.approve(ids[decided.id], by=seller)
        decisions.snooze(ids[slept.id], until, by=seller)
        Approval.objects.filter(pk=ids[over.id]).update(
            expires_at=NOW - timedelta(9999)
        )
        decisions.delegate(ids[handed.id], approver, by=seller)
    assert [item["intent"] for item in next_of(desk, Role.SELLER)] == [open_.id]
    assert [item["intent"] for item in inbox_of(desk, Role.SELLER)] == [open_.id]
    assert [item["intent"] for item in inbox_of(desk, Role.APPROVER)] == [handed.id]
    woken = {item["intent"] for item in inbox_of(desk, Role.SELLER, at=until)}
    assert woken == {open_.id, slept.id}


def test_what_nobody_answered_comes_before_approvers(desk: Desk) -> None:
    """H2: escalated questions lead the list."""
    high = desk.propose("send_email", confidence=0.99)
    late = desk.propose("send_follow_up_email", confidence=0.1)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=late)
    swept(asked.asked_at + (asked.expires_at - asked.asked_at) * 0.8)
    items = next_of(desk, Role.APPROVER)
    assert [item["intent"] for item in items] == [late.id, high.id]
    assert items[0]["escalated_at"] is not None


def test_four_eyes_show_whose_turn_it_is_not(desk: Desk) -> None:
    """H2: the author sees it, and that somebody else decides."""
    intent = desk.propose("send_email")
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)
        mine = desk.house.members[Role.APPROVER].id
        Intent.objects.filter(pk=intent.pk).update(proposed_by_id=mine)
    assert [item["can_decide"] for item in inbox_of(desk, Role.APPROVER)] == [False]
    assert [item["can_decide"] for item in inbox_of(desk, Role.ADMIN)] == [True]


def test_what_ran_by_itself(desk: Desk) -> None:
    """X7: what, where, why, when, and whether it can be taken back."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        execution = start(intent.id).execution
    by_hand = desk.approved(1)[0]
    with tenant_scope(desk.tenant):
        assert start(by_hand).execution is not None
    (item,) = autopilot_of(desk, Role.SELLER)
    assert (item["kind"], item["id"]) == ("execution", execution.id)
    assert (item["auto_executed"], item["approval_source"]) == (True, "POLICY")
    assert (item["status"], item["undo_possible"]) == ("STARTED", False)
    assert item["why"].endswith(".")
    assert item["would_be_automatic_if"] == []
    with tenant_scope(desk.tenant):
        Execution.objects.filter(pk=execution.pk).update(status="SUCCEEDED")
    assert autopilot_of(desk, Role.SELLER)[0]["undo_possible"] is True


def test_everything_that_waits_is_in_one_list_by_time(desk: Desk) -> None:
    """U1: questions, doubts, and for admins what has stopped; newest first."""
    first = desk.propose("send_email")
    doubt = in_doubt(desk)
    run = parked(desk)
    last = desk.propose("send_follow_up_email")
    said = [(item["kind"], item["intent"]) for item in inbox_of(desk, Role.SELLER)]
    assert said == [("approval", last.id), ("doubt", doubt.intent_id)]
    kinds = [item["kind"] for item in inbox_of(desk, Role.APPROVER)]
    assert kinds == ["doubt", "approval"]
    items = inbox_of(desk, Role.ADMIN)
    assert [item["kind"] for item in items] == ["parked", "doubt", "approval"]
    assert items[0]["id"] == run.id
    assert items[0]["why"] == "It stopped at decide: TimeoutError"
    assert items[1]["why"] == "The tool did not answer."
    assert items[2]["intent"] == first.id


@pytest.mark.parametrize("role", [Role.SELLER, Role.INTEGRATION])
def test_nobody_sees_what_is_not_theirs(desk: Desk, role: Role) -> None:
    """T2: sellers see own accounts, integrations none."""
    theirs = Desk(desk.house, elsewhere(desk))
    for key in ("create_internal_note", "send_email", "send_follow_up_email"):
        theirs.propose(key)
    in_doubt(theirs)
    for look in (next_of, autopilot_of, inbox_of):
        assert look(desk, role) == []
        assert look(desk, Role.AUDITOR) != []


def _fill(desk: Desk, count: int) -> None:
    for _ in range(count):
        desk.propose("send_follow_up_email")
        desk.propose("send_email")
        in_doubt(desk)


def test_a_longer_list_takes_no_more_questions(desk: Desk) -> None:
    """The cost of a page does not grow with what is on it."""
    counts = []
    for more in (1, 4):
        _fill(desk, more)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            for look in (next_of, autopilot_of, inbox_of):
                assert look(desk, Role.ADMIN)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_what_is_held_back_is_shown_until_it_goes_out(desk: Desk) -> None:
    """A5, X4: it can be pulled back until then; afterwards it is no longer in the list."""
    intent = desk.propose("create_internal_note")
    leaves = now() + timedelta(minutes=5)
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(due_at=leaves)
        for role, seen in ((Role.SELLER, True), (Role.APPROVER, False)):
            caller = desk.house.caller(role)
            rows: Any = feed.inbox(caller, now=now()).order_by("-id")
            held = [each for each in shown(rows, caller) if each["kind"] == "held"]
            assert [each["undo_until"] for each in held] == ([leaves] if seen else [])
        caller = desk.house.caller(Role.SELLER)
        late: Any = feed.inbox(caller, now=leaves).order_by("-id")
        assert shown(late, caller) == []


def test_each_item_has_the_shape_that_is_documented(desk: Desk) -> None:
    """Items are plain values: what is said of them, and what they are, is one list."""
    in_doubt(desk)
    desk.propose("send_follow_up_email")
    client, shape = desk.house.client(Role.SELLER), ItemOut()
    seen = set()
    for listed in ("next", "inbox", "autopilot"):
        for item in client.send("GET", f"feed/{listed}/").json()["results"]:
            assert set(item) == set(shape.fields)
            assert item["at"].endswith("Z")
            seen.add(item["kind"])
    assert seen >= {"approval", "doubt"}
