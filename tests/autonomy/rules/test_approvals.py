"""H1, H2, H5: who decides, for how long, and when it goes on to somebody else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autonomy.rules.approvals import (
    Hindrance,
    Standing,
    Step,
    Waiting,
    hindrance,
    is_mixed,
    is_rubber_stamp,
    lifetime,
    required_role,
    risk_of,
    step_due,
)
from autonomy.rules.catalogue import CORE
from autonomy.rules.facts import Facts
from perception.rules.roles import Role

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def facts(key: str = "create_internal_note", **more: Any) -> Facts:
    given: dict[str, Any] = {
        "day": "2026-11-20",
        "account": "a",
        "seller": "s",
        "action_type": key,
        "traits": CORE[key].traits if key in CORE else None,
        "origin": "signal",
        "confidence": 0.9,
        "risk_level": None,
        "stage": None,
        "lifecycle": "CUSTOMER",
        "tainted": False,
        "switches": (),
        "modes": (),
        "opted_in": False,
        "digest_delivered": None,
        "contact": None,
        "opted_out": None,
        "account_reach": None,
        "contact_reach": None,
        "quiet": None,
        "profile": False,
        "allowlisted": True,
        "min_confidence": 0.7,
        "amount": 0.0,
        "amount_cap": None,
        "within_hours": True,
        "budgets": (),
    }
    return Facts(**{**given, **more})


@pytest.mark.parametrize(
    ("given", "role"),
    [
        (facts(), "SELLER"),
        (facts("send_follow_up_email"), "SELLER"),
        (facts(risk_level="MEDIUM"), "APPROVER"),
        (facts(risk_level="HIGH"), "APPROVER"),
        (facts(risk_level="strange"), "APPROVER"),
        (facts("send_email"), "APPROVER"),
        (facts("escalate_to_management"), "APPROVER"),
        (facts("no_such_type"), "APPROVER"),
        (facts(stage="discovery"), "SELLER"),
        (facts(stage="negotiation"), "APPROVER"),
        (facts(stage="closed_won"), "APPROVER"),
        (facts(stage="who_knows"), "APPROVER"),
    ],
)
def test_risk_gates_and_the_unknown_need_an_approver(given: Facts, role: str) -> None:
    """H2, A4: everything else is the account's owner's."""
    assert required_role(given) == role


def test_a_tightened_type_needs_an_approver() -> None:
    """A2, H2."""
    traits = replace(CORE["create_internal_note"].traits, tier="APPROVAL_REQUIRED")
    assert required_role(facts(traits=traits)) == "APPROVER"


def test_words_to_the_outside_grow_stale_sooner() -> None:
    """H2: expiry is by type, and never later than what was set."""
    assert lifetime(facts(), default=3 * DAY) == 3 * DAY
    assert lifetime(facts("send_follow_up_email"), default=3 * DAY) == 2 * DAY
    assert lifetime(facts("send_email"), default=DAY) == DAY
    assert lifetime(facts("no_such_type"), default=3 * DAY) == 2 * DAY


ALL = [
    (role, owns, assigned, author, needs, four_eyes)
    for role in Role
    for owns in (False, True)
    for assigned in (False, True)
    for author in (False, True)
    for needs in ("SELLER", "APPROVER")
    for four_eyes in (False, True)
]


@pytest.mark.parametrize(
    ("role", "owns", "assigned", "author", "needs", "four_eyes"), ALL
)
def test_who_may_decide(
    role: Role, owns: bool, assigned: bool, author: bool, needs: str, four_eyes: bool
) -> None:
    """H2, T2: the whole table, written the other way round."""
    standing = Standing(
        role=role, owns_account=owns, is_assigned=assigned, is_author=author
    )
    found = hindrance(needs, standing, four_eyes=four_eyes)
    may = not (four_eyes and author) and (
        role in ("APPROVER", "ADMIN")
        or (role == "SELLER" and needs == "SELLER" and (owns or assigned))
    )
    assert (found is None) == may
    if role in ("AUDITOR", "INTEGRATION"):
        assert found is Hindrance.NOT_YOURS


def waiting(**more: Any) -> Waiting:
    given: dict[str, Any] = {
        "requires_role": "SELLER",
        "asked_at": T0,
        "expires_at": T0 + 4 * DAY,
        "remind_at": T0 + 2 * DAY,
        "escalated_at": None,
    }
    return Waiting(**{**given, **more})


@pytest.mark.parametrize(
    ("given", "after", "step"),
    [
        (waiting(), 2 * DAY - timedelta(microseconds=1), None),
        (waiting(), 2 * DAY, Step.REMIND),
        (waiting(remind_at=None), 2 * DAY, None),
        (waiting(), 3 * DAY - timedelta(microseconds=1), Step.REMIND),
        (waiting(), 3 * DAY, Step.ESCALATE),
        (waiting(escalated_at=T0 + 3 * DAY, remind_at=None), 3 * DAY, None),
        (waiting(requires_role="APPROVER", remind_at=None), 3.5 * DAY, None),
        (waiting(), 4 * DAY, Step.EXPIRE),
        (waiting(), 400 * DAY, Step.EXPIRE),
    ],
)
def test_half_time_three_quarters_and_the_end(
    given: Waiting, after: timedelta, step: Step | None
) -> None:
    """H2: reminded, handed to approvers, over; one that was late takes one step."""
    assert step_due(given, now=T0 + after) is step


def test_one_kind_at_a_time() -> None:
    """H1: bulk is for the same action type and risk."""
    assert not is_mixed([])
    assert not is_mixed([("a", "LOW"), ("a", "LOW")])
    assert is_mixed([("a", "LOW"), ("a", "HIGH")])
    assert is_mixed([("a", "LOW"), ("b", "LOW")])


def test_the_risk_that_counts() -> None:
    """D3: a claim only raises; an unregistered type has none that is known."""
    assert risk_of("LOW", "HIGH") == "HIGH"
    assert risk_of("HIGH", "LOW") == "HIGH"
    assert risk_of("LOW", None) == "LOW"
    assert risk_of(None, "LOW") == "UNKNOWN"


def test_a_rubber_stamp_is_shown_as_such() -> None:
    """H5."""
    assert is_rubber_stamp(10, 0.5)
    assert not is_rubber_stamp(9, 1.0)
    assert not is_rubber_stamp(100, 0.49)
