"""N1: the taxonomy, what an outcome is worth, and what turns an offer down."""

import pytest

from autonomy.rules.outcomes import FINISHED, normalized, reward
from autonomy.rules.responses import is_negative


@pytest.mark.parametrize(
    ("status", "held", "word"),
    [
        ("REJECTED", ["IDEA_REJECTED"], "IDEA_REJECTED"),
        ("SUCCEEDED", ["EXECUTION_SUCCEEDED"], "EXECUTION_SUCCEEDED"),
        ("SUCCEEDED", ["EXECUTION_SUCCEEDED", "IDEA_EDITED"], "IDEA_EDITED"),
        ("SUCCEEDED", ["EXECUTION_SUCCEEDED", "NO_RESPONSE"], "NO_RESPONSE"),
        (
            "SUCCEEDED",
            ["EXECUTION_SUCCEEDED", "IDEA_EDITED", "NEGATIVE_RESPONSE"],
            "NEGATIVE_RESPONSE",
        ),
        ("FAILED", ["EXECUTION_FAILED", "IDEA_EDITED"], "EXECUTION_FAILED"),
        ("UNDONE", ["EXECUTION_SUCCEEDED", "UNDONE"], "UNDONE"),
        ("EXPIRED", [], "EXPIRED"),
        ("BLOCKED", [], "BLOCKED"),
        ("CANCELLED", ["IDEA_EDITED"], "CANCELLED"),
        ("REJECTED", [], None),
        ("SUCCEEDED", ["IDEA_EDITED"], None),
        ("APPROVED", ["IDEA_EDITED"], None),
    ],
)
def test_one_word_for_what_became_of_it(status, held, word) -> None:
    """N1: expiry, undo and block are other facts; what is missing has no word."""
    assert normalized(status, held) == word


def test_other_facts_are_never_a_refusal() -> None:
    """N1."""
    for status in FINISHED - {"REJECTED"}:
        assert normalized(status, ["IDEA_REJECTED"]) != "IDEA_REJECTED"


@pytest.mark.parametrize(
    ("held", "worth"),
    [
        ({"EXECUTION_SUCCEEDED": "execution"}, 1.0),
        ({"EXECUTION_SUCCEEDED": "execution", "NO_RESPONSE": "external"}, 1.0),
        ({"EXECUTION_SUCCEEDED": "execution", "IDEA_EDITED": ""}, 0.0),
        ({"EXECUTION_SUCCEEDED": "execution", "UNDONE": ""}, 0.0),
        ({"EXECUTION_SUCCEEDED": "", "NEGATIVE_RESPONSE": "external"}, 0.0),
        ({"IDEA_REJECTED": "idea"}, 0.0),
        ({"IDEA_REJECTED": "timing"}, 0.0),
        ({"IDEA_REJECTED": "external"}, None),
        ({"EXECUTION_FAILED": "execution"}, None),
        ({}, None),
    ],
)
def test_what_an_outcome_is_worth(held, worth) -> None:
    """N3: nothing is learned from what the idea could not help."""
    assert reward(held) == worth


@pytest.mark.parametrize(
    ("payload", "turns_down"),
    [
        ({"sentiment": "negative", "text": "Gladly."}, True),
        ({"sentiment": "POSITIVE", "text": "We are not interested in others."}, False),
        ({"text": "Thanks, but we're not interested."}, True),
        ({"text": "Please stop emailing me."}, True),
        ({"text": "Don't contact us again."}, True),
        ({"text": "Are you not interested?"}, False),
        ({"text": "Gladly, let us talk.\n> We are not interested."}, False),
        ({"text": 7}, False),
        ({}, False),
    ],
)
def test_what_turns_an_offer_down(payload, turns_down) -> None:
    """N1: what a source says, else what is newly written; a question never."""
    assert is_negative(payload) is turns_down
