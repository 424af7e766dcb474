"""R7: who may do what, as one table, cell by cell."""

from itertools import product

import pytest

from perception.rules.roles import Role
from plans.rules.authority import TABLE, Hindrance, Standing, Verb, hindrance
from plans.rules.facts import StepFacts
from plans.rules.gate import Code, beyond_policy
from tests.plans.rules.make import MAIL, MEETING, NOTE, plan, step

STRANGER = {"owns": False, "proposed": False, "owns_account": False}
OWNER = {**STRANGER, "owns": True}
SELF = {**OWNER, "proposed": True, "owns_account": True}
ACCOUNT = {**STRANGER, "owns_account": True}
OK, NOT, ASK, SAME = None, "NOT_YOURS", "NEEDS_APPROVER", "SELF_APPROVAL"
GUIDED = ("activate", "pause", "resume", "abort", "waive", "skip", "retry")
EDITED = ("edit", "revise")

CELLS = {
    # By role and standing: propose, edit and revise, approve, guide, accept.
    ("SELLER", "stranger"): (NOT, NOT, NOT, NOT, NOT),
    ("SELLER", "owner"): (NOT, OK, ASK, OK, NOT),
    ("SELLER", "account"): (OK, NOT, ASK, NOT, OK),
    ("SELLER", "self"): (OK, OK, ASK, OK, OK),
    ("APPROVER", "stranger"): (OK, OK, OK, OK, NOT),
    ("APPROVER", "owner"): (OK, OK, OK, OK, NOT),
    ("APPROVER", "account"): (OK, OK, OK, OK, OK),
    ("APPROVER", "self"): (OK, OK, SAME, OK, OK),
    ("ADMIN", "stranger"): (OK, OK, OK, OK, OK),
    ("ADMIN", "owner"): (OK, OK, OK, OK, OK),
    ("ADMIN", "account"): (OK, OK, OK, OK, OK),
    ("ADMIN", "self"): (OK, OK, SAME, OK, OK),
}
STANDINGS = {"stranger": STRANGER, "owner": OWNER, "account": ACCOUNT, "self": SELF}


def column(verb: str) -> int:
    if verb in EDITED:
        return 1
    return {"propose": 0, "approve": 2, "accept": 4}.get(verb, 3)


@pytest.mark.parametrize(("who", "cells"), CELLS.items(), ids=str)
def test_the_table(who: tuple[str, str], cells: tuple[str | None, ...]) -> None:
    """R7: at any risk, since who approves is an approver either way."""
    standing = Standing(role=Role(who[0]), **STANDINGS[who[1]])
    for verb, risk in product(Verb, ("MINIMAL", "LOW", "MEDIUM", "HIGH", "odd")):
        assert hindrance(verb, standing, risk=risk) == cells[column(verb)], verb


def test_every_verb_is_in_it() -> None:
    """R7."""
    assert set(TABLE) == set(Verb)
    assert {"propose", "approve", "accept", *GUIDED, *EDITED} == set(Verb)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.INTEGRATION])
def test_who_only_looks_or_only_reports_does_nothing(role: Role) -> None:
    """R7: whatever is theirs otherwise."""
    for verb, flags in product(Verb, product((True, False), repeat=3)):
        standing = Standing(
            role=role, owns=flags[0], proposed=flags[1], owns_account=flags[2]
        )
        assert hindrance(verb, standing, risk="LOW") == Hindrance.NOT_YOURS


def test_nobody_approves_what_they_wrote() -> None:
    """R7: not in any role, nor by owning anything."""
    for role, owns, account in product(Role, (True, False), (True, False)):
        standing = Standing(role=role, owns=owns, proposed=True, owns_account=account)
        assert hindrance(Verb.APPROVE, standing, risk="LOW") is not None


@pytest.mark.parametrize(
    ("steps", "level", "may"),
    [
        ([step("a", NOTE)], "MINIMAL", True),
        ([step("a", NOTE)], "LOW", True),
        ([step("a", MAIL)], "MINIMAL", True),
        ([step("a", MEETING)], "MINIMAL", False),
        ([step("a", NOTE)], "MEDIUM", False),
        ([step("a", NOTE)], "who knows", False),
        ([step("a", "no_such_type")], "LOW", False),
    ],
)
def test_policy_approves_what_is_of_low_risk_only(
    steps: list[StepFacts], level: str, may: bool
) -> None:
    """R7: of what is stated and what the steps are, the worse counts."""
    said = beyond_policy(plan(*steps, risk_level=level))
    assert [each.code for each in said] == ([] if may else [Code.RISK_ELEVATED])
