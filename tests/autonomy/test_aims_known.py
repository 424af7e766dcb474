"""D1: a run knows how its account stands, and which goals bear on it."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from autonomy import goals
from autonomy.context import for_the_record, frozen_context, is_from_outside
from autonomy.models import ContextField, Goal, Run
from autonomy.rules.snapshots import MOST, size
from autonomy.views.account_words import stood_words
from bench.parts.count import Counts, counted
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.heat import standing_of
from perception.models import Opportunity, Signal
from perception.rules.roles import Role
from tests.autonomy.aims import DAY, END, a_goal, other_account
from tests.autonomy.claims import settled
from tests.autonomy.conftest import Desk
from tests.autonomy.pages import enter, of_run, walked, words
from tests.autonomy.test_decide import held_at, signal_at
from tests.conftest import NOW


def known(desk: Desk) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        return frozen_context(desk.account, None, now=NOW)


def owned(desk: Desk, role: Role) -> None:
    with tenant_scope(desk.tenant):
        given = {"owner": str(desk.house.members[role].id)}
        change_account(desk.account, given, by=desk.admin, now=NOW)


def escalated_just_now(desk: Desk) -> Signal:
    """By the database's clock, as whoever claims a run has it."""
    with tenant_scope(desk.tenant):
        signal = signal_at(desk, "ticket_escalated", severity="high")
        Signal.objects.filter(pk=signal.pk).update(occurred_at=clock())
    return signal


def test_a_run_knows_how_its_account_stands(desk: Desk) -> None:
    """D1, P3: as its page shows it, by its signals and deals; what somebody noted is
    known beside it.
    """
    nothing = {
        "posture": None, "risk": "LOW", "engagement": "NONE", "sentiment": "",
        "renewal_date": None,
    }  # fmt: skip
    assert known(desk)["posture"] == nothing
    day = NOW.date() + timedelta(days=300)
    with tenant_scope(desk.tenant):
        Opportunity.objects.filter(account=desk.account, external_id="o1").update(
            renewal_date=day
        )
        ContextField.objects.create(
            tenant_id=desk.tenant, account=desk.account, field="posture",
            value="EXPAND", updated_at=NOW,
        )  # fmt: skip
        signal_at(desk, "ticket_escalated", text="Ann is furious.")
        signal_at(desk, "reply_received", sentiment="positive", text="Gladly.")
        stands = standing_of(desk.account, now=NOW)
    context = known(desk)
    assert context["posture"] == {
        "posture": "AT_RISK", "risk": "HIGH", "engagement": "ACTIVE",
        "sentiment": "POSITIVE", "renewal_date": day.isoformat(),
    }  # fmt: skip
    assert stands.posture == "AT_RISK"
    assert context["known"] == {"posture": "EXPAND"}
    assert for_the_record(context)["posture"] == context["posture"]


def test_a_run_knows_the_goals_that_bear_on_it(desk: Desk) -> None:
    """D1: those of the account, of its owner, of the tenant; how far each is, till when."""
    owned(desk, Role.SELLER)
    of_house = a_goal(desk, "revenue", end=NOW + 30 * DAY)
    of_owner = a_goal(desk, "pipeline", seller=desk.house.members[Role.SELLER].id)
    late = a_goal(desk, "quality", account=desk.account.id, end=END + DAY)
    own = a_goal(desk, account=desk.account.id, target=Decimal("12.5"))
    with tenant_scope(desk.tenant):
        Goal.objects.filter(pk=own.pk).update(current=Decimal(3))
    context = known(desk)
    assert [(each["id"], each["of"]) for each in context["goals"]] == [
        (str(own.pk), "account"), (str(late.pk), "account"),
        (str(of_owner.pk), "seller"), (str(of_house.pk), "tenant"),
    ]  # fmt: skip
    assert context["goals"][0] == {
        "id": str(own.pk), "of": "account", "type": "activity", "target": "12.50",
        "current": "3.00", "start": NOW.isoformat(), "end": END.isoformat(),
    }  # fmt: skip
    assert for_the_record(context)["goals"] == context["goals"]
    # People in the house set them: nobody outside has a say in that.
    assert not is_from_outside(context)
    owned(desk, Role.APPROVER)
    assert str(of_owner.pk) not in str(known(desk)["goals"])


def test_goals_of_others_and_such_as_do_not_run_are_none_of_it(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    """D1, T1."""
    a_goal(make_desk())
    a_goal(desk, account=other_account(desk, "bolt").id)
    a_goal(desk, seller=desk.house.members[Role.APPROVER].id)
    a_goal(desk, start=NOW + DAY)
    gone, over = a_goal(desk), a_goal(desk)
    with tenant_scope(desk.tenant):
        goals.withdraw_goal(gone, by=desk.admin, now=NOW)
        Goal.objects.filter(pk=over.pk).update(
            status="MISSED", ended_at=NOW, due_at=None
        )
    assert known(desk)["goals"] == []


def test_they_are_few_and_asked_for_in_the_same_breath(desk: Desk) -> None:
    """D1: bounded, and one statement as before."""
    counts, more = Counts(), Counts()
    with counted(counts):
        known(desk)
    made = [a_goal(desk, end=NOW + (each + 1) * DAY) for each in range(12)]
    with counted(more):
        context = known(desk)
    assert counts == more
    found = [each["id"] for each in context["goals"]]
    assert found == [str(each.pk) for each in made[: len(found)]]
    assert 8 <= len(found) <= 10
    assert size(context["goals"]) <= 2048
    assert size(context) <= MOST


def test_what_it_knew_holds_both(desk: Desk) -> None:
    """D1, L7: kept with the run, and stated with its decision."""
    goal = a_goal(desk, account=desk.account.id)
    held = held_at(desk, escalated_just_now(desk))
    settled(held)
    with tenant_scope(desk.tenant):
        run = Run.objects.get(pk=held.id)
        entry = Entry.objects.get(run_id=held.id, kind="run.decided")
    snapshot = entry.data["snapshot"]
    assert snapshot["posture"]["posture"] == "AT_RISK"
    assert [each["id"] for each in snapshot["goals"]] == [str(goal.pk)]
    assert run.context is not None
    for name in ("posture", "goals"):
        assert run.context[name] == snapshot[name]


def test_pages_show_both(desk: Desk) -> None:
    """U1, L7: in words; what was frozen before they were known is shown without."""
    a_goal(desk)
    escalated_just_now(desk)
    first = of_run(walked(desk))[0]
    told = words(enter(desk.house, Role.SELLER).get(f"/intents/{first.pk}/"))
    assert "2 signals, 2 deals, 1 contact, 1 goal and 0 earlier outcomes" in told
    assert re.search(r"The account was (hot|warm|cold), at risk Ranked by", told)
    admin, page = enter(desk.house, Role.ADMIN), f"/admin/autonomy/run/{first.run_id}/"
    said = admin.get(f"{page}change/").text
    assert "<dt>Posture</dt><dd>at risk</dd>" in said
    assert "<dt>Goals</dt><dd>1</dd>" in said
    with tenant_scope(desk.tenant):
        run = Run.objects.get(pk=str(first.run_id))
        before = {k: v for k, v in run.context.items() if k not in ("posture", "goals")}
        Run.objects.filter(pk=run.pk).update(context=before)
    said = admin.get(f"{page}change/").text
    assert "<dt>Posture</dt><dd>not known</dd>" in said
    assert "<dt>Goals</dt><dd>0</dd>" in said
    assert stood_words({"account": {"heat": {"tier": "HOT"}}}) == "hot"
    assert stood_words({}) == ""
