"""One intent, one effect: whatever breaks, repeats or races (X1, X3, X7, A12)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from autonomy import leases
from autonomy import perform as performing
from autonomy.errors import NotInDoubt
from autonomy.models import (
    ContextField,
    Effect,
    Execution,
    Intent,
    Outcome,
    Permit,
    Run,
    Tool,
)
from autonomy.perform import perform
from autonomy.rules.catalogue import CORE
from autonomy.rules.switches import Scope
from autonomy.settle import settle, settle_by_lookup
from autonomy.switchboard import Wanted, engage, release
from autonomy.tools import internal, outside
from autonomy.tools.binding import change_tool
from ledger.clock import clock
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.models import Signal
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import Integrator, approved, bound, due, integrator
from tests.conftest import NOW
from tests.races import in_threads

PERSON = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000002")
KINDS = {
    "create_internal_note": "note",
    "create_follow_up_task": "task",
    "create_briefing": "brief",
    "generate_meeting_brief": "brief",
    "prep_renewal_brief": "brief",
    "draft_email": "draft",
    "open_approval_request": "approval_request",
    "update_account_context": "context",
    "log_interaction": "interaction",
    "qualify_conversation": "interaction",
    "escalate_to_management": "escalation",
    "escalate_support_risk": "escalation",
    "send_email": "manual_task",
    "send_chat_message": "manual_task",
    "schedule_meeting": "manual_task",
    "change_opportunity_stage": "manual_task",
    "change_forecast": "manual_task",
    "a_type_nobody_knows": "manual_task",
}


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def _row(desk: Desk, intent: UUID) -> Any:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent)


def _execution(desk: Desk, intent: UUID) -> Any:
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent_id=intent)


def _kinds(desk: Desk, intent: UUID) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(intent_id=intent).order_by("number")
        return list(rows.values_list("kind", flat=True))


def _nothing_started(desk: Desk, intent: UUID) -> None:
    with tenant_scope(desk.tenant):
        assert Execution.objects.filter(intent_id=intent).count() == 0
        assert Permit.objects.get(intent_id=intent).spent_at is None
    assert _row(desk, intent).status == "APPROVED"


def _engage(desk: Desk, scope: Scope, target: str) -> UUID:
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=scope, target=target, reason="a trial")
        return engage(wanted, by=PERSON, now=NOW).id


@pytest.mark.parametrize(("action_type", "kind"), KINDS.items())
def test_the_house_leaves_one_effect_and_says_all_of_it(
    desk: Desk, action_type: str, kind: str
) -> None:
    """X2, X3, X7: effect, execution, outcome, signal and ledger commit together."""
    intent = approved(desk, action_type)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    execution, row = _execution(desk, intent), _row(desk, intent)
    with tenant_scope(desk.tenant):
        effect = Effect.objects.get()
        outcome = Outcome.objects.get()
        echo = Signal.objects.get()
    assert (effect.kind, effect.execution_id) == (kind, execution.id)
    assert effect.account_id == desk.account.id
    assert (row.status, row.due_at, row.lease_until) == ("SUCCEEDED", None, None)
    assert execution.status == "SUCCEEDED"
    assert execution.finished_at >= execution.started_at
    assert (execution.auto_executed, execution.approval_source) == (False, "HUMAN")
    by = "person" if kind == "manual_task" else "house"
    assert execution.outcome == {"effect": str(effect.id), "kind": kind, "by": by}
    assert (outcome.taxonomy, outcome.cause) == ("EXECUTION_SUCCEEDED", "execution")
    assert echo.type == "execution_outcome"
    assert (echo.caused_by, echo.depth) == (execution.id, 1)
    assert echo.entered_at is not None
    assert _kinds(desk, intent) == [
        "permit.spent",
        "execution.started",
        "execution.succeeded",
        "outcome.recorded",
        "signal.received",
    ]


def test_what_effects_hold(desk: Desk) -> None:
    """X2: parameters as approved, and what a person needs to go on."""
    for action_type in ("escalate_to_management", "create_briefing", "send_email"):
        perform(approved(desk, action_type), tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        data = dict(Effect.objects.values_list("kind", "data"))
    assert data["escalation"] == {
        **CORE["escalate_to_management"].example,
        "for_role": "APPROVER",
    }
    assert {"title", "focus", "lines", "state", "made_at", "text"} == set(data["brief"])
    assert "- Deal o1: discovery.\n- Deal o2: negotiation." in data["brief"]["text"]
    assert data["manual_task"]["parameters"] == CORE["send_email"].example
    assert data["manual_task"]["owner"] == str(desk.account.owner_id)


def test_context_keeps_what_was_there_before(desk: Desk) -> None:
    """X4: the before-image."""
    for value in ("Ann", "Ben"):
        given = {"field": "champion", "value": value}
        perform(approved(desk, "update_account_context", given), tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        assert ContextField.objects.get().value == "Ben"
        assert list(Effect.objects.order_by("id").values_list("before", flat=True)) == [
            {"field": "champion", "existed": False},
            {"field": "champion", "existed": True, "value": "Ann"},
        ]


def test_parameters_that_a_tool_cannot_use_fail_and_change_nothing(desk: Desk) -> None:
    """X3: a tool declares what it needs."""
    intent = approved(desk, "update_account_context", {"value": 1})
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    with tenant_scope(desk.tenant):
        assert ContextField.objects.count() == 0
        assert Effect.objects.count() == 0
        assert Outcome.objects.get().taxonomy == "EXECUTION_FAILED"
    assert _execution(desk, intent).error == "It names no field of 1 to 200 letters."


def test_an_automatic_act_says_so_everywhere(desk: Desk) -> None:
    """X7: POLICY and auto_executed on execution, ledger and signal."""
    intent = desk.propose()
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    execution = _execution(desk, intent.id)
    assert (execution.auto_executed, execution.approval_source) == (True, "POLICY")
    with tenant_scope(desk.tenant):
        payload = Signal.objects.get().payload
        told = Entry.objects.filter(
            intent_id=intent.id,
            kind__in=["execution.started", "execution.succeeded", "outcome.recorded"],
        )
        said = [
            (each.data["auto_executed"], each.data["approval_source"]) for each in told
        ]
    assert payload["auto_executed"] is True
    assert said == [(True, "POLICY")] * 3


def test_the_chain_behind_an_act_is_counted(desk: Desk) -> None:
    """D0: depth is that of the run's signal and one more."""
    with tenant_scope(desk.tenant):
        signal = Signal.objects.create(
            tenant_id=desk.tenant, account=desk.account, type="news", payload={},
            occurred_at=NOW, received_at=NOW, depth=3, entered_at=NOW,
        )  # fmt: skip
        run = Run.objects.create(
            tenant_id=desk.tenant, account=desk.account, signal_id=signal.id,
            trigger="SIGNAL_ARRIVED", key="k", status="DONE", stage="EXECUTE",
            due_at=NOW, created_at=NOW, updated_at=NOW,
        )  # fmt: skip
    intent = approved(desk, run_id=run.id)
    perform(intent, tenant=desk.tenant)
    with tenant_scope(desk.tenant):
        assert Signal.objects.get(type="execution_outcome").depth == 4
        stated = Entry.objects.filter(run_id=run.id, intent_id=intent)
        # From its start on, every fact about it is one of its run.
        assert list(stated.order_by("number").values_list("kind", flat=True)) == [
            "permit.spent",
            "execution.started",
            "execution.succeeded",
            "outcome.recorded",
            "signal.received",
        ]


