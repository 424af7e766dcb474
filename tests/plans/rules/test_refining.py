"""R8: what a model says of a draft stays within its template, schema and order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.rules.catalogue import CORE
from autonomy.rules.proposals import Draft
from plans.rules.facts import World
from plans.rules.proposals import CONFIDENCE, Outline, outline
from plans.rules.refining import WORDS, described, offered, refine
from plans.types.base import Suits
from plans.types.registry import TYPES

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SCHEMAS = {key: dict(each.schema) for key, each in CORE.items()}
TYPE = TYPES["RENEWAL_DEFENSE"]


def made() -> Outline:
    day = NOW.date() + timedelta(days=80)
    around = World(now=NOW, zone="UTC", lifecycle="CUSTOMER", owner=None)
    found = outline(TYPE, Suits(worth=1, why="", day=day), around)
    assert isinstance(found, Outline)
    return found


def said(action_type: str, confidence: float = 0.8, **parameters: Any) -> Draft:
    return Draft(action_type=action_type, parameters=parameters, confidence=confidence)


RULED = made()
MAIL = "send_follow_up_email"


def keys(outlined: Outline) -> list[str]:
    return [each.key for each in outlined.steps]


def test_what_is_not_named_is_left_out_if_it_is_optional() -> None:
    """R8: it chooses among the optional steps; what is required stays."""
    found = refine(RULED, [said(MAIL)], SCHEMAS)
    assert keys(found.outline) == ["brief", "meeting", "follow_up", "last_look"]
    assert found.refused == ()


def test_two_of_a_type_are_taken_in_the_template_s_order() -> None:
    """R8: and not more than there are."""
    found = refine(RULED, [said(MAIL)] * 3, SCHEMAS)
    assert {"follow_up", "second_follow_up"} <= set(keys(found.outline))
    assert [each.code for each in found.refused] == ["OUTSIDE_TEMPLATE"]


def test_words_may_change_and_confidence_may_fall() -> None:
    """R8: never rise."""
    lower = refine(RULED, [said(MAIL, 0.5, body="Dear all, shall we talk?")], SCHEMAS)
    step = lower.outline.steps[2]
    assert step.parameters["body"] == "Dear all, shall we talk?"
    assert step.parameters["subject"] == RULED.steps[2].parameters["subject"]
    assert step.confidence == 0.5
    higher = refine(RULED, [said(MAIL, 1.0)], SCHEMAS)
    assert higher.outline.steps[2].confidence == CONFIDENCE


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (said("send_proposal", summary="Half the price."), "OUTSIDE_TEMPLATE"),
        (said("commit_pricing"), "OUTSIDE_TEMPLATE"),
        (said(MAIL, to="ann@acme.example"), "OUTSIDE_TEMPLATE"),
        (
            said("request_renewal_meeting", start="2030-01-01T00:00:00Z"),
            "FIXED_PARAMETER",
        ),
        (said("request_renewal_meeting", minutes=480), "FIXED_PARAMETER"),
        (said("escalate_support_risk", urgency="normal"), "FIXED_PARAMETER"),
        (said(MAIL, body=None), "FIXED_PARAMETER"),
        (said(MAIL, body="  "), "FIXED_PARAMETER"),
    ],
)
def test_what_is_not_its_to_say_is_refused_and_the_rules_stand(
    draft: Draft, code: str
) -> None:
    """R8: outside template or schema, times and figures: nothing of it is taken."""
    found = refine(RULED, [draft], SCHEMAS)
    assert [each.code for each in found.refused] == [code]
    assert (found.kept, found.outline) == ((), RULED)


DRAFTS = st.lists(
    st.builds(
        Draft,
        action_type=st.sampled_from([*offered(RULED), *sorted(CORE)]),
        parameters=st.dictionaries(
            st.sampled_from([*sorted(WORDS), "start", "minutes", "urgency", "to"]),
            st.one_of(st.text(max_size=30), st.integers(), st.none()),
            max_size=3,
        ),
        confidence=st.floats(0, 1),
    ),
    max_size=8,
)


@given(drafts=DRAFTS)
@settings(max_examples=150, deadline=None)
def test_whatever_it_says_the_template_bounds_it(drafts: list[Draft]) -> None:
    """R8: no step, parameter, time or certainty comes out that did not go in."""
    found = refine(RULED, drafts, SCHEMAS)
    before = {each.key: each for each in RULED.steps}
    assert found.outline.expires_at == RULED.expires_at
    assert found.outline.objective == RULED.objective
    assert [k for k in keys(RULED) if k in keys(found.outline)] == keys(found.outline)
    assert {k for k in before if before[k].required} <= set(keys(found.outline))
    for step in found.outline.steps:
        was = before[step.key]
        assert step.parameters.keys() == was.parameters.keys()
        assert step.confidence <= was.confidence
        assert (step.action_type, step.human_touch, step.earliest, step.latest) == (
            was.action_type, was.human_touch, was.earliest, was.latest,
        )  # fmt: skip
        for name, value in step.parameters.items():
            assert value == was.parameters[name] or name in WORDS
    assert len(found.kept) + len(found.refused) == len(drafts)


def test_what_is_shown_names_nobody() -> None:
    """R8: the account's name is filled in afterwards."""
    shown = described(RULED, plan_type=TYPE.key)
    assert "{account}" in str(shown)
    assert [each["required"] for each in shown["steps"]] == [
        each.required for each in RULED.steps
    ]
