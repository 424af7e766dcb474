"""O1: what goals count, type by type: recorded facts of their period, each by its id."""

from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy import counting, goals
from autonomy.errors import GoalTooWide
from autonomy.models import Execution, Goal, Intent
from autonomy.perform import perform
from ledger.scope import tenant_scope
from perception import deals
from perception.accounts import change_account
from perception.rules.roles import Role
from perception.sources.base import Deal
from perception.sources.reading import key
from tests.autonomy.aims import DAY, a_goal, deal, did, kept, met, other_account, seen
from tests.autonomy.conftest import Desk
from tests.conftest import NOW


def test_activity_is_what_was_done_and_what_people_did(desk: Desk) -> None:
    """O1: acts that stand, and interactions that began here; in the period only."""
    goal = a_goal(desk)
    act = did(desk, "create_internal_note", at=NOW + DAY)
    undone = did(desk, "create_internal_note", at=NOW + DAY)
    did(desk, "create_internal_note", at=NOW - DAY)
    with tenant_scope(desk.tenant):
        Execution.objects.filter(pk=undone).update(status="UNDONE")
        sent = Execution.objects.filter(pk=act)
        outcome = {**(sent.get().outcome or {}), "message_id": "<one@own.example>"}
        sent.update(outcome=outcome)
    met(desk, "written", "out", at=NOW + 2 * DAY)
    met(desk, "answered", "in", at=NOW + 2 * DAY)
    met(desk, "before", "out", at=NOW - DAY)
    # The mail that the act sent, found among what was sent: no second thing.
    met(desk, key("mail", "<one@own.example>"), "out", at=NOW + DAY)
    found = seen(goal, at=NOW + 3 * DAY)
    assert found.current == 2
    assert found.measured["kinds"] == {"act": 1, "interaction": 1}
    assert str(act) in [each["id"] for each in found.measured["facts"]]
    assert seen(goal, at=NOW + 1.5 * DAY).current == 1


def test_quality_is_conversations_that_are_worth_it(desk: Desk) -> None:
    """O1: qualified as medium or high; what is not told does not count."""
    goal = a_goal(desk, "quality")
    for fit in ("high", "medium", "low", None):
        said = {"summary": "They have a budget.", **({"fit": fit} if fit else {})}
        intent = desk.propose("create_internal_note")
        assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
        with tenant_scope(desk.tenant):
            Intent.objects.filter(pk=intent.pk).update(parameters=said)
            Execution.objects.filter(intent=intent).update(
                action_type="qualify_conversation", started_at=NOW + DAY
            )
    found = seen(goal, at=NOW + 2 * DAY)
    assert found.current == 2
    assert found.measured["kinds"] == {"high": 1, "medium": 1}


def test_pipeline_is_what_came_up_or_grew(desk: Desk) -> None:
    """O1: since the goal began; what was there counts only by what it grew."""
    deal(desk, "there", "discovery", 1000, at=NOW - DAY)
    deal(desk, "lost", "closed_lost", 500, at=NOW - DAY)
    goal = a_goal(desk, "pipeline", target=Decimal(5000))
    assert goal.current == 0
    deal(desk, "there", "negotiation", 1300, at=NOW + DAY)
    deal(desk, "new", "prospecting", 700, at=NOW + DAY)
    deal(desk, "lost", "discovery", 500, at=NOW + DAY)
    deal(desk, "unknown", "discovery", None, at=NOW + DAY)
    assert seen(goal, at=NOW + DAY).current == 300 + 700 + 500
    deal(desk, "new", "closed_lost", 700, at=NOW + 2 * DAY)
    deal(desk, "there", "closed_won", 900, at=NOW + 2 * DAY)
    assert seen(goal, at=NOW + 2 * DAY).current == 500


def test_revenue_is_what_was_won(desk: Desk) -> None:
    """O1: since the goal began, with the deals by id."""
    deal(desk, "before", "closed_won", 1000, at=NOW - DAY)
    deal(desk, "open", "negotiation", 400, at=NOW - DAY)
    goal = a_goal(desk, "revenue", target=Decimal(5000))
    deal(desk, "before", "closed_won", 1200, at=NOW + DAY)
    deal(desk, "open", "closed_won", 450, at=NOW + DAY)
    found = seen(goal, at=NOW + DAY)
    assert (found.current, found.measured["count"]) == (Decimal(450), 1)


