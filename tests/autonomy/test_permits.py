"""A12: no permit, no act; what no longer holds goes back to a person."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError

from autonomy.models import Execution, Permit, Verdict
from autonomy.registry import change_type
from autonomy.rules.catalogue import HARD_STOPS
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity
from perception.rules.roles import Role
from tests import trials
from tests.autonomy.api.starts import (
    begin,
    draw_again,
    last,
    person_approves,
    refused,
    sql,
    status,
    unfund,
    used,
)
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads


@pytest.mark.parametrize(
    "change",
    [
        "action_digest = 'sha256:' || repeat('0', 64)",
        "facts_digest = 'sha256:' || repeat('0', 64)",
        "policy_version = 'sha256:0'",
        "epoch = '9.9'",
        "expires_at = expires_at + interval '1 year'",
        "minted_at = minted_at + interval '1 day'",
        "action_type = 'draft_email'",
        "seal = repeat('0', 64)",
        "receipt_id = NULL",
        "source = 'HUMAN', approved_by_id = (SELECT id FROM perception_membership LIMIT 1)",
        "verdict_id = (SELECT id FROM autonomy_verdict v "
        "WHERE v.id <> autonomy_permit.verdict_id LIMIT 1)",
        "id = gen_random_uuid()",
    ],
)
def test_a_permit_that_somebody_changed_is_none(desk: Desk, change: str) -> None:
    """A12: every field of it is sealed; the budget comes back."""
    other = desk.propose("send_email")
    intent = desk.propose()
    where = "WHERE intent_id = %s"
    sql(desk, f"UPDATE autonomy_permit SET {change} {where}", str(intent.id))
    assert refused(desk, intent.id).startswith("There is no valid permit")
    assert last(desk, "budget.returned")["reason"].endswith("Its seal is not ours.")
    assert status(desk, other.id) == "AWAITING_APPROVAL"
    trials.record("permits", trials=1, seed=None, forged=1)


@pytest.mark.parametrize("end", ["spent_at", "voided_at"])
def test_a_permit_that_is_over_starts_nothing(desk: Desk, end: str) -> None:
    """A12: spent or withdrawn behind the house's back: refused, not an exception."""
    intent = desk.propose()
    change = f"UPDATE autonomy_permit SET {end} = now() WHERE intent_id = %s"
    sql(desk, change, str(intent.id))
    assert begin(desk, intent.id).execution is None
    assert status(desk, intent.id) == "EXPIRED"
    assert used(desk) == 0
    trials.record("permits", trials=1, seed=None, over=1)


def test_an_intent_that_somebody_approved_by_hand_starts_nothing(desk: Desk) -> None:
    """A12: the status of a row is no permit."""
    intent = desk.propose("send_email")
    change = "UPDATE autonomy_intent SET status = 'APPROVED' WHERE id = %s"
    sql(desk, change, str(intent.id))
    assert begin(desk, intent.id).execution is None
    assert status(desk, intent.id) != "EXECUTING"
    trials.record("permits", trials=1, seed=None, missing=1)


def test_a_permit_of_another_intent_opens_nothing(desk: Desk) -> None:
    """A12: it is minted for one intent."""
    intent, other = desk.propose(), desk.propose("send_email")
    move = "UPDATE autonomy_permit SET intent_id = %s WHERE intent_id = %s"
    sql(desk, move, str(other.id), str(intent.id))
    lift = "UPDATE autonomy_intent SET status = 'APPROVED' WHERE id = %s"
    sql(desk, lift, str(other.id))
    found = begin(desk, other.id)
    assert (found.execution, status(desk, other.id)) == (None, "EXPIRED")
    trials.record("permits", trials=1, seed=None, moved=1)


@pytest.mark.parametrize(
    "change",
    [
        'parameters = \'{"text": "Another note."}\'',
        "parameters = '{}'",
        "action_type = 'update_account_context'",
        "contact_id = (SELECT id FROM perception_contact LIMIT 1)",
        "opportunity_id = (SELECT id FROM perception_opportunity LIMIT 1)",
    ],
)
@pytest.mark.parametrize("who", ["policy", "person"])
def test_what_was_edited_after_approval_is_not_what_was_approved(
    desk: Desk, change: str, who: str
) -> None:
    """A12: the digest of the exact action and its parameters."""
    intent = desk.propose().id if who == "policy" else desk.approved(1)[0]
    sql(desk, f"UPDATE autonomy_intent SET {change} WHERE id = %s", str(intent))
    assert refused(desk, intent).endswith("It was minted for another action.")
    trials.record("permits", trials=1, seed=None, moved=1)


def test_an_expired_permit(desk: Desk) -> None:
    """A12, H2: expiry ends it; its budget comes back."""
    intent = desk.propose().id
    draw_again(desk, intent, good_for=timedelta(microseconds=1))
    assert "It expired at" in refused(desk, intent)
    trials.record("permits", trials=1, seed=None, over=1)


def _twenty_starts(desk: Desk) -> None:
    intent = desk.propose()
    found = in_threads(20, lambda _: begin(desk, intent.id))
    assert sum(each.execution is not None for each in found) == 1
    assert {each.reason for each in found} == {"", "NOT_APPROVED"}
    trials.record("permits", trials=1, seed=None, races=1, starts=len(found))


