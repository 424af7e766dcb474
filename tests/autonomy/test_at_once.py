"""X1, A1, A10, A12: an act of the house, done with its verdict or not begun at all."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from autonomy import budget, pipeline
from autonomy.at_once import at_once
from autonomy.models import (
    Approval,
    BudgetUse,
    Effect,
    Execution,
    Intent,
    Outcome,
    Permit,
    Receipt,
    Run,
    Verdict,
)
from autonomy.perform import perform
from autonomy.permits import check
from autonomy.rules.catalogue import CORE
from autonomy.rules.proposals import Draft
from autonomy.rules.runs import Stage
from autonomy.rules.switches import Scope
from autonomy.rules.triggers import Trigger
from autonomy.switchboard import Wanted, engage
from autonomy.synthesizers.base import Answer
from autonomy.tools.internal import ONLY_WRITE
from ledger.models import Entry
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.intake import receive
from perception.models import Signal
from tests.autonomy.claims import FREE, RAN_ALONE, waiting
from tests.autonomy.conftest import Desk
from tests.conftest import NOW
from tests.races import in_threads, started

NOTE = "create_internal_note"
# Types that policy lets run alone and whose tool only writes, and those whose tool does
# more than that.
AT_ONCE = sorted(
    key
    for key, core in CORE.items()
    if core.traits.tier == "AUTONOMOUS" and core.traits.tool in ONLY_WRITE
)
STEPWISE = ["update_account_context", "create_briefing"]
# What differs from one walk to the next beside moments: ids, and what is made of them.
OWN = {
    *(
        "id",
        "tenant_id",
        "account_id",
        "intent_id",
        "run_id",
        "verdict_id",
        "permit_id",
    ),
    *("receipt_id", "execution_id", "caused_by", "dedupe_key", "seal", "action_digest"),
    *("facts_digest", "epoch", "uses", "signal_id", "seller_id", "contact_id", "fence"),
    *("evidence", "opportunity_id", "key", "context", "decided", "attempts", "payload"),
}
OF_PEOPLE = {"effect", "owner", "contact"}


class Proposes:
    """Rules that propose what a test wants."""

    name, charged = "rules", False

    def __init__(self, *types: str) -> None:
        self.types = types

    def propose(self, asked: Any, *, timeout: float) -> Answer:
        return Answer(
            drafts=tuple(
                Draft(
                    action_type=each,
                    parameters=dict(CORE[each].example),
                    confidence=0.9,
                    rationale="Asked for.",
                    evidence=tuple(one["id"] for one in asked.evidence[:1]),
                )
                for each in self.types
            )
        )


@pytest.fixture
def proposes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(*types: str) -> None:
        monkeypatch.setattr("autonomy.decide.choose", lambda: Proposes(*types))

    return put


def signal_run(desk: Desk, **more: Any) -> UUID:
    """A run that a signal started, as the relay would send it."""
    with tenant_scope(desk.tenant):
        (got,) = receive(
            [{"account": "acme", "type": "product_usage", "payload": {"n": 1}}],
            by=SYSTEM,
            now=datetime.now(UTC),
        )
    return waiting(desk, signal_id=got.id, **more)


def walk(desk: Desk, run: UUID, *stages: Stage) -> None:
    may = set(stages or Stage)
    pipeline.walk(run, Stage.TRIGGER, tenant=desk.tenant, may=may.__contains__)


def intents(desk: Desk) -> list[Intent]:
    with tenant_scope(desk.tenant):
        return list(Intent.objects.order_by("id"))


def plain(row: Any) -> dict[str, Any]:
    """A row without its ids, and with moments only as there or not."""
    return {
        name: told(value)
        for name, value in row.__dict__.items()
        if name not in OWN and not name.startswith("_")
    }


def told(value: Any) -> Any:
    if isinstance(value, datetime):
        return True
    if isinstance(value, dict):
        return {name: told(value[name]) for name in {*value} - OF_PEOPLE - {"facts"}}
    return value


def left(desk: Desk) -> dict[str, Any]:
    """All that a walk left behind, with what was stated."""
    kinds = (Run, Intent, Verdict, Permit, Receipt, Execution, Effect, Outcome, Signal)
    with tenant_scope(desk.tenant):
        rows = {
            each.__name__: [plain(row) for row in each.objects.order_by("id")]
            for each in kinds
        }
        for verdict in rows["Verdict"]:
            verdict["facts"] = sorted(verdict["facts"])
        stated = [
            (entry.kind, entry.actor, sorted(entry.subjects), sorted(entry.data))
            for entry in Entry.objects.exclude(run_id=None).order_by("id")
        ]
        echo = Signal.objects.get(type="execution_outcome")
        act = Execution.objects.get()
    assert echo.payload["execution_id"] == str(act.id) == str(echo.caused_by)
    assert echo.payload["intent_id"] == str(act.intent_id)
    return {**rows, "stated": stated, "echo": (sorted(echo.payload), echo.depth)}


@pytest.mark.parametrize("key", AT_ONCE)
def test_it_leaves_what_step_by_step_leaves(
    key: str, make_desk: Callable[..., Desk], proposes: Callable[..., None]
) -> None:
    """Every row and every fact, whichever way it went."""
    proposes(key)
    at, slowly = make_desk(), make_desk()
    walk(at, signal_run(at))
    run = signal_run(slowly)
    walk(slowly, run, Stage.GATE, Stage.DECIDE, Stage.APPROVE)
    (intent,) = intents(slowly)
    assert intent.status == "APPROVED"
    assert perform(intent.id, tenant=slowly.tenant) == "SUCCEEDED"
    quick, slow = left(at), left(slowly)
    assert quick["stated"] == slow["stated"]
    for name in quick:
        assert quick[name] == slow[name], name
    with tenant_scope(at.tenant):
        permit = Permit.objects.select_related("receipt", "intent").get()
        assert permit.spent_at == permit.minted_at
        # It is as good as any: but for being spent, it holds against what it allowed.
        permit.spent_at = None
        check(permit, permit.intent, at=permit.minted_at)


def test_all_of_it_is_one_moment(desk: Desk, proposes: Callable[..., None]) -> None:
    proposes(NOTE)
    walk(desk, signal_run(desk))
    with tenant_scope(desk.tenant):
        execution = Execution.objects.get()
        entries = Entry.objects.filter(intent_id=execution.intent_id).order_by("id")
        told = [entry.kind for entry in entries]
        judged = entries.get(kind="intent.judged")
        assert execution.started_at == execution.finished_at == judged.at
    assert told == RAN_ALONE


@pytest.mark.parametrize("key", STEPWISE)
def test_a_tool_that_does_more_than_write_starts_by_itself(
    key: str, desk: Desk, proposes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    performed: list[UUID] = []

    def noted(intent: UUID, *, tenant: UUID) -> str:
        performed.append(intent)
        return perform(intent, tenant=tenant)

    monkeypatch.setattr(pipeline, "perform", noted)
    proposes(key)
    walk(desk, signal_run(desk))
    (intent,) = intents(desk)
    assert (performed, intent.status) == ([intent.id], "SUCCEEDED")


def test_who_may_not_execute_leaves_it_to_others(
    desk: Desk, proposes: Callable[..., None]
) -> None:
    proposes(NOTE)
    walk(desk, signal_run(desk), Stage.GATE, Stage.DECIDE, Stage.APPROVE)
    (intent,) = intents(desk)
    assert (intent.status, intent.dispatched_at) == ("APPROVED", None)
    with tenant_scope(desk.tenant):
        assert Permit.objects.get().spent_at is None
        assert not Execution.objects.exists()


def test_only_the_first_proposal_goes_with_the_decision(
    desk: Desk, proposes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes budgets in a transaction of its own; one that breaks leaves what was
    done before it, and is taken up by the next attempt.
    """
    acted: list[str] = []

    def act(permit: Permit, *more: Any) -> Any:
        acted.append(permit.action_type)
        if len(acted) == 2:
            raise KeyError("nobody expected this")
        return at_once(permit, *more)

    monkeypatch.setattr(pipeline, "at_once", act)
    proposes(NOTE, "create_follow_up_task", "log_interaction")
    run = signal_run(desk)
    with pytest.raises(KeyError):
        walk(desk, run)
    assert [each.status for each in intents(desk)] == ["SUCCEEDED", *["PROPOSED"] * 2]
    with tenant_scope(desk.tenant):
        row = Run.objects.get(pk=run)
        assert (row.stage, row.status, row.attempts) == ("APPROVE", "DECIDED", 1)
        Run.objects.filter(pk=run).update(due_at=NOW - timedelta(days=900))
    pipeline.walk(run, Stage.APPROVE, tenant=desk.tenant, may=lambda stage: True)
    # What was tried before goes step by step.
    assert len(acted) == 2
    assert [each.status for each in intents(desk)] == ["SUCCEEDED"] * 3
    with tenant_scope(desk.tenant):
        assert Run.objects.get(pk=run).status == "DONE"
        assert BudgetUse.objects.get().used == 3