@pytest.mark.parametrize("outside", [False, True])
def test_twenty_at_once_do_it_once(desk: Desk, peer: Integrator, outside: bool) -> None:
    """X1: one claim, one call, one effect."""
    if outside:
        bound(desk, peer.url)
    intent = approved(desk)
    said = in_threads(20, lambda _: perform(intent, tenant=desk.tenant))
    assert said.count("SUCCEEDED") == 1
    assert set(said) <= {"SUCCEEDED", "NOT_APPROVED", "NOTHING", "WAITS"}
    with tenant_scope(desk.tenant):
        assert Execution.objects.count() == 1
        assert Effect.objects.count() == (0 if outside else 1)
        assert Outcome.objects.count() == 1
    assert peer.effects == ({str(intent): 1} if outside else {})


@pytest.mark.parametrize("status", [200, 201, 204, 409])
def test_done_and_done_already(desk: Desk, peer: Integrator, status: int) -> None:
    """CONTRACT: 2xx = done, 409 = already done."""
    tool = bound(desk, peer.url)
    peer.says(status)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    execution = _execution(desk, intent)
    assert (execution.status, execution.attempts) == ("SUCCEEDED", 1)
    assert execution.called_at >= execution.started_at
    (call,) = execution.outcome["calls"]
    assert (call["meaning"], call["status"]) == ("DONE", status)
    assert call["took_ms"] > 0
    assert tool.url not in str(execution.outcome)
    body = peer.bodies()[0]
    assert body["intent_id"] == str(intent)
    assert body["execution_id"] == str(execution.id)
    assert body["attempt"] == 1
    assert (body["tenant"], body["account"]) == (
        str(desk.tenant),
        str(desk.account.id),
    )
    assert (body["action_type"], body["parameters"]) == (
        "create_internal_note",
        CORE["create_internal_note"].example,
    )
    assert (body["auto_executed"], body["approval_source"]) == (False, "HUMAN")


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_other_4xx_fail(desk: Desk, peer: Integrator, status: int) -> None:
    """CONTRACT: other 4xx = failed, and not called again."""
    bound(desk, peer.url)
    peer.says(status)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert len(peer.asked) == 1
    assert _row(desk, intent).error == f"It answered {status}."
    assert _kinds(desk, intent)[-3:] == [
        "execution.failed",
        "outcome.recorded",
        "signal.received",
    ]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("effect", ["KEYED", "AT_MOST_ONCE"])
