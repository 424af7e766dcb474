"""R7, A8, G4: nothing starts for a closed account, and no signal of it is decided on."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy import decisions, entering
from autonomy.errors import AccountClosed
from autonomy.execute import start
from autonomy.models import Approval, Effect, Execution, Intent, Permit, Receipt, Run
from autonomy.perform import perform
from autonomy.rules.runs import Stage
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.intake import receive
from perception.models import Account, Signal
from perception.rules.roles import Role
from tests.autonomy.claims import waiting
from tests.autonomy.conftest import Desk
from tests.autonomy.test_admission import _walked
from tests.conftest import NOW
from tests.races import in_threads

LATER = NOW + timedelta(hours=1)


def close(desk: Desk, closed: bool = True) -> None:
    """As somebody closes it, and as whoever proposes next has read it."""
    with tenant_scope(desk.tenant):
        desk.account = change_account(
            desk.account, {"closed": closed}, by=desk.admin, now=LATER
        )


def test_nothing_is_proposed_for_it(desk: Desk) -> None:
    """Refused by name, at the verb and at the door; without a trace."""
    close(desk)
    with tenant_scope(desk.tenant):
        before = Entry.objects.count()
    with pytest.raises(AccountClosed):
        desk.propose()
    body = {"account": "acme", **desk.given("create_internal_note")}
    answer = desk.house.client(Role.SELLER).send("POST", "intents/", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "ACCOUNT_CLOSED")
    with tenant_scope(desk.tenant):
        assert (Intent.objects.count(), Entry.objects.count()) == (0, before)
    close(desk, closed=False)
    assert desk.propose().status == "APPROVED"


@pytest.mark.parametrize("by_policy", [True, False])
def test_what_was_approved_is_called_off(desk: Desk, by_policy: bool) -> None:
    """A8: no start, no effect; the permit is void, the budget is whole again."""
    intent = desk.propose().id if by_policy else desk.approved(1)[0]
    close(desk)
    assert perform(intent, tenant=desk.tenant) == "ACCOUNT_CLOSED"
    with tenant_scope(desk.tenant):
        row = Intent.objects.get(pk=intent)
        assert (row.status, row.due_at) == ("CANCELLED", None)
        permit = Permit.objects.get(intent_id=intent)
        assert (permit.spent_at, permit.voided_at is None) == (None, False)
        assert (Execution.objects.count(), Effect.objects.count()) == (0, 0)
        assert Receipt.objects.filter(returned_at=None).count() == 0
        entry = Entry.objects.get(intent_id=intent, kind="intent.retracted")
        assert entry.data == {"reason": "ACCOUNT_CLOSED", "status": "APPROVED"}
    close(desk, closed=False)
    # It is over: whoever still wants it proposes it again.
    assert perform(intent, tenant=desk.tenant) == "NOTHING"


def test_what_was_closed_and_opened_meanwhile_starts(desk: Desk) -> None:
    intent = desk.propose().id
    close(desk)
    close(desk, closed=False)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_what_is_under_way_runs_to_its_end(desk: Desk) -> None:
    """It has started: its permit is spent, and its end is written."""
    intent = desk.propose().id
    with tenant_scope(desk.tenant):
        started = start(intent)
    assert started.execution is not None
    close(desk)
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=intent).status == "EXECUTING"
        assert start(intent).reason == "NOT_APPROVED"


def test_each_starts_whole_or_not_at_all(desk: Desk) -> None:
    """A8, X1: acts that start while it is closed; nothing is half done."""
    intents = [desk.propose().id for _ in range(12)]
    ends: list[str] = []

    def work(number: int) -> None:
        if number == 0:
            close(desk)
            return
        for intent in intents[number - 1 :: 4]:
            ends.append(perform(intent, tenant=desk.tenant))

    in_threads(5, work)
    done = ends.count("SUCCEEDED")
    assert (len(ends), done + ends.count("ACCOUNT_CLOSED")) == (12, 12)
    with tenant_scope(desk.tenant):
        counts = Counter(Intent.objects.values_list("status", flat=True))
        assert counts == Counter({"SUCCEEDED": done, "CANCELLED": 12 - done})
        assert (Execution.objects.count(), Effect.objects.count()) == (done, done)
        assert Receipt.objects.filter(returned_at=None).count() == done


@pytest.mark.parametrize(
    "decide",
    [
        lambda id_, by: decisions.approve(id_, by=by),
        lambda id_, by: decisions.edit(id_, {"subject": "A", "body": "B"}, by=by),
    ],
)
def test_nobody_says_yes_for_it(desk: Desk, decide: Callable[..., Any]) -> None:
    """H1: the question stays as it was; a no is still an answer."""
    intent = desk.propose("send_email")
    close(desk)
    by = desk.house.caller(Role.APPROVER)
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(intent=intent)
        before = Entry.objects.count()
        with pytest.raises(AccountClosed):
            decide(asked.id, by)
        assert Approval.objects.get().status == "PENDING"
        assert Intent.objects.get().parameters == intent.parameters
        assert (Permit.objects.count(), Entry.objects.count()) == (0, before)
        assert decisions.reject(asked.id, "external", by=by).approval.decided_at


def _run(desk: Desk, id_: UUID) -> Run:
    with tenant_scope(desk.tenant):
        return Run.objects.get(pk=id_)


def test_its_signals_are_kept_and_start_nothing(desk: Desk) -> None:
    """P1, G1: a run that was promised ends with its reason."""
    close(desk)
    item = {"account": "acme", "type": "news", "payload": {"title": "A"}}
    with tenant_scope(desk.tenant):
        [kept] = receive([item], by=Actor(type="system", id="tests"), now=NOW)
        assert Signal.objects.filter(pk=kept.id).exists()
    assert kept.run_id is not None
    entering.enter(desk.tenant)
    assert _walked(desk, kept.run_id, Stage.TRIGGER) is None
    run = _run(desk, kept.run_id)
    assert (run.status, run.gate_reason) == ("SKIPPED", "ACCOUNT_CLOSED")
    with tenant_scope(desk.tenant):
        entry = Entry.objects.get(run_id=run.id, kind="trigger.held")
        assert entry.data["reason"] == "ACCOUNT_CLOSED"
        assert Account.objects.get(pk=desk.account.pk).next_poll_at is None


def test_a_run_under_way_ends_at_the_gate(desk: Desk) -> None:
    """G4: skipped with its reason; no decision is counted."""
    there = waiting(desk, Stage.GATE)
    close(desk)
    assert _walked(desk, there, Stage.GATE) is None
    run = _run(desk, there)
    assert (run.status, run.gate_result) == ("SKIPPED", "SKIP")
    assert run.gate_reason == "ACCOUNT_CLOSED"
