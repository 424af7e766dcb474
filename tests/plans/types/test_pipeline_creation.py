"""R9: PIPELINE_CREATION is only a declaration: what it is met by, and whom it suits."""

from typing import Any

import pytest

from plans.rules.facts import Deal
from plans.types.pipeline_creation import TYPE
from tests.plans.rules.make import plan, world


def deal(id_: str, stage: str = "prospecting") -> Deal:
    return Deal(id=id_, stage=stage, amount=None, renewal_date=None)


@pytest.mark.parametrize(
    ("deals", "holds"),
    [
        ([], False),
        ([deal("old")], False),
        ([deal("old", "closed_won")], False),
        ([deal("old"), deal("new")], True),
        ([deal("new", "closed_won")], True),
        ([deal("new", "closed_lost")], False),
        ([deal("new", "stalled")], True),
    ],
)
def test_when_it_is_met(deals: list[Deal], holds: bool) -> None:
    """R9: a deal came up that was not there, and is not lost already."""
    given = plan(baseline={"deals": {"old": {"stage": "prospecting"}}})
    assert TYPE.is_met(given, world(deals=tuple(deals))).holds is holds


@pytest.mark.parametrize(
    ("more", "suits"),
    [
        ({"lifecycle": "PROSPECT"}, True),
        ({"lifecycle": "SUSPECT"}, True),
        ({"lifecycle": "CUSTOMER"}, False),
        ({"lifecycle": "PROSPECT", "deals": (deal("d"),)}, False),
        ({"lifecycle": "PROSPECT", "deals": (deal("d", "closed_lost"),)}, True),
    ],
)
def test_whom_it_suits(more: dict[str, Any], suits: bool) -> None:
    """R8: who is no customer, and has no deal under way."""
    assert (TYPE.suits(world(**more)) is not None) is suits


def test_who_has_shown_interest_comes_first() -> None:
    """R8."""
    found = [TYPE.suits(world(lifecycle=each)) for each in ("PROSPECT", "SUSPECT")]
    worth = [each.worth for each in found if each]
    assert worth == sorted(worth)
    assert len(set(worth)) == 2


def test_a_customer_needs_no_first_words() -> None:
    """R4."""
    assert TYPE.unmet(plan(), world())
    assert TYPE.unmet(plan(), world(lifecycle="SUSPECT")) == []
