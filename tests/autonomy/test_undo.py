"""X4: acts are taken back and read back; what somebody changed since stays as it is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from autonomy import undo as undos
from autonomy.errors import CannotRetract, CannotUndo
from autonomy.models import (
    BudgetUse,
    ContextField,
    Effect,
    Execution,
    Intent,
    Outcome,
    Permit,
    Sweep,
    Undo,
)
from autonomy.perform import perform
from autonomy.relay import Relay, Sent
from autonomy.retract import retract
from autonomy.rules.undo import WINDOW
from autonomy.sweep import request as sweep
from autonomy.undoing import take_back
from ledger.clock import clock
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import Integrator, approved, bound, due, integrator
from tests.races import in_threads

SOMEBODY = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000009")
FIELD = "champion"


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def did(desk: Desk, action_type: str = "create_internal_note", **more: Any) -> UUID:
    """An act that was done by itself."""
    intent = desk.propose(action_type, **more)
    assert intent.status == "APPROVED"
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        found: UUID = Execution.objects.get(intent=intent).id
    return found


def knows(desk: Desk, value: Any) -> UUID:
    """An act that wrote what is known of the account."""
    given = {"field": FIELD, "value": value}
    return did(desk, "update_account_context", parameters=given)


def known(desk: Desk) -> Any:
    """What is known now; None where nothing is."""
    with tenant_scope(desk.tenant):
        rows = ContextField.objects.filter(account=desk.account, field=FIELD)
        return rows.values_list("value", flat=True).first()


def undone(desk: Desk, execution: UUID) -> Undo:
    with tenant_scope(desk.tenant):
        return undos.request(execution, by=SOMEBODY, member=None, reason="Wrong.")


def kinds(desk: Desk) -> list[str]:
    with tenant_scope(desk.tenant):
        return list(Entry.objects.order_by("id").values_list("kind", flat=True))


@pytest.mark.parametrize(
    "action_type",
    [
        "create_internal_note",
        "create_follow_up_task",
        "create_briefing",
        "draft_email",
        "log_interaction",
        "open_approval_request",
    ],
)
def test_what_the_house_left_is_taken_back_at_once(
    desk: Desk, action_type: str
) -> None:
    """X4, X2: the effect, the act and the intent say so, and the ledger tells who did."""
    execution = did(desk, action_type)
    undo = undone(desk, execution)
    assert (undo.status, undo.proof) == ("DONE", "HOUSE")
    with tenant_scope(desk.tenant):
        act = Execution.objects.select_related("intent").get(pk=execution)
        assert (act.status, act.intent.status) == ("UNDONE", "UNDONE")
        assert Effect.objects.get(execution=act).undone_at is not None
        assert Outcome.objects.filter(intent=act.intent, taxonomy="UNDONE").count() == 1
        entry = Entry.objects.get(kind="execution.undone")
        assert entry.actor["id"] == SOMEBODY.id
    assert kinds(desk)[-3:] == [
        "undo.requested",
        "execution.undone",
        "outcome.recorded",
    ]


def test_undo_after_do_is_identity(desk: Desk) -> None:
    """X4: what was known before is known again, or nothing where nothing was."""
    first = knows(desk, "Ann")
    second = knows(desk, "Bob")
    assert known(desk) == "Bob"
    undone(desk, second)
    assert known(desk) == "Ann"
    undone(desk, first)
    assert known(desk) is None


def test_what_somebody_changed_since_is_a_conflict_and_stays(desk: Desk) -> None:
    """X4: a human change is reported and never clobbered; it may be asked for again."""
    execution = knows(desk, "Ann")
    with tenant_scope(desk.tenant):
        ContextField.objects.filter(field=FIELD).update(value="Eve")
    undo = undone(desk, execution)
    assert (undo.status, undo.found) == (
        "CONFLICT",
        {"field": FIELD, "value": "Eve", "there": True},
    )
    assert known(desk) == "Eve"
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=execution).status == "SUCCEEDED"
        ContextField.objects.filter(field=FIELD).update(value="Ann")
    assert undone(desk, execution).status == "DONE"
    assert known(desk) is None


def test_an_older_act_does_not_wipe_out_a_newer_one(desk: Desk) -> None:
    first = knows(desk, "Ann")
    knows(desk, "Bob")
    assert undone(desk, first).status == "CONFLICT"
    assert known(desk) == "Bob"


def test_twenty_at_once_take_back_once(desk: Desk) -> None:
    """X4: whoever comes second is told that it was done."""
    execution = did(desk)

    def ask(_: int) -> str:
        try:
            return str(undone(desk, execution).status)
        except CannotUndo as refusal:
            return refusal.detail

    said = in_threads(20, ask)
    assert said.count("DONE") == 1
    assert said.count("It was taken back already.") == 19
    with tenant_scope(desk.tenant):
        assert Undo.objects.count() == 1


def test_what_cannot_be_taken_back_says_why(desk: Desk) -> None:
    execution = did(desk)
    undone(desk, execution)
    with pytest.raises(CannotUndo, match="taken back already"):
        undone(desk, execution)
    late = did(desk)
    with tenant_scope(desk.tenant):
        ended = clock() - WINDOW - timedelta(seconds=1)
        Execution.objects.filter(pk=late).update(finished_at=ended)
    with pytest.raises(CannotUndo, match="until"):
        undone(desk, late)
    with tenant_scope(desk.tenant), pytest.raises(Execution.DoesNotExist):
        undos.request(uuid4(), by=SOMEBODY, member=None, reason="")


def tooled(desk: Desk, peer: Integrator, **more: Any) -> UUID:
    """An act that an integrator's tool did, and would take back."""
    bound(desk, peer.url, **more)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        found: UUID = Execution.objects.get(intent_id=intent).id
    return found


