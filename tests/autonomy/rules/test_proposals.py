"""D3: whatever a synthesizer writes, what falls outside is refused by name."""

from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from autonomy.rules.proposals import Draft, Refused, leads_out, read, sort_out

KNOWN = {"create_internal_note", "create_briefing", "draft_email", "log_interaction"}
SHOWN = {"s1", "s2"}
FINE = Draft(
    action_type="create_internal_note",
    parameters={"text": "A note."},
    confidence=0.8,
    rationale="It helps.",
    evidence=("s1",),
)


def refused(*drafts: Draft, is_model: bool = True) -> list[str]:
    found = sort_out(drafts, known=KNOWN, shown=SHOWN, is_model=is_model)
    return [each.code for each in found.refused]


def test_what_holds_is_kept_in_its_order() -> None:
    """D3: ranked as they came; keys are looked up trimmed and case-folded."""
    other = replace(FINE, action_type=" Create_BRIEFING ", parameters={"title": "T"})
    found = sort_out([FINE, other], known=KNOWN, shown=SHOWN, is_model=True)
    assert found.refused == ()
    assert found.kept == (FINE, replace(other, action_type="create_briefing"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"action_type": "send_money"}, "UNKNOWN_ACTION"),
        ({"confidence": 1.0001}, "BAD_CONFIDENCE"),
        ({"confidence": -0.1}, "BAD_CONFIDENCE"),
        ({"confidence": float("nan")}, "BAD_CONFIDENCE"),
        ({"confidence": float("inf")}, "BAD_CONFIDENCE"),
        ({"confidence": 10**400}, "BAD_CONFIDENCE"),
        ({"evidence": ("s1", "s9")}, "FOREIGN_EVIDENCE"),
        ({"rationale": "x" * 2001}, "LONG_RATIONALE"),
        ({"risk_level": "NONE"}, "UNKNOWN_RISK"),
        ({"parameters": {"text": "See https://evil.example"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "Write to a@evil.example"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "Go to evil.example/login"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"a": [{"b": "mailto:x"}]}}, "ADDRESS_IN_TEXT"),
        (
            {"parameters": {"text": "See h\u200bttps:\u2060//evil.example"}},
            "ADDRESS_IN_TEXT",
        ),
        ({"parameters": {"text": "See evil.example?secret=1"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "See evil.example:8443"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "See //evil.example"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "See 203.0.113.9/x"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "See evil\u3002example/x"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "Ask thief\uff20evil.example"}}, "ADDRESS_IN_TEXT"),
        ({"parameters": {"text": "Pay \u202e001\u202c now"}}, "HIDDEN_TEXT"),
        ({"parameters": {"text": "Fine.\U000e0070\U000e0061"}}, "HIDDEN_TEXT"),
    ],
)
def test_what_does_not_hold_is_refused(change: dict[str, Any], code: str) -> None:
    """D3: registry, numbers, evidence, sizes; and no addresses from a model."""
    found = sort_out([replace(FINE, **change)], known=KNOWN, shown=SHOWN, is_model=True)
    assert found.kept == ()
    assert [each.code for each in found.refused] == [code]
    assert "evil" not in repr(found.refused)


def test_the_same_twice_and_more_than_three() -> None:
    """D3: at most three are kept; the rest is listed, and the list has an end."""
    many = [replace(FINE, parameters={"text": str(each)}) for each in range(30)]
    assert refused(FINE, FINE) == ["DUPLICATE"]
    found = sort_out(many, known=KNOWN, shown=SHOWN, is_model=True)
    assert [each.parameters["text"] for each in found.kept] == ["0", "1", "2"]
    assert [each.code for each in found.refused] == ["TOO_MANY"] * 18
    assert found.refused[-1].detail == "10 more were not looked at"


@pytest.mark.parametrize(
    "text",
    [
        "Q1/Q2, 24/7, 3.50/month and 1.2.3", "Is it ready?Yes. Mr. Smith: call at 10:30.",
        "e.g. this/that", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "Fine \u2764\ufe0f",
    ],
)  # fmt: skip
def test_plain_words_are_kept(text: str) -> None:
    """D3: numbers, shares, and what joins letters and pictures lead nowhere."""
    assert refused(replace(FINE, parameters={"text": text})) == []


def test_a_models_reasons_are_cleaned_and_the_houses_are_not() -> None:
    """4.4: no links, and nothing that cannot be seen, in what people will read."""
    written = replace(FINE, rationale="See https://evil.example\u202e now\x00")
    (kept,) = sort_out([written], known=KNOWN, shown=SHOWN, is_model=True).kept
    assert kept.rationale == "See [removed] now"
    own = replace(FINE, parameters={"text": "https://ours.example"})
    assert refused(own, is_model=False) == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ([], "BAD_SHAPE"),
        ({}, "BAD_SHAPE"),
        ({"action_type": 1, "parameters": {}, "confidence": 1}, "BAD_SHAPE"),
        ({"action_type": "x", "parameters": [], "confidence": 1}, "BAD_SHAPE"),
        ({"action_type": "x", "parameters": {}, "confidence": True}, "BAD_SHAPE"),
        ({"action_type": "x", "parameters": {}, "confidence": "1"}, "BAD_SHAPE"),
        (
            {"action_type": "x", "parameters": {}, "confidence": 1, "evidence": [1]},
            "BAD_SHAPE",
        ),
        (
            {"action_type": "x", "parameters": {}, "confidence": 1, "account": "b"},
            "EXTRA_FIELDS",
        ),
    ],
)
def test_what_is_no_proposal_at_all(raw: object, code: str) -> None:
    """D3: another shape, or fields such as another account, are refused whole."""
    found = read(raw)
    assert isinstance(found, Refused)
    assert found.code == code


def test_a_proposal_needs_only_what_it_must_say() -> None:
    found = read({"action_type": "x", "parameters": {"a": 1}, "confidence": 1})
    assert found == Draft(action_type="x", parameters={"a": 1}, confidence=1)


@pytest.mark.parametrize("piece", ["a.", "a", "a@", "https", "a-"])
def test_looking_for_addresses_takes_no_time(piece: str) -> None:
    """Denial of service: the longest text that may come is searched at once."""
    started = monotonic()
    leads_out(piece * 32_000)
    assert monotonic() - started < 10