def test_a_goal_that_began_before_counts_from_its_start(desk: Desk) -> None:
    """O1: the ledger tells how deals stood then, however late the goal is set or seen."""
    early = NOW + 10 * DAY
    deal(desk, "one", "discovery", 1000, at=early)
    deal(desk, "two", "closed_won", 300, at=early)
    later = early + 10 * DAY
    deal(desk, "one", "closed_won", 1500, at=later)
    deal(desk, "three", "closed_won", 200, at=later)
    more = {"start": early + DAY, "now": later + DAY, "target": Decimal(9000)}
    assert a_goal(desk, "revenue", **more).current == 1500 + 200
    assert a_goal(desk, "pipeline", **more).current == 500 + 200
    # Set before it starts, and looked at long after: the same.
    goal = a_goal(desk, "revenue", target=Decimal(9000), start=early + DAY, now=NOW)
    assert seen(goal, at=later + DAY).current == 1700


def test_what_comes_after_the_end_does_not_count(desk: Desk) -> None:
    """O1: however late it is measured, it is measured as of its end."""
    goal = a_goal(desk, "revenue", end=NOW + 10 * DAY)
    deal(desk, "in time", "closed_won", 60, at=NOW + 9 * DAY)
    deal(desk, "too late", "closed_won", 60, at=NOW + 11 * DAY)
    goals.measure_due(now=NOW + 12 * DAY)
    found = kept(goal)
    assert (found.status, found.current) == ("MISSED", Decimal(60))


def test_a_seller_counts_their_accounts(desk: Desk) -> None:
    """O1: what comes over from somebody else begins as it is when it comes."""
    seller = desk.house.members[Role.SELLER].id
    theirs = other_account(
        desk, "bolt", at=NOW - 9 * DAY,
        opportunities=[{"external_id": "b", "stage": "discovery", "amount": 900}],
    )  # fmt: skip
    goal = a_goal(desk, "pipeline", seller=seller, target=Decimal(5000))
    deal(desk, "new", "discovery", 100, at=NOW + DAY)
    with tenant_scope(desk.tenant):
        given = {"owner": str(seller)}
        change_account(theirs, given, by=desk.admin, now=NOW + DAY)
    goals.measure_due(now=NOW + 2 * DAY)
    assert kept(goal).current == 100
    with tenant_scope(desk.tenant):
        grown = Deal(
            account="bolt", external_id="b", stage="discovery", amount=Decimal(1000)
        )
        deals.keep([(theirs.id, grown)], now=NOW + 3 * DAY)
    assert seen(goal, at=NOW + 3 * DAY).current == 200


@pytest.mark.parametrize("type_", ["activity", "quality", "revenue", "pipeline"])
def test_a_measurement_takes_so_many_statements(desk: Desk, type_: str) -> None:
    """O1: however much there is to count."""
    goal = a_goal(desk, type_)

    def taken(at: datetime) -> int:
        with tenant_scope(desk.tenant), CaptureQueriesContext(connection) as held:
            assert goals._measure(kept(goal), now=at)
        return len(held)

    first = taken(NOW + DAY)
    for number in range(20):
        deal(desk, f"d{number}", "closed_won", 1, at=NOW + DAY)
        met(desk, f"m{number}", "out", at=NOW + DAY)
    assert taken(NOW + 2 * DAY) == first <= 6


def test_too_many_deals_are_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O1: a measurement is bounded; nothing is kept of a goal that is too wide."""
    monkeypatch.setattr(counting, "MOST", 1)
    for number in range(2):
        deal(desk, f"d{number}", "closed_won", 1, at=NOW - DAY)
    with pytest.raises(GoalTooWide):
        a_goal(desk, "revenue")
    with tenant_scope(desk.tenant):
        assert not Goal.objects.exists()