def test_told_to_wait(desk: Desk, peer: Integrator, status: int, effect: str) -> None:
    """CONTRACT: 429 and 503 with Retry-After wait, and are no attempt."""
    bound(desk, peer.url, effect)
    peer.says((status, {"Retry-After": "40"}), 200)
    intent = approved(desk)
    before = _now(desk)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    row = _row(desk, intent)
    assert row.status == "EXECUTING"
    assert timedelta(seconds=39) < row.due_at - before < timedelta(seconds=50)
    assert (row.attempts, row.lease_until, row.dispatched_at) == (0, None, None)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == 1
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    keys = {headers["idempotency-key"] for headers, _ in peer.asked}
    assert keys == {str(intent)}
    assert _execution(desk, intent).attempts == 1


def _now(desk: Desk) -> Any:
    with tenant_scope(desk.tenant):
        return clock()


@pytest.mark.parametrize("first", [500, 502, 0])
def test_ambiguous_is_repeated_with_the_key(
    desk: Desk, peer: Integrator, first: int
) -> None:
    """X3: KEYED is called again with the same key, after a pause."""
    bound(desk, peer.url)
    peer.says(first, 409)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    row = _row(desk, intent)
    assert (row.status, row.attempts, row.lease_until) == ("EXECUTING", 1, None)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert [body["attempt"] for body in peer.bodies()] == [1, 2]
    assert {headers["idempotency-key"] for headers, _ in peer.asked} == {str(intent)}
    assert {headers["webhook-id"] for headers, _ in peer.asked} == {str(intent)}


def test_a_keyed_tool_that_stays_ambiguous_ends_in_doubt(
    desk: Desk, peer: Integrator
) -> None:
    """X3: after the last attempt a person is asked; never "failed"."""
    bound(desk, peer.url)
    peer.says(500)
    intent = approved(desk)
    said = []
    for _ in range(4):
        said.append(perform(intent, tenant=desk.tenant, most=3))
        due(desk, intent)
    assert said == ["WAITS", "WAITS", "IN_DOUBT", "NOTHING"]
    assert len(peer.asked) == 3
    assert _row(desk, intent).status == "IN_DOUBT"
    assert _kinds(desk, intent)[-1] == "execution.doubted"
    with tenant_scope(desk.tenant):
        assert Outcome.objects.count() == 0


