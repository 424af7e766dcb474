"""N2, N4: the order of a run's proposals, its rows, and what no model may touch."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from autonomy.models import Choice, HouseRanking, Intent, Ranking, Verdict
from autonomy.rules.ranking import FEATURES_VERSION
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.claims import settled
from tests.autonomy.conftest import Desk
from tests.autonomy.test_decide import held_at, signal_at
from tests.conftest import NOW

USUAL = ["create_follow_up_task", "create_internal_note", "send_follow_up_email"]
NOTES = {
    "kind": "logistic",
    "features_version": FEATURES_VERSION,
    "intercept": 0.0,
    "coefficients": {"type.create_internal_note": 3.0},
    "calibration": {"kind": "platt", "slope": 2.0, "offset": -1.0},
}


def model(desk: Desk, status: str, artefact: Any = NOTES, version: str = "m1") -> None:
    with tenant_scope(desk.tenant):
        Ranking.objects.create(
            tenant_id=desk.tenant,
            version=version,
            kind="logistic",
            status=status,
            artefact=artefact,
            provenance={},
            made_at=NOW,
            moved_at=NOW,
        )


def decided(desk: Desk) -> list[Choice]:
    """The choices of one run, in their order."""
    with tenant_scope(desk.tenant):
        signal = signal_at(desk, "product_usage_anomaly", change=-0.4)
    held = held_at(desk, signal)
    assert settled(held) is not None
    with tenant_scope(desk.tenant):
        rows = Choice.objects.filter(run_id=held.id).order_by("position")
        return list(rows.select_related("intent"))


def types(rows: list[Choice]) -> list[str]:
    return [each.action_type for each in rows]


def test_every_proposal_leaves_a_row_of_what_was_known(desk: Desk) -> None:
    """N2: features, score, propensity and the others beside it; the ledger tells who
    ranked. Never changed.
    """
    rows = decided(desk)
    assert types(rows) == USUAL
    assert [each.intent.rank for each in rows] == [1, 2, 3]
    assert [each.score for each in rows] == [each.intent.confidence for each in rows]
    assert {each.propensity for each in rows} == {1.0}
    assert {each.model for each in rows} == {"heuristic"}
    first = rows[0]
    assert first.features["type.create_follow_up_task"] == 1.0
    assert [each["propensity"] for each in first.candidates] == [1.0, 0.0, 0.0]
    assert [each["intent"] for each in first.candidates] == [
        str(each.intent_id) for each in rows
    ]
    with tenant_scope(desk.tenant):
        entry = Entry.objects.get(kind="run.decided", run_id=first.run_id)
        assert entry.data["ranking"]["model"] == "heuristic"
        with pytest.raises(DatabaseError), transaction.atomic():
            Choice.objects.filter(pk=first.pk).update(score=0.1)


def test_an_active_model_orders_and_nothing_else(desk: Desk) -> None:
    """N2, N4, rule 3: rank moves; confidence, verdicts and what they rest on do not."""
    before = decided(desk)
    model(desk, "ACTIVE")
    after = decided(desk)
    # Nobody is asked twice about the same mail.
    assert types(after) == [USUAL[1], USUAL[0]]
    assert {each.model for each in after} == {"m1"}
    assert {each.model for each in before} == {"heuristic"}
    for each in after:
        known = each.candidates[each.position - 1]
        assert (
            each.intent.confidence
            == known["confidence"]
            == known["features"]["confidence"]
        )
    with tenant_scope(desk.tenant):
        assert not Verdict.objects.filter(intent__run_id=after[0].run_id).exists()


def test_a_shadow_scores_without_effect(desk: Desk) -> None:
    """N5: what it would have said is kept beside the order that counted."""
    model(desk, "SHADOW")
    rows = decided(desk)
    assert types(rows) == USUAL
    said = rows[0].shadow["m1"]
    assert [round(each, 3) for each in said] == [0.5, 0.953, 0.5]


@pytest.mark.parametrize("status", ["CANDIDATE", "RETIRED"])
def test_only_what_is_active_ranks(desk: Desk, status: str) -> None:
    """N5: neither candidates nor what was retired is asked."""
    model(desk, status)
    rows = decided(desk)
    assert types(rows) == USUAL
    assert rows[0].shadow == {}


def test_a_poisoned_model_never_serves(desk: Desk) -> None:
    """N5: what is not sound is passed over; the order is as without it."""
    model(desk, "ACTIVE", {**NOTES, "coefficients": {"heat": 1e300}})
    model(desk, "SHADOW", {**NOTES, "features_version": 99}, version="m2")
    rows = decided(desk)
    assert types(rows) == USUAL
    assert (rows[0].model, rows[0].shadow) == ("heuristic", {})


def test_the_models_of_others_are_not_asked(make_desk: Any) -> None:
    """N3: neither another tenant's, nor what was never made active for the house."""
    ours, theirs = make_desk(), make_desk()
    model(theirs, "ACTIVE")
    assert {each.model for each in decided(ours)} == {"heuristic"}
    assert not HouseRanking.objects.filter(status="ACTIVE").exists()


def test_chance_orders_near_ties_as_often_as_it_says(desk: Desk) -> None:
    """N2: with a share, near ties change places; the same is written of each."""
    with tenant_scope(desk.tenant):
        Tenant.objects.update(exploration_share=1.0)
    runs = [decided(desk) for _ in range(12)]
    for rows in runs:
        assert "send_follow_up_email" not in types(rows[:2])
        assert [each.propensity for each in rows[:2]] == [0.5, 0.5]
        assert [each["propensity"] for each in rows[0].candidates[:2]] == [0.5, 0.5]
        assert all(each.explored for each in rows)
    assert {rows[0].action_type for rows in runs} <= set(USUAL[:2])


def test_a_confidence_is_shown_for_what_it_is_worth(desk: Desk) -> None:
    """N4: beside the raw one, at intents and in the feed; null before anything is known."""
    rows = decided(desk)
    client = desk.house.client(Role.ADMIN)
    path = f"intents/{rows[0].intent_id}/"
    assert client.send("GET", path).json()["calibrated_confidence"] is None
    model(desk, "ACTIVE")
    shown = client.send("GET", path).json()
    assert shown["confidence"] == 0.84
    assert shown["calibrated_confidence"] == pytest.approx(0.6637, abs=1e-4)
    desk.mode("APPROVAL")
    asked = desk.propose(confidence=0.5)
    seller = desk.house.client(Role.SELLER)
    found = seller.send("GET", "feed/inbox/").json()["results"]
    (item,) = [each for each in found if each["intent"] == str(asked.id)]
    assert (item["confidence"], item["calibrated_confidence"]) == (0.5, 0.5)
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=asked.id).confidence == 0.5