def keys(peer: Integrator) -> list[str]:
    return [headers["idempotency-key"] for headers, _ in peer.asked]


def status_of(desk: Desk, undo: Undo) -> tuple[str, str]:
    with tenant_scope(desk.tenant):
        row = Undo.objects.get(pk=undo.pk)
    return row.status, row.proof


def again(desk: Desk, undo: Undo) -> None:
    """Its time has come."""
    with tenant_scope(desk.tenant):
        Undo.objects.filter(pk=undo.pk).update(due_at=clock(), lease_until=None)


@pytest.mark.parametrize(
    ("answer", "stands"),
    [
        (200, ("DONE", "TOOL")),
        (409, ("CONFLICT", "")),
        (400, ("FAILED", "")),
    ],
)
def test_an_integrators_tool_is_asked_with_the_key_of_the_reversal(
    desk: Desk, peer: Integrator, answer: int, stands: tuple[str, str]
) -> None:
    """CONTRACT: `<intent_id>:undo`; 2xx is confirmed by the tool, 409 is a conflict."""
    execution = tooled(desk, peer)
    peer.says(answer)
    undo = undone(desk, execution)
    assert undo.status == "REQUESTED"
    take_back(undo.id, tenant=desk.tenant)
    assert status_of(desk, undo) == stands
    body = peer.bodies()[-1]
    assert body["undo"] is True
    with tenant_scope(desk.tenant):
        act = Execution.objects.get(pk=execution)
    assert keys(peer)[-1] == f"{act.intent_id}:undo"
    assert act.status == ("UNDONE" if stands[0] == "DONE" else "SUCCEEDED")


def test_a_doubt_about_an_undo_is_asked_again_with_the_same_key(
    desk: Desk, peer: Integrator
) -> None:
    execution = tooled(desk, peer)
    peer.says(500)
    undo = undone(desk, execution)
    assert take_back(undo.id, tenant=desk.tenant) == "WAITS"
    assert take_back(undo.id, tenant=desk.tenant) == "NOTHING"
    peer.says(200)
    again(desk, undo)
    assert take_back(undo.id, tenant=desk.tenant) == "DONE"
    assert len(set(keys(peer)[1:])) == 1


def test_one_that_takes_no_second_call_is_left_to_a_person(
    desk: Desk, peer: Integrator
) -> None:
    """X3: never a blind retry; a person says how it ended."""
    execution = tooled(desk, peer, effect="AT_MOST_ONCE")
    peer.says(500)
    undo = undone(desk, execution)
    assert take_back(undo.id, tenant=desk.tenant) == "IN_DOUBT"
    asked = len(peer.asked)
    again(desk, undo)
    assert take_back(undo.id, tenant=desk.tenant) == "NOTHING"
    assert len(peer.asked) == asked
    with tenant_scope(desk.tenant):
        settled = undos.settle(undo.id, done_=True, by=SOMEBODY, note="")
    assert (settled.status, settled.proof) == ("DONE", "PERSON")


def test_a_tool_without_an_undo_is_said_to_have_none(
    desk: Desk, peer: Integrator
) -> None:
    execution = tooled(desk, peer, undo=False)
    with pytest.raises(CannotUndo, match="cannot be called back"):
        undone(desk, execution)


def test_twenty_workers_make_one_call(desk: Desk, peer: Integrator) -> None:
    """X4: under a lease and a fence, as acts are."""
    undo = undone(desk, tooled(desk, peer))
    asked = len(peer.asked)
    said = in_threads(20, lambda _: take_back(undo.id, tenant=desk.tenant))
    assert said.count("DONE") == 1
    assert len(peer.asked) == asked + 1


