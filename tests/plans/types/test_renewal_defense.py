"""R9: RENEWAL_DEFENSE: when it is met, when it cannot begin, and whom it suits."""

from datetime import timedelta
from typing import Any

import pytest

from perception.rules.heat import Posture
from plans.rules.facts import Deal, PlanFacts
from plans.types.renewal_defense import TYPE
from tests.plans.rules.make import DAY, T0, plan, world

TODAY = T0.date()


def deal(id_: str = "d", stage: str = "negotiation", ahead: int | None = 60) -> Deal:
    day = None if ahead is None else TODAY + timedelta(days=ahead)
    return Deal(id=id_, stage=stage, amount=1000.0, renewal_date=day)


def began(*deals: Deal, known: Any = None, **more: Any) -> PlanFacts:
    """A plan that was proposed while these deals stood so."""
    there = {
        each.id: {
            "stage": each.stage,
            "amount": each.amount,
            "renewal_date": each.renewal_date and each.renewal_date.isoformat(),
        }
        for each in deals
    }
    return plan(baseline={"deals": there, "known": known or {}}, **more)


WON = deal(stage="closed_won")


@pytest.mark.parametrize(
    ("given", "deals", "known", "holds"),
    [
        (began(deal()), [deal()], {}, False),
        (began(deal()), [deal(stage="evaluation")], {}, False),
        (began(deal()), [WON], {}, True),
        (began(deal()), [deal(stage="closed_lost")], {}, False),
        # What was so then does not count.
        (began(WON), [WON], {}, False),
        # The plan's deal, not another.
        (began(deal(), deal("e"), opportunity="d"),
         [deal(), deal("e", "closed_won")], {}, False),
        (began(deal(), deal("e"), opportunity="e"),
         [deal(), deal("e", "closed_won")], {}, True),
        (began(deal(ahead=None), opportunity="d"),
         [deal(stage="closed_won", ahead=None)], {}, True),
        # Where it names none: any that renews.
        (began(deal(), deal("e")), [deal(), deal("e", "closed_won")], {}, True),
        (began(deal(), deal("e", ahead=None)),
         [deal(), deal("e", "closed_won", None)], {}, False),
        (began(deal()), [deal(), deal("new", "closed_won", 400)], {}, True),
        # A new term.
        (began(deal()), [deal(ahead=60 + 179)], {}, False),
        (began(deal()), [deal(ahead=60 + 180)], {}, True),
        (began(WON), [deal(stage="closed_won", ahead=425)], {}, True),
        (began(deal()), [deal(ahead=60 - 365)], {}, False),
        (began(deal(ahead=None)), [deal(ahead=400)], {}, False),
        (began(), [deal(ahead=400)], {}, False),
        # A promise.
        (began(deal()), [deal()], {"renewal_commitment": "signed"}, True),
        (began(deal()), [deal()], {"renewal_commitment": "verbal"}, False),
        (began(deal()), [deal()], {"renewal_commitment": True}, False),
        (began(deal(), known={"renewal_commitment": "signed"}), [deal()],
         {"renewal_commitment": "signed"}, False),
        (began(deal(), known={"renewal_commitment": "verbal"}), [deal()],
         {"renewal_commitment": "signed"}, True),
        (began(), [], {"renewal_commitment": "signed"}, True),
        (began(deal()), [], {}, False),
    ],
)  # fmt: skip
def test_when_it_is_met(
    given: PlanFacts, deals: list[Deal], known: dict[str, Any], holds: bool
) -> None:
    """R9: the renewal is closed, or a commitment signed, since the plan was proposed."""
    met = TYPE.is_met(given, world(deals=tuple(deals), known=known))
    assert met.holds is holds
    assert met.why


@pytest.mark.parametrize(
    "baseline",
    [
        {},
        {"deals": None, "known": None},
        {"deals": {"d": None}, "known": []},
        {"deals": {"d": {"stage": 3, "renewal_date": "soon"}}},
        {"deals": {"d": {"stage": None, "renewal_date": 20270101}}},
    ],
)
def test_a_baseline_that_is_not_whole_breaks_nothing(baseline: Any) -> None:
    given = plan(baseline=baseline)
    assert not TYPE.is_met(given, world(deals=(deal(ahead=400),))).holds
    assert TYPE.is_met(given, world(deals=(WON,))).holds


