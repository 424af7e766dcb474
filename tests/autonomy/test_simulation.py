"""A13: recorded intents judged again, in order, under what might be in force instead."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from autonomy.budget import give_back
from autonomy.models import Budget, Verdict
from autonomy.policies import save_bundle
from ledger.scope import tenant_scope
from tests.autonomy.api.replay import (
    ASK,
    AUTO,
    BLOCK,
    CHAIN,
    Plain,
    Replay,
    agrees,
    mixed,
    tried,
)
from tests.autonomy.api.small import bundle, clause
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads

_made: list[Desk] = []


@pytest.fixture
def history(make_desk: Callable[..., Desk]) -> Desk:
    """A history that tests only read, so that it is made once."""
    if not _made:
        desk = make_desk(limit=40)
        mixed(desk, 320, seed=13)
        _made.append(desk)
    return _made[0]


# --- The same, computed once more -------------------------------------------------------


def test_the_live_policy_on_its_own_history_differs_nowhere(history: Desk) -> None:
    """A13."""
    report = tried(history)
    assert (report["differences"], report["unevaluable"]) == (0, 0)
    assert report["newly_autonomous"] == []
    agrees(history, report, Replay())
    assert all(report["matrix"][each][each] for each in CHAIN)


@pytest.mark.parametrize("mode", ["AUTOPILOT", "APPROVAL", "DISABLED"])
def test_another_mode(history: Desk, mode: str) -> None:
    """A13: with the budgets that it would have used, in order."""
    report = tried(history, modes=[{"mode": mode}])
    agrees(history, report, Replay(mode=mode))
    assert report["differences"] > 0


@pytest.mark.parametrize("limit", [0, 5, 20, 1000])
def test_another_limit(history: Desk, limit: int) -> None:
    """A13: raised or lowered, exhausted where it would have been."""
    with tenant_scope(history.tenant):
        row = Budget.objects.get(account=None, seller=None, action_type="", each="")
    report = tried(history, budgets=[{"limit_per_day": limit}])
    agrees(history, report, Replay(limits={str(row.id): limit}))


def test_a_mode_and_a_limit_together(history: Desk) -> None:
    with tenant_scope(history.tenant):
        row = Budget.objects.get(each="account")
    report = tried(
        history,
        modes=[{"mode": "AUTOPILOT"}],
        budgets=[{"each": "account", "limit_per_day": 500}],
    )
    agrees(history, report, Replay(mode="AUTOPILOT", limits={str(row.id): 500}))


def test_a_further_stage_gate(history: Desk) -> None:
    """A13: what waits there leaves its budget to others."""
    report = tried(history, gated_stages=["discovery"])
    agrees(history, report, Replay(gated=frozenset({"discovery"})))
    assert report["matrix"][AUTO][ASK] > 0


def test_a_further_budget(make_desk: Callable[..., Desk]) -> None:
    """A11, A13: a new row counts from none, and gets back what was given back."""
    desk = make_desk(limit=1000)
    for number in range(12):
        made = desk.propose()
        if number < 4:
            with tenant_scope(desk.tenant):
                give_back(made.id)
    owner = str(desk.account.owner_id)
    report = tried(desk, budgets=[{"seller": owner, "limit_per_day": 3}])
    agrees(desk, report, Replay(added=3))
    assert report["matrix"][AUTO] == {AUTO: 7, ASK: 5, BLOCK: 0}


def test_a_budget_where_there_was_none(make_desk: Callable[..., Desk]) -> None:
    """A13: also where somebody has set the row meanwhile."""
    desk = make_desk(limit=None)
    for _ in range(3):
        desk.propose()
    wanted = {"budgets": [{"limit_per_day": 2}]}
    before = tried(desk, **wanted)
    desk.budget(50)
    after = tried(desk, **wanted)
    assert (before["newly_autonomous_total"], after["newly_autonomous_total"]) == (2, 2)


def test_a_row_of_its_own_takes_the_place_of_each(
    make_desk: Callable[..., Desk],
) -> None:
    """A11, A13: the candidate's world knows the same rule as the live one."""
    desk = make_desk(limit=None)
    desk.budget(1, each="account")
    for _ in range(4):
        desk.propose()
    own = {"account": str(desk.account.id), "limit_per_day": 3}
    assert tried(desk, budgets=[own])["newly_autonomous_total"] == 2


def test_budgets_are_rebuilt_though_many_came_at_once(
    make_desk: Callable[..., Desk],
) -> None:
    """A13: what was read together was used one after the other."""
    desk = make_desk(limit=1000)
    in_threads(12, lambda _: desk.propose())
    report = tried(desk, budgets=[{"limit_per_day": 3}])
    assert report["matrix"][AUTO][AUTO] == 3


def strict(facts: Plain) -> str:
    """What the bundle below says, in other words."""
    if facts["action_type"] == "draft_email":
        return BLOCK
    return AUTO if facts["allowlisted"] and facts["confidence"] >= 0.8 else ASK


def test_another_bundle(history: Desk) -> None:
    """A13: judged by it throughout."""
    plain = bundle(
        clause("drafts", BLOCK, "action_type == 'draft_email'"),
        clause("sure", ASK, "confidence < 0.8"),
    )
    with tenant_scope(history.tenant):
        kept = save_bundle(plain, by=history.admin, now=NOW)
    report = tried(history, bundle_version=kept.version)
    agrees(history, report, Replay(policy=strict))
    assert report["matrix"][AUTO][BLOCK] > 0


MALFORMED: list[Any] = [
    {}, [], 5, "text", {"x": 1},
    {"confidence": "high"}, {"confidence": []}, {"budgets": [{"used": 1}]},
    {"budgets": [5]}, {"modes": None}, {"traits": {}}, {"traits": "none"},
    {"switches": 1}, {"more": "than there was"},
]  # fmt: skip


@pytest.mark.parametrize("facts", MALFORMED, ids=str)
def test_facts_of_another_shape_are_counted_not_judged(desk: Desk, facts: Any) -> None:
    """A13: the share that could not be judged is told; the rest is."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        held = Verdict.objects.get()
        whole = isinstance(facts, dict) and len(facts) == 1 and "x" not in facts
        odd = {**held.facts, **facts} if whole else facts
        Verdict.objects.create(
            tenant_id=desk.tenant, intent=intent, facts=odd, decision=AUTO,
            reason="ALLOWED", policy_clause="x", explanation="x", layers=[],
            policy_version=held.policy_version, judged_at=datetime.now(UTC),
        )  # fmt: skip
    report = tried(desk)
    assert (report["judged"], report["unevaluable"]) == (1, 1)
    assert (report["differences"], report["unevaluable_share"]) == (0, 0.5)


def test_a_version_that_nobody_kept_cannot_be_judged(desk: Desk) -> None:
    """A13."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        held = Verdict.objects.get()
        Verdict.objects.create(
            tenant_id=desk.tenant, intent=intent, facts=held.facts, decision=AUTO,
            reason="ALLOWED", policy_clause="x", explanation="x", layers=[],
            policy_version="sha256:lost", judged_at=datetime.now(UTC),
        )  # fmt: skip
    assert tried(desk)["unevaluable"] == 1


# --- Asked for, run by whoever comes -------------------------------------------------------
