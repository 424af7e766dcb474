"""N1: no answer and bad answers become outcomes, once; what has none is named."""

from datetime import datetime, timedelta
from uuid import UUID

from autonomy import responses
from autonomy.learning.completeness import completeness
from autonomy.models import Execution, Intent, Outcome, Permit
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Signal, Tenant
from tests.autonomy.conftest import Desk
from tests.conftest import NOW

DAY = timedelta(days=1)


def written(desk: Desk, at: datetime) -> UUID:
    """An act that reached somebody, and went well, at a moment."""
    (id_,) = desk.approved(1, reaches_out=True)
    with tenant_scope(desk.tenant):
        permit = Permit.objects.get(intent=id_)
        Intent.objects.filter(pk=id_).update(status="SUCCEEDED", updated_at=at)
        Execution.objects.create(
            tenant_id=desk.tenant,
            intent_id=id_,
            permit=permit,
            account=desk.account,
            action_type="send_follow_up_email",
            status=Execution.Status.SUCCEEDED,
            approval_source="HUMAN",
            auto_executed=False,
            tool="internal",
            started_at=at,
            finished_at=at,
        )
    return id_


def answered(desk: Desk, at: datetime, **payload: str) -> None:
    with tenant_scope(desk.tenant):
        Signal.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            type="reply_received",
            payload=payload,
            occurred_at=at,
            received_at=at,
        )


def settled(desk: Desk, now: datetime = NOW) -> list[str]:
    with tenant_scope(desk.tenant):
        responses.settle(now=now)
        rows = Outcome.objects.filter(cause="external").order_by("id")
        return list(rows.values_list("taxonomy", flat=True))


def test_silence_is_an_outcome_when_the_window_is_over(desk: Desk) -> None:
    """N1: after as many days as the tenant says; once, with its fact."""
    written(desk, NOW - 6 * DAY)
    assert settled(desk) == []
    with tenant_scope(desk.tenant):
        Tenant.objects.update(response_days=5)
    assert settled(desk) == ["NO_RESPONSE"]
    assert settled(desk) == ["NO_RESPONSE"]
    with tenant_scope(desk.tenant):
        facts = Entry.objects.filter(kind="outcome.recorded")
        assert [each.data for each in facts] == [
            {"taxonomy": "NO_RESPONSE", "cause": "external"}
        ]


def test_who_answered_in_time_was_not_silent(desk: Desk) -> None:
    """N1: any answer of the account within the window."""
    written(desk, NOW - 9 * DAY)
    answered(desk, NOW - 8 * DAY, text="Gladly.")
    assert settled(desk) == []


def test_a_bad_answer_is_one_of_the_newest_act(desk: Desk) -> None:
    """N1: it counts against what it answers, and nothing older."""
    written(desk, NOW - 5 * DAY)
    newest = written(desk, NOW - 2 * DAY)
    answered(desk, NOW - DAY, text="Please stop emailing us.")
    assert settled(desk) == ["NEGATIVE_RESPONSE"]
    assert settled(desk) == ["NEGATIVE_RESPONSE"]
    with tenant_scope(desk.tenant):
        assert Outcome.objects.get(cause="external").intent_id == newest


def test_what_has_no_outcome_is_named(desk: Desk) -> None:
    """N1: a reconciliation that hides nothing."""
    id_ = written(desk, NOW - DAY)
    with tenant_scope(desk.tenant):
        found = completeness(now=NOW)
        assert (found.ended, found.missing) == (1, 1)
        (gap,) = found.gaps
        assert (gap.intent, gap.owed) == (id_, "EXECUTION_SUCCEEDED")
        Outcome.objects.create(
            tenant_id=desk.tenant,
            intent_id=id_,
            account=desk.account,
            action_type="send_follow_up_email",
            taxonomy="EXECUTION_SUCCEEDED",
            at=NOW,
        )
        whole = completeness(now=NOW)
    assert (whole.missing, whole.by_outcome) == (0, {"EXECUTION_SUCCEEDED": 1})
