"""N2: the order of proposals, and how likely it was: counted out, and drawn many times."""

from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.rules.ranking import (
    FEATURES_VERSION,
    NEAR,
    chance_of,
    features,
    ordered,
    score,
    usable,
)

SCORES = st.lists(
    st.integers(0, 20).map(lambda each: each / 20), min_size=1, max_size=4
)
SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])
MODEL = {
    "kind": "logistic",
    "features_version": FEATURES_VERSION,
    "intercept": -1.0,
    "coefficients": {"confidence": 2.0, "type.create_internal_note": 0.5},
}
CONTEXT = {
    "at": "2026-11-20T12:00:00+00:00",
    "trigger": "SIGNAL_ARRIVED",
    "signal": "s1",
    "account": {"lifecycle": "CUSTOMER", "heat": {"score": 0.5, "tier": "HOT"}},
    "signals": [
        {"id": "s1", "type": "news", "occurred_at": "2026-11-20T11:00:00+00:00"},
        {
            "id": "s2",
            "type": "reply_received",
            "occurred_at": "2026-11-11T12:00:00+00:00",
        },
    ],
    "intents": [
        {
            "action_type": "send_follow_up_email",
            "status": "SUCCEEDED",
            "at": "2026-10-21T12:00:00+00:00",
        },
        {
            "action_type": "create_internal_note",
            "status": "AWAITING_APPROVAL",
            "at": "2026-11-19T12:00:00+00:00",
        },
    ],
    "outcomes": [
        {"action_type": "create_internal_note", "taxonomy": "IDEA_REJECTED"},
        {"action_type": "draft_email", "taxonomy": "IDEA_REJECTED"},
    ],
    "open_approvals": 3,
    "plans": [{"status": "ACTIVE"}],
}


@given(SCORES, SHARES)
def test_chances_are_those_of_all_orders_together(scores, share) -> None:
    """N2: propensities of places and of coming first, against every order counted out."""
    found = ordered(scores, share=share, seed="a run")
    every = {
        order: chance_of(order, scores, share=share)
        for order in permutations(range(len(scores)))
    }
    assert sum(every.values()) == pytest.approx(1)
    assert every[found.places] > 0
    for at, chance in enumerate(found.first):
        first = sum(each for order, each in every.items() if order[0] == at)
        assert chance == pytest.approx(first)
    for place, at in enumerate(found.places):
        there = sum(each for order, each in every.items() if order[place] == at)
        assert found.there[place] == pytest.approx(there)
        assert 0 < found.there[place] <= 1


@given(SCORES, SHARES, st.integers(0, 1000))
def test_only_near_ties_change_places(scores, share, seed) -> None:
    """N2: whatever chance does, nothing much worse stands before anything better."""
    places = ordered(scores, share=share, seed=str(seed)).places
    assert sorted(places) == list(range(len(scores)))
    for place, at in enumerate(places):
        for later in places[place + 1 :]:
            assert scores[later] - scores[at] <= NEAR + 1e-9


def test_without_a_share_nothing_is_left_to_chance() -> None:
    """N2: the best first; ties as they came, or by what else is known."""
    plain = ordered([0.5, 0.9, 0.9], share=0.0, seed="x")
    assert (plain.places, plain.explored, plain.there) == ((1, 2, 0), False, (1, 1, 1))
    beside = ordered([0.5, 0.9, 0.9], share=0.0, seed="x", ties=[0, 0, 1])
    assert beside.places == (2, 1, 0)
    assert ordered([], share=0.5, seed="x").places == ()


def test_draws_come_as_often_as_is_said() -> None:
    """N2: 4,000 runs, each drawing by its own id; the same run draws the same."""
    scores = [0.80, 0.78, 0.77]
    drawn = [ordered(scores, share=0.6, seed=f"run {each}") for each in range(4000)]
    said = drawn[0].first
    came = Counter(each.places[0] for each in drawn)
    for at in range(3):
        # Five standard deviations of 4,000 draws.
        assert came[at] / 4000 == pytest.approx(said[at], abs=0.04)
    assert drawn[7] == ordered(scores, share=0.6, seed="run 7")


def test_features_are_those_of_the_frozen_context() -> None:
    """N2: by name, none of them of a person."""
    found = features(CONTEXT, "create_internal_note", 0.76, 2)
    assert found == {
        "confidence": 0.76,
        "evidence": 0.2,
        "heat": 0.5,
        "tier.HOT": 1.0,
        "lifecycle.CUSTOMER": 1.0,
        "silence": 0.1,
        "open_approvals": 0.3,
        "rejected": 0.1,
        "waiting": 0.1,
        "plan": 1.0,
        "trigger.SIGNAL_ARRIVED": 1.0,
        "signal.news": 1.0,
        "type.create_internal_note": 1.0,
    }


def test_a_model_says_how_likely_it_is_of_use() -> None:
    """N3: a plain sum through the logistic curve; strange names count for nothing."""
    known = {"confidence": 0.5, "type.create_internal_note": 1.0, "strange": 9.0}
    assert score(MODEL, known) == pytest.approx(0.6224593)
    assert score({**MODEL, "intercept": 9e3}, known) == 1.0
    assert score({**MODEL, "intercept": -9e3}, known) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"intercept": float("nan")},
        {"intercept": None},
        {"coefficients": {"confidence": 1e9}},
        {"coefficients": {"confidence": True}},
        {"coefficients": None},
        {"features_version": FEATURES_VERSION + 1},
        {"kind": "forest"},
    ],
)
def test_what_is_not_sound_never_serves(wrong) -> None:
    """N3, N5: numbers that are none, or of other features."""
    assert usable(MODEL)
    assert not usable({**MODEL, **wrong})
    assert not usable(None)