def test_what_has_not_started_is_called_off(desk: Desk) -> None:
    """A5: a message that is held back can be pulled back, and its budget returns."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        Intent.objects.filter(pk=intent.pk).update(
            due_at=clock() + timedelta(minutes=10)
        )
        used = BudgetUse.objects.get().used
        undo = retract(intent.id, by=SOMEBODY, member=None, reason="Not yet.")
        assert (undo.status, undo.proof) == ("DONE", "RETRACTED")
        assert BudgetUse.objects.get().used == used - 1
        assert Permit.objects.get(intent=intent).voided_at is not None
    due(desk, intent.id)
    assert perform(intent.id, tenant=desk.tenant) == "NOTHING"
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=intent.pk).status == "CANCELLED"
        with pytest.raises(CannotRetract, match="CANCELLED"), transaction.atomic():
            retract(intent.id, by=SOMEBODY, member=None, reason="")


def test_a_start_and_its_calling_off_have_one_winner(desk: Desk) -> None:
    """X1: either it was done, or it was called off."""
    for _ in range(5):
        intent = desk.propose()

        def off(n: int, intent: Intent = intent) -> str:
            if n:
                return perform(intent.id, tenant=desk.tenant)
            try:
                with tenant_scope(desk.tenant):
                    retract(intent.id, by=SOMEBODY, member=None, reason="")
            except CannotRetract:
                return "LATE"
            return "OFF"

        said = sorted(in_threads(2, off))
        assert said in (["LATE", "SUCCEEDED"], ["NOTHING", "OFF"])


def swept(desk: Desk, since: Any, **more: Any) -> Sweep:
    given = {"account": None, "only_automatic": True, "reason": "Went wrong.", **more}
    with tenant_scope(desk.tenant):
        return sweep(since, by=SOMEBODY, member=None, **given)


def _together(desk: Desk, ids: list[UUID]) -> None:
    in_threads(len(ids), lambda n: take_back(ids[n], tenant=desk.tenant))


def work_off(desk: Desk) -> None:
    """As workers do: whatever is due, until nothing is."""
    while True:
        with tenant_scope(desk.tenant):
            rows = Undo.objects.filter(status="REQUESTED", due_at__lte=clock())
            ids = list(rows.values_list("id", flat=True)[:8])
        if not ids:
            return
        _together(desk, ids)


def test_everything_since_a_moment_goes_back_to_what_was_before(desk: Desk) -> None:
    """X4: newest first, so that a field that was set ten times is as it was before."""
    knows(desk, "Before")
    with tenant_scope(desk.tenant):
        since = clock()
    acts = [knows(desk, f"Value {n}") for n in range(10)]
    acts += [did(desk) for _ in range(5)]
    waiting = desk.propose()
    row = swept(desk, since)
    work_off(desk)
    assert known(desk) == "Before"
    with tenant_scope(desk.tenant):
        row.refresh_from_db()
        assert row.status == "DONE"
        assert Execution.objects.filter(pk__in=acts, status="UNDONE").count() == 15
        assert Intent.objects.get(pk=waiting.pk).status == "CANCELLED"
        assert dict(Entry.objects.get(kind="sweep.ended").data) == {
            "ended": {"DONE": 16}
        }


def test_conflicts_of_a_sweep_are_listed_exactly(desk: Desk) -> None:
    """X4: what somebody changed stays; what stood under it stays too; the rest goes."""
    with tenant_scope(desk.tenant):
        since = clock()
    first, second = knows(desk, "Ann"), knows(desk, "Bob")
    note = did(desk)
    with tenant_scope(desk.tenant):
        ContextField.objects.filter(field=FIELD).update(value="Eve")
    row = swept(desk, since)
    work_off(desk)
    with tenant_scope(desk.tenant):
        found = dict(
            Undo.objects.filter(sweep=row).values_list("execution_id", "status")
        )
    assert found == {first: "CONFLICT", second: "CONFLICT", note: "DONE"}
    assert known(desk) == "Eve"


def test_what_people_approved_stays_unless_it_is_asked_for(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        since = clock()
    alone = did(desk)
    (by_person,) = desk.approved(1)
    assert perform(by_person, tenant=desk.tenant) == "SUCCEEDED"
    swept(desk, since)
    work_off(desk)
    with tenant_scope(desk.tenant):
        states = dict(Execution.objects.values_list("auto_executed", "status"))
    assert states == {True: "UNDONE", False: "SUCCEEDED"}
    with tenant_scope(desk.tenant):
        assert Execution.objects.get(pk=alone).auto_executed
    swept(desk, since, only_automatic=False)
    work_off(desk)
    with tenant_scope(desk.tenant):
        assert not Execution.objects.filter(status="SUCCEEDED").exists()


def test_an_empty_sweep_is_over_at_once(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        since = clock()
    assert swept(desk, since).status == "DONE"


def test_what_is_due_is_sent_until_somebody_has_it(
    desk: Desk, peer: Integrator
) -> None:
    """S2: the row is the outbox of an undo too; what nobody takes up is sent again."""
    undo = undone(desk, tooled(desk, peer))
    sent: list[Sent] = []
    relay = Relay(sent.append)

    def ours() -> int:
        relay.round()
        return sum(each.undo == undo.id for each in sent)

    assert ours() == 1
    assert ours() == 1
    with tenant_scope(desk.tenant):
        Undo.objects.update(dispatched_at=clock() - timedelta(minutes=5))
    assert ours() == 2
    take_back(undo.id, tenant=desk.tenant)
    assert ours() == 2
    assert status_of(desk, undo) == ("DONE", "TOOL")