def test_twenty_starts_are_one_execution(desk: Desk) -> None:
    """A12: single use, however many try at once."""
    _twenty_starts(desk)
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get()
        assert (execution.auto_executed, execution.approval_source) == (True, "POLICY")
        assert Permit.objects.get().spent_at == execution.started_at
        assert Entry.objects.filter(kind="execution.started").count() == 1
        assert Entry.objects.filter(kind="permit.spent").count() == 1
    assert used(desk) == 1


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_starts_are_one_execution_two_hundred_times(
    make_desk: Callable[..., Desk],
) -> None:
    """A12: as above, one permit after the other."""
    desk = make_desk(limit=200)
    for _ in range(200):
        _twenty_starts(desk)
    assert used(desk) == 200


def modes(mode: str) -> Callable[[Desk], None]:
    return lambda desk: desk.mode(mode)


def gate(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        Opportunity.objects.filter(external_id="o1").update(stage="negotiation")


def tier(wanted: str) -> Callable[[Desk], None]:
    def change(desk: Desk) -> None:
        with tenant_scope(desk.tenant):
            change_type(
                "create_internal_note", {"tier": wanted}, by=desk.admin, now=NOW
            )

    return change


def unlist(desk: Desk) -> None:
    given = {"allowlist": [], "min_confidence": {"default": 0.7}, "amount_caps": {}}
    path, admin = "policy/data/", desk.house.client(Role.ADMIN)
    admin.send("PUT", path, {**given, "hours": {}}, If_Match="*")


@pytest.mark.parametrize(
    ("change", "reason", "wanted"),
    [
        (modes("APPROVAL"), "MODE_APPROVAL", "AWAITING_APPROVAL"),
        (modes("ASSIST"), "MODE_ASSIST", "AWAITING_APPROVAL"),
        (modes("DISABLED"), "MODE_DISABLED", "BLOCKED"),
        (gate, "STAGE_GATED", "AWAITING_APPROVAL"),
        (tier("APPROVAL_REQUIRED"), "APPROVAL_TIER", "AWAITING_APPROVAL"),
        (tier("HARD_STOP"), "HARD_STOP", "BLOCKED"),
        (unlist, "TENANT_POLICY", "AWAITING_APPROVAL"),
        (unfund, "NO_BUDGET", "AWAITING_APPROVAL"),
    ],
)
def test_what_no_longer_holds_goes_back_to_a_person(
    desk: Desk, change: Callable[[Desk], None], reason: str, wanted: str
) -> None:
    """A12: judged again at the start; the difference is shown, the budget returned."""
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.get(external_id="o1").id
    intent = desk.propose(opportunity=deal)
    assert intent.status == "APPROVED"
    change(desk)
    assert refused(desk, intent.id, wanted) == reason
    judged = last(desk, "intent.judged")
    assert judged["no_longer_holds"][0]["reason"] == judged["reason"] == reason
    assert judged["decision"] == (
        "BLOCK" if wanted == "BLOCKED" else "REQUIRE_APPROVAL"
    )
    with tenant_scope(desk.tenant):
        kept = Verdict.objects.filter(intent=intent).order_by("-id").first()
        assert (kept.is_first, kept.reason) == (False, reason)
        assert Verdict.objects.filter(intent=intent, is_first=True).count() == 1
    assert begin(desk, intent.id).reason == "NOT_APPROVED"


def test_a_new_objection_sends_back_what_a_person_approved(desk: Desk) -> None:
    """A12, H1: a moved target is asked about again."""
    (intent,) = desk.approved(1)
    desk.mode("ASSIST")
    assert refused(desk, intent, "AWAITING_APPROVAL") == "MODE_ASSIST"


def test_an_objection_that_the_person_saw_does_not(
    make_desk: Callable[..., Desk],
) -> None:
    """A7: with APPROVAL an act runs once approved; nor is a budget asked for it."""
    desk = make_desk(limit=None, mode="APPROVAL")
    (intent,) = desk.approved(1)
    found = begin(desk, intent)
    assert found.execution is not None
    assert (found.execution.auto_executed, found.execution.approval_source) == (
        False,
        "HUMAN",
    )


def test_an_opt_out_stops_what_a_person_approved(desk: Desk) -> None:
    """A9, A12: BLOCK is for people too; without it the message leaves."""
    with tenant_scope(desk.tenant):
        contact = Contact.objects.get(external_id="c1").id
    first, second = (
        desk.propose("send_chat_message", contact=contact).id for _ in range(2)
    )
    for intent in (first, second):
        person_approves(desk, intent)
    assert begin(desk, first).execution is not None
    with tenant_scope(desk.tenant):
        Contact.objects.update(opted_out=True)
    assert refused(desk, second, "BLOCKED") == "OPTED_OUT"


@pytest.mark.parametrize("key", HARD_STOPS)
def test_no_permit_for_a_hard_stop_can_exist(desk: Desk, key: str) -> None:
    """A2: the database refuses it, whoever approves."""
    columns = (
        "tenant_id, intent_id, verdict_id, receipt_id, source, approved_by_id, "
        "action_digest, facts_digest, policy_version, epoch, minted_at, expires_at, seal"
    )
    intent = desk.propose()
    copy = (
        f"INSERT INTO autonomy_permit (id, action_type, voided_at, {columns}) "
        f"SELECT %s, %s, now(), {columns} FROM autonomy_permit WHERE intent_id = %s"
    )
    with pytest.raises(IntegrityError, match="permit_never_for_hard_stops"):
        sql(desk, copy, str(uuid4()), key, str(intent.id))
    with tenant_scope(desk.tenant):
        assert Permit.objects.count() == 1
