"""N7: by chance, some of what would run by itself goes to a person first."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import decisions, track
from autonomy.approve import look, question_about
from autonomy.execute import start
from autonomy.models import Approval, Intent, Mode, Verdict
from autonomy.policy import program, shipped
from autonomy.rules.earning import Counts
from autonomy.rules.judge import judge
from autonomy.rules.review import REASON, drawn, is_chosen
from autonomy.rules.verdict import RANK, Decision
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from perception.settings import change_settings
from tests.autonomy.conftest import Desk
from tests.autonomy.records import DAY, NOTE
from tests.autonomy.rules.domain import SIZE, at
from tests.conftest import NOW

POLICY = program(shipped().version, shipped().plain)


def share(desk: Desk, value: float) -> None:
    with tenant_scope(desk.tenant):
        change_settings({"review_share": value}, by=desk.admin, now=NOW)


@given(st.integers(0, SIZE - 1))
def test_chance_only_makes_a_verdict_stricter(place: int) -> None:
    """N7: chosen, a verdict is the minimum of itself and a person; all else is the same."""
    facts = at(place)
    plain = judge(facts, POLICY)
    chosen = judge(replace(facts, review=True), POLICY)
    asks = Decision.REQUIRE_APPROVAL
    assert chosen.decision == min(plain.decision, asks, key=RANK.__getitem__)
    assert (chosen.reason == REASON) == (plain.decision is Decision.AUTO_EXECUTE)
    if plain.decision is not Decision.AUTO_EXECUTE:
        assert chosen == plain
        return
    differs = [
        new for old, new in zip(plain.layers, chosen.layers, strict=True) if old != new
    ]
    assert [each.clause for each in differs] == ["mode.review_sample"]


@given(st.uuids(), st.uuids(), st.floats(0, 1), st.floats(0, 1))
def test_a_lot_is_the_same_whenever_it_is_drawn(
    tenant: UUID, intent: UUID, less: float, more: float
) -> None:
    """N7: from the two ids alone; a larger share keeps what a smaller one chose."""
    lot = drawn(tenant, intent)
    assert 0 <= lot < 1
    assert lot == drawn(UUID(str(tenant)), UUID(str(intent)))
    low, high = sorted((less, more))
    assert is_chosen(tenant, intent, low) <= is_chosen(tenant, intent, high)
    assert not is_chosen(tenant, intent, 0)
    assert is_chosen(tenant, intent, 1)
    assert not is_chosen(tenant, None, 1)


def test_lots_fall_evenly() -> None:
    """N7: ids of one moment as well; each tenant draws its own."""
    tenant, other = UUID(int=1), UUID(int=2)
    ids = [UUID(int=(0x0198 << 112) | number) for number in range(20_000)]
    lots = sorted(drawn(tenant, each) for each in ids)
    # Kolmogorov's distance; by chance it is above this once in a million.
    assert max(abs(lot - n / 20_000) for n, lot in enumerate(lots)) < 0.02
    both = sum(
        is_chosen(tenant, each, 0.1) and is_chosen(other, each, 0.1) for each in ids
    )
    assert 120 < both < 290
    assert drawn(tenant, ids[0]) == pytest.approx(0.2224, abs=1e-4)


def test_without_a_share_everything_runs(desk: Desk) -> None:
    """N7: the default is none."""
    with tenant_scope(desk.tenant):
        assert Tenant.objects.get().review_share == 0
    assert desk.propose(NOTE).status == "APPROVED"


def test_what_is_chosen_waits_for_a_person_and_says_so(desk: Desk) -> None:
    """N7: with a clause of its own; a yes lets it start, and it counts as looked at."""
    share(desk, 1.0)
    intent = desk.propose(NOTE)
    assert intent.status == "AWAITING_APPROVAL"
    with tenant_scope(desk.tenant):
        row = Verdict.objects.get(intent=intent)
        Mode.objects.update(set_at=clock() - DAY)
        asked = Approval.objects.get(intent=intent)
        decisions.approve(asked.id, by=desk.house.caller(Role.APPROVER))
    assert (row.reason, row.policy_clause) == (REASON, "mode.review_sample")
    assert "chance chose it" in row.explanation
    assert row.would_be_automatic_if == ["it is not among those chosen for review"]
    assert row.facts["review"] is True
    with tenant_scope(desk.tenant):
        begun = start(intent.id)
        assert begun.execution is not None
        assert not begun.execution.auto_executed
        record = track.records(now=clock() + 8 * DAY)[NOTE]
    assert (record.reviewed, record.asked) == (Counts(trials=1), Counts())


def test_what_people_decide_anyway_gives_its_own_reason(desk: Desk) -> None:
    """N7: chance is not named where it changed nothing."""
    share(desk, 1.0)
    for action_type in ("send_email", "commit_pricing"):
        intent = desk.propose(action_type)
        with tenant_scope(desk.tenant):
            assert Verdict.objects.get(intent=intent).reason != REASON
    desk.mode("APPROVAL")
    intent = desk.propose(NOTE)
    with tenant_scope(desk.tenant):
        assert Verdict.objects.get(intent=intent).reason == "MODE_APPROVAL"


def test_a_share_set_later_takes_back_what_nobody_looked_at(desk: Desk) -> None:
    """N7: what policy let through asks; what a person approved was looked at."""
    by_policy = desk.propose(NOTE)
    desk.mode("APPROVAL")
    by_person = desk.propose(NOTE)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=by_person)
        decisions.approve(asked.id, by=desk.house.caller(Role.APPROVER))
    desk.mode("AUTOPILOT")
    share(desk, 1.0)
    with tenant_scope(desk.tenant):
        assert start(by_policy.id).reason == REASON
        assert Intent.objects.get(pk=by_policy.id).status == "AWAITING_APPROVAL"
        assert start(by_person.id).execution is not None


def test_a_question_without_an_intent_is_never_chosen(desk: Desk) -> None:
    """N7: a hypothetical act is told what policy says."""
    share(desk, 1.0)
    intent = desk.propose(NOTE)
    with tenant_scope(desk.tenant):
        asked = replace(question_about(intent), intent=None)
        assert look(asked).verdict.decision is Decision.AUTO_EXECUTE


def test_the_same_share_chooses_the_same_acts(desk: Desk) -> None:
    """N7: judged again, an act fares as before; and as anybody can draw."""
    share(desk, 0.5)
    desk.budget(1000)
    intents = [desk.propose(NOTE) for _ in range(30)]
    expected = [is_chosen(desk.tenant, each.id, 0.5) for each in intents]
    assert [each.status != "APPROVED" for each in intents] == expected
    with tenant_scope(desk.tenant):
        again = [look(question_about(each)).verdict.reason for each in intents]
    assert [reason == REASON for reason in again] == expected


@pytest.mark.parametrize("value", [-0.1, 1.1, "much"])
def test_a_share_is_from_none_to_all(desk: Desk, value: Any) -> None:
    """U3: settings, as every other."""
    api = desk.house.client(Role.ADMIN)
    held = api.send("GET", "settings/")
    assert held.json()["review_share"] == 0
    etag = held.headers["ETag"]
    refused = api.send("PATCH", "settings/", {"review_share": value}, if_match=etag)
    assert refused.status_code == 400
    kept = api.send("PATCH", "settings/", {"review_share": 0.1}, if_match=etag)
    assert kept.json()["review_share"] == 0.1