class Killed(BaseException):
    """As if the process were gone: nothing after it runs."""


def test_whoever_dies_in_it_leaves_nothing(
    desk: Desk, proposes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a verdict, nor a budget taken, nor an act; the next one does it once."""

    proposes(NOTE)
    run = signal_run(desk)
    real = budget.consume

    def consumes(*words: Any, **more: Any) -> bool:
        assert real(*words, **more)
        raise Killed

    monkeypatch.setattr(budget, "consume", consumes)
    with pytest.raises(Killed):
        walk(desk, run)
    monkeypatch.setattr(budget, "consume", real)
    with tenant_scope(desk.tenant):
        row = Run.objects.get(pk=run)
        assert (row.stage, row.status, row.attempts) == ("DECIDE", "TRIGGERED", 1)
        for kind in (Intent, Verdict, Permit, Receipt, BudgetUse, Execution, Effect):
            assert not kind.objects.exists(), kind
        rows = Run.objects.filter(pk=run)
        rows.update(due_at=NOW - timedelta(days=900), lease_until=NOW)
    pipeline.walk(run, Stage.DECIDE, tenant=desk.tenant, may=lambda stage: True)
    assert [each.status for each in intents(desk)] == ["SUCCEEDED"]
    with tenant_scope(desk.tenant):
        assert (Effect.objects.count(), BudgetUse.objects.get().used) == (1, 1)


def test_the_last_of_a_budget_is_one_act(
    make_desk: Callable[..., Desk],
    proposes: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A10: both saw one left. Whoever comes second finds nothing of its act done, and
    asks a person.
    """
    desk = make_desk(limit=1)
    proposes(NOTE)
    monkeypatch.setattr("autonomy.admission.SHIPPED", dict.fromkeys(Trigger, FREE))
    runs = [signal_run(desk), signal_run(desk)]
    barrier, real = Barrier(2), budget.consume
    waited: set[UUID] = set()

    def consumes(*words: Any, intent: UUID, **more: Any) -> bool:
        if intent not in waited:
            waited.add(intent)
            barrier.wait(30)
        return real(*words, intent=intent, **more)

    monkeypatch.setattr(budget, "consume", consumes)
    in_threads(2, lambda place: walk(desk, runs[place]))
    done, asked = sorted(intents(desk), key=lambda each: each.status, reverse=True)
    assert (done.status, asked.status) == ("SUCCEEDED", "AWAITING_APPROVAL")
    with tenant_scope(desk.tenant):
        assert [each.intent_id for each in Execution.objects.all()] == [done.id]
        assert [each.intent_id for each in Permit.objects.all()] == [done.id]
        assert [each.intent_id for each in Receipt.objects.all()] == [done.id]
        assert (Effect.objects.count(), BudgetUse.objects.get().used) == (1, 1)
        assert Approval.objects.get().intent_id == asked.id
        verdict = Verdict.objects.get(intent=asked)
        assert verdict.reason == "BUDGET_EXHAUSTED"
        stated = Entry.objects.filter(intent_id=asked.id).values_list("kind", flat=True)
        assert not {*stated} & {"permit.minted", "permit.spent", "execution.started"}


def test_what_closes_meanwhile_is_called_off(
    desk: Desk, proposes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A8: closed after the gate looked, before the verdict is read: no act."""

    class Closes(Proposes):
        def propose(self, asked: Any, *, timeout: float) -> Answer:
            def close(_: int) -> None:
                with tenant_scope(desk.tenant):
                    change_account(
                        desk.account, {"closed": True}, by=desk.admin, now=NOW
                    )

            in_threads(1, close)
            return super().propose(asked, timeout=timeout)

    monkeypatch.setattr("autonomy.decide.choose", lambda: Closes(NOTE))
    walk(desk, signal_run(desk))
    assert [each.status for each in intents(desk)] == ["CANCELLED"]
    with tenant_scope(desk.tenant):
        assert not Execution.objects.exists()
        assert Receipt.objects.get().returned_at is not None


def _walks(desk: Desk, runs: list[UUID]) -> None:
    for run in runs:
        pipeline.walk(run, Stage.DECIDE, tenant=desk.tenant, may=lambda stage: True)


def test_nothing_begins_after_a_switchs_moment(
    desk: Desk, proposes: Callable[..., None]
) -> None:
    """A1: of walks in full rush, each act began before the moment of the stop, and what
    comes after it is blocked.
    """
    proposes(NOTE)
    runs = [waiting(desk, Stage.DECIDE) for _ in range(160)]
    crew = [
        started(1, _walks, desk, runs[place * 40 : (place + 1) * 40])[0]
        for place in range(4)
    ]
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with tenant_scope(desk.tenant):
            if Execution.objects.count() >= 20:
                break
        time.sleep(0.01)
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.TENANT, target="", reason="a trial")
        stop = engage(wanted, by=SYSTEM, now=datetime.now(UTC))
    for one in crew:
        one.join(60)
        assert one.exitcode == 0
    with tenant_scope(desk.tenant):
        begun = list(Execution.objects.values_list("started_at", flat=True))
        assert 20 <= len(begun) < len(runs)
        assert max(begun) <= stop.committed_at
        assert Effect.objects.count() == BudgetUse.objects.get().used == len(begun)
        others = Intent.objects.exclude(status="SUCCEEDED")
        assert {*others.values_list("status", flat=True)} == {"BLOCKED"}
