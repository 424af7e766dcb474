"""R9: EXPANSION is only a declaration: what it is met by, and whom it suits."""

from typing import Any

import pytest

from perception.rules.heat import Posture
from plans.rules.facts import Deal
from plans.types.expansion import TYPE
from tests.plans.rules.make import T0, plan, world


def deal(id_: str = "d", stage: str = "discovery", **more: Any) -> Deal:
    return Deal(id=id_, stage=stage, amount=None, **{"renewal_date": None, **more})


BEFORE = {"deals": {"d": {"stage": "discovery"}, "old": {"stage": "closed_won"}}}
OLD = deal("old", "closed_won")


@pytest.mark.parametrize(
    ("more", "deals", "holds"),
    [
        ({}, [deal(), OLD], False),
        ({}, [deal(stage="closed_won"), OLD], True),
        ({}, [deal(), OLD, deal("new", "closed_won")], True),
        ({"opportunity": "d"}, [deal(), OLD, deal("new", "closed_won")], False),
        ({"opportunity": "d"}, [deal(stage="closed_won"), OLD], True),
        ({"opportunity": "old"}, [deal(), OLD], False),
    ],
)
def test_when_it_is_met(more: dict[str, Any], deals: list[Deal], holds: bool) -> None:
    """R9."""
    met = TYPE.is_met(plan(baseline=BEFORE, **more), world(deals=tuple(deals)))
    assert met.holds is holds


GROWS = Posture.EXPAND


@pytest.mark.parametrize(
    ("more", "suits"),
    [
        ({}, False),
        ({"posture": GROWS}, True),
        ({"posture": Posture.AT_RISK}, False),
        ({"known": {"posture": "EXPAND"}}, False),
        ({"posture": GROWS, "lifecycle": "PROSPECT"}, False),
    ],
)
def test_whom_it_suits(more: dict[str, Any], suits: bool) -> None:
    """R8."""
    assert (TYPE.suits(world(**more)) is not None) is suits


def test_a_deal_under_way_is_what_it_is_about() -> None:
    """R8: not the renewal, which has a type of its own."""
    renewal = deal("a", renewal_date=T0.date())
    found = TYPE.suits(world(posture=GROWS, deals=(renewal, deal("c"), deal("b"), OLD)))
    none = TYPE.suits(world(posture=GROWS, deals=(renewal, OLD)))
    assert found is not None
    assert none is not None
    assert (found.opportunity, none.opportunity) == ("b", None)
    assert found.worth > none.worth


def test_only_customers_grow() -> None:
    """R4."""
    assert TYPE.unmet(plan(), world(lifecycle="PROSPECT"))
    assert TYPE.unmet(plan(), world(lifecycle="CHURNED")) == [
        "The account has left us."
    ]
    assert TYPE.unmet(plan(), world()) == []