@pytest.mark.parametrize("status", [500, 504, 0])
def test_at_most_once_is_in_doubt_at_once(
    desk: Desk, peer: Integrator, status: int
) -> None:
    """X3: never a second call."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(status)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "IN_DOUBT"
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert len(peer.asked) == 1
    assert _execution(desk, intent).finished_at is None


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("effect", ["KEYED", "AT_MOST_ONCE"])
@pytest.mark.parametrize("where", ["before the call", "after the call"])
def test_a_crash_around_the_call(
    desk: Desk,
    peer: Integrator,
    monkeypatch: pytest.MonkeyPatch,
    effect: str,
    where: str,
) -> None:
    """X1, X3: after the lease KEYED calls again with its key, AT_MOST_ONCE never does."""
    bound(desk, peer.url, effect)
    intent = approved(desk)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if where == "before the call":
            patched.setattr(outside, "act", die)
        else:
            patched.setattr(performing, "_recorded", die)
        with pytest.raises(Killed):
            perform(intent, tenant=desk.tenant)
    called = 0 if where == "before the call" else 1
    assert len(peer.asked) == called
    # The lease still runs: nobody else may.
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == called
    due(desk, intent)
    peer.says(409 if called else 200)
    said = perform(intent, tenant=desk.tenant)
    if effect == "KEYED":
        assert said == "SUCCEEDED"
        assert len(peer.asked) == called + 1
        assert peer.effects == {str(intent): 1}
    else:
        assert said == "IN_DOUBT"
        assert len(peer.asked) == called
    assert _row(desk, intent).fence == 2


def test_a_stale_worker_writes_nothing(
    desk: Desk, peer: Integrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY 1.3: what is recorded is recorded under the fence."""
    bound(desk, peer.url)
    intent = approved(desk)
    made = outside.act

    def slow(*call: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(outside, "act", made)
            due(desk, intent)
            assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
        return made(*call)

    monkeypatch.setattr(outside, "act", slow)
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    with tenant_scope(desk.tenant):
        assert Outcome.objects.count() == 1
    assert _execution(desk, intent).attempts == 2


@pytest.mark.parametrize("answer", [200, 500])
def test_a_late_answer_does_not_take_the_act_from_who_holds_it(
    desk: Desk, peer: Integrator, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    """RELIABILITY 1.3: neither its end nor its lease is a stale worker's to write."""
    bound(desk, peer.url)
    peer.says(answer)
    intent = approved(desk)
    made = outside.act

    def slow(*call: Any) -> Any:
        due(desk, intent)
        with tenant_scope(desk.tenant):
            assert leases.claim(intent, timedelta(seconds=60), is_first=False)
        return made(*call)

    with monkeypatch.context() as patched:
        patched.setattr(outside, "act", slow)
        assert perform(intent, tenant=desk.tenant) == "NOTHING"
    row = _row(desk, intent)
    assert (row.status, row.fence, row.attempts) == ("EXECUTING", 2, 2)
    assert row.lease_until is not None
    assert row.lease_until == row.due_at
    assert _execution(desk, intent).status == "STARTED"
    # Due or not: while the lease runs, nobody else calls.
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent).update(due_at=clock())
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == 1


def test_a_process_that_slept_sends_nothing(
    desk: Desk, peer: Integrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RELIABILITY 1.3: half the lease is gone, so the lease is given back."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    intent = approved(desk)
    ticks = iter([0.0, 11.0])
    with monkeypatch.context() as patched:
        patched.setattr(performing, "monotonic", lambda: next(ticks))
        assert perform(intent, tenant=desk.tenant, lease=20) == "WAITS"
    assert peer.asked == []
    assert _execution(desk, intent).called_at is None
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_what_never_arrived_is_tried_again_by_both(
    desk: Desk, peer: Integrator, settings: Any
) -> None:
    """CONTRACT: a refused connection is no call; at the end it has failed for sure."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    intent = approved(desk)
    peer.close()
    assert perform(intent, tenant=desk.tenant, most=2) == "WAITS"
    assert _execution(desk, intent).called_at is None
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant, most=2) == "FAILED"


def test_a_place_that_may_not_be_reached_fails_with_the_reason(
    desk: Desk, peer: Integrator, settings: Any
) -> None:
    """API7: nothing leaves, and it says why."""
    bound(desk, peer.url)
    settings.EGRESS_ALLOW = ()
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    assert peer.asked == []
    assert "is not public" in _execution(desk, intent).error


def test_a_promise_that_changed_is_not_used_for_what_is_in_doubt(
    desk: Desk, peer: Integrator
) -> None:
    """X3: neither another URL nor another promise turns a doubt into a second call."""
    for change in ({"url": peer.url + "2"}, {"effect": "AT_MOST_ONCE"}):
        with tenant_scope(desk.tenant):
            tool = Tool.objects.filter(key="hook").first()
        if tool is None:
            tool = bound(desk, peer.url)
        peer.says(500)
        intent = approved(desk)
        assert perform(intent, tenant=desk.tenant) == "WAITS"
        with tenant_scope(desk.tenant):
            change_tool(tool, change, by=desk.admin, now=NOW)
        due(desk, intent)
        assert perform(intent, tenant=desk.tenant) == "IN_DOUBT"
    assert len(peer.asked) == 2


def test_a_switch_stops_the_start_and_the_repetition(
    desk: Desk, peer: Integrator
) -> None:
    """A1: no start and no further call while it is on; both go on after it."""
    bound(desk, peer.url)
    peer.says(500, 200)
    running = approved(desk)
    assert perform(running, tenant=desk.tenant) == "WAITS"
    waiting = approved(desk)
    switch = _engage(desk, Scope.TOOL, "hook")
    due(desk, running)
    assert perform(running, tenant=desk.tenant) == "WAITS"
    assert perform(waiting, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == 1
    _nothing_started(desk, waiting)
    row = _row(desk, running)
    assert (row.status, row.attempts, row.lease_until) == ("EXECUTING", 1, None)
    assert row.due_at > _now(desk)
    with tenant_scope(desk.tenant):
        release(switch, "over", by=PERSON, hold=timedelta(0))
    for intent in (running, waiting):
        due(desk, intent)
        assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_what_waits_is_not_done_early(desk: Desk) -> None:
    """A repeated or late message finds nothing to claim."""
    with tenant_scope(desk.tenant):
        later = clock() + timedelta(hours=1)
    intent = approved(desk, due_at=later)
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    _nothing_started(desk, intent)
    assert perform(uuid4(), tenant=desk.tenant) == "NOTHING"


def test_nothing_is_done_inside_another_transaction(desk: Desk) -> None:
    """X3: a call runs between two transactions."""
    intent = approved(desk)
    with tenant_scope(desk.tenant), pytest.raises(RuntimeError):
        perform(intent, tenant=desk.tenant)
    _nothing_started(desk, intent)


def test_what_breaks_comes_back_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S5: poison is counted and put off; nothing of it stays."""
    intent = approved(desk)

    def broken(*_: object) -> None:
        raise KeyError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(internal, "carry_out", broken)
        with pytest.raises(KeyError):
            perform(intent, tenant=desk.tenant)
    row = _row(desk, intent)
    assert (row.attempts, row.error) == (1, "KeyError")
    assert row.due_at > _now(desk)
    _nothing_started(desk, intent)


@pytest.mark.parametrize("done", [True, False])
def test_a_person_settles_a_doubt_once(
    desk: Desk, peer: Integrator, done: bool
) -> None:
    """X3: the first word counts, is stated, and comes back as an outcome."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(500)
    intent = approved(desk)
    perform(intent, tenant=desk.tenant)
    execution = _execution(desk, intent)
    with tenant_scope(desk.tenant):
        settle(execution, done=done, by=PERSON, note="I looked.", now=NOW)
    with tenant_scope(desk.tenant), pytest.raises(NotInDoubt):
        settle(execution, done=not done, by=PERSON, note="", now=NOW)
    status = "SUCCEEDED" if done else "FAILED"
    assert _execution(desk, intent).status == status
    assert _row(desk, intent).status == status
    assert _kinds(desk, intent)[-3:] == [
        "execution.settled",
        "outcome.recorded",
        "signal.received",
    ]
    with tenant_scope(desk.tenant):
        assert Outcome.objects.get().taxonomy == f"EXECUTION_{status}"
        entry = Entry.objects.get(kind="execution.settled")
    assert entry.data["note"] == "I looked."
    assert entry.actor == PERSON.stated()


def test_a_lookup_settles_a_doubt_where_it_can_tell(
    desk: Desk, peer: Integrator
) -> None:
    """X3: lookup(idempotency_key) decides; if it cannot, the doubt stays."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(500)
    intent = approved(desk)
    perform(intent, tenant=desk.tenant)
    id_ = _execution(desk, intent).id
    asked: list[str] = []

    def unsure(key: str) -> bool | None:
        asked.append(key)
        return None

    assert not settle_by_lookup(id_, tenant=desk.tenant, lookup=unsure, now=NOW)
    assert _row(desk, intent).status == "IN_DOUBT"
    assert settle_by_lookup(id_, tenant=desk.tenant, lookup=lambda _: True, now=NOW)
    assert _row(desk, intent).status == "SUCCEEDED"
    assert asked == [str(intent)]