@pytest.mark.parametrize(
    ("deals", "more", "unmet"),
    [
        ([], {}, 0),
        ([deal(ahead=None)], {}, 0),
        ([deal(ahead=31)], {}, 0),
        # The deadline was at midnight.
        ([deal(ahead=30)], {}, 1),
        ([deal(ahead=-5)], {}, 1),
        ([deal(ahead=10), deal("e", ahead=90)], {}, 0),
        ([deal(ahead=10), deal("e", ahead=None)], {}, 1),
        ([deal(ahead=10)], {"closed": True}, 2),
        ([deal(ahead=10)], {"closed": True, "lifecycle": "CHURNED"}, 3),
        ([deal(ahead=90)], {"lifecycle": "PROSPECT"}, 0),
    ],
)
def test_what_stands_against_it(
    deals: list[Deal], more: dict[str, Any], unmet: int
) -> None:
    """R4: PRECONDITIONS_UNMET, one sentence for each."""
    said = TYPE.unmet(plan(), world(deals=tuple(deals), **more))
    assert len(said) == unmet
    assert all(each.endswith(".") for each in said)


def test_the_plans_own_deal_says_whether_there_is_time() -> None:
    """R4."""
    around = world(deals=(deal(ahead=10), deal("e", ahead=90)))
    assert TYPE.unmet(plan(opportunity="d"), around)
    assert not TYPE.unmet(plan(opportunity="e"), around)


@pytest.mark.parametrize(
    ("deals", "left"),
    [
        ([], None),
        ([deal(ahead=None)], None),
        ([deal(ahead=30)], None),
        ([deal(ahead=31)], 31),
        ([deal(ahead=120)], 120),
        ([deal(ahead=121)], None),
        # A contract that was won, and renews.
        ([deal(stage="closed_won")], 60),
        ([deal(stage="closed_lost")], None),
        ([deal(ahead=20), deal("e", ahead=100), deal("f", ahead=50)], 50),
    ],
)
def test_whom_it_suits(deals: list[Deal], left: int | None) -> None:
    """R8: a renewal that there is time for, and that is not lost."""
    found = TYPE.suits(world(deals=tuple(deals)))
    if left is None:
        assert found is None
        return
    assert found is not None
    assert found.day == TODAY + timedelta(days=left)
    chosen = next(each for each in deals if each.renewal_date == found.day)
    assert found.opportunity == chosen.id
    assert str(left) in found.why
    # The plan that comes of it can begin.
    assert not TYPE.unmet(plan(opportunity=chosen.id), world(deals=tuple(deals)))
    assert TYPE.deadline(found.day, T0) > T0


def worth(ahead: int = 90, **more: Any) -> float:
    given: dict[str, Any] = {"replies": (T0 - DAY,)}
    found = TYPE.suits(world(deals=(deal(ahead=ahead),), **{**given, **more}))
    assert found is not None
    return found.worth


def test_it_is_worth_more_the_nearer_and_the_uneasier() -> None:
    """R8: posture, mood and silence count where they are known."""
    by_day = [worth(ahead) for ahead in range(120, 30, -1)]
    assert by_day == sorted(by_day)
    assert by_day[0] < by_day[-1]
    assert worth() < worth(posture=Posture.WATCH)
    assert worth(posture=Posture.WATCH) < worth(posture=Posture.AT_RISK)
    assert worth() == worth(posture=Posture.OK, sentiment="POSITIVE")
    assert worth() < worth(sentiment="NEGATIVE")
    assert worth() == worth(replies=(T0 - 30 * DAY,))
    assert worth() < worth(replies=(T0 - 31 * DAY,))
    assert worth() < worth(replies=())
    most = worth(31, posture=Posture.AT_RISK, replies=())
    assert worth(120) == 0.4
    assert most == 1.0


def test_the_course_as_it_is_declared() -> None:
    """R9: a brief by itself; a meeting that a person asks for; what follows silence."""
    assert [
        (each.action_type, each.after, each.required, each.human_touch, each.only_if)
        for each in TYPE.template
    ] == [
        ("prep_renewal_brief", (), True, False, ""),
        ("request_renewal_meeting", ("brief",), True, True, ""),
        ("send_follow_up_email", ("meeting",), False, True, "NO_REPLY"),
        ("send_follow_up_email", ("follow_up",), False, True, "NO_REPLY"),
        ("escalate_support_risk", ("meeting",), False, True, ""),
        ("create_follow_up_task", ("meeting",), True, False, ""),
    ]
    assert [each.starts_after.days for each in TYPE.template] == [0, 0, 3, 8, 10, 24]
    assert (TYPE.max_touches, TYPE.priority, TYPE.lasts.days) == (4, 100, 30)
