"""S5: an approved act that breaks every time ends in the open, its accounts exact."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from autonomy import perform as performing
from autonomy.claiming import Claimed
from autonomy.models import BudgetUse, Execution, Intent, Outcome, Permit, Receipt
from autonomy.perform import perform
from autonomy.relay import Relay, Sent
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved, due
from tests.races import in_threads


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Starts that always break; who tried is kept."""
    tried: list[UUID] = []

    def broken(claim: Claimed) -> Any:
        tried.append(claim.intent.id)
        raise KeyError("nobody expected this")

    monkeypatch.setattr(performing, "start_on", broken)
    return tried


def _row(desk: Desk, intent: UUID) -> Intent:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent)


def _try(desk: Desk, intent: UUID) -> None:
    with pytest.raises(KeyError):
        perform(intent, tenant=desk.tenant)
    due(desk, intent)


def _given_up(desk: Desk, intent: UUID) -> None:
    row = _row(desk, intent)
    assert (row.status, row.error) == ("FAILED", "KeyError")
    assert row.given_up_at is not None
    assert (row.due_at, row.lease_until, row.dispatched_at) == (None, None, None)
    with tenant_scope(desk.tenant):
        assert Execution.objects.filter(intent_id=intent).count() == 0
        permit = Permit.objects.get(intent_id=intent)
        assert permit.spent_at is None
        assert permit.voided_at is not None
        outcome = Outcome.objects.get(intent_id=intent)
        assert (outcome.taxonomy, outcome.cause) == ("EXECUTION_FAILED", "execution")
        entry = Entry.objects.get(intent_id=intent, kind="intent.given_up")
        assert (entry.data["attempts"], entry.data["error"]) == (5, "KeyError")


def test_what_breaks_every_time_ends_after_so_many_attempts(
    desk: Desk, breaking: list[UUID]
) -> None:
    """S5: MAX_ATTEMPTS tries, then FAILED with the error; nothing is tried again."""
    intent = approved(desk)
    for _ in range(settings.MAX_ATTEMPTS):
        _try(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "GIVEN_UP"
    _given_up(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    assert len(breaking) == settings.MAX_ATTEMPTS


def test_its_budget_comes_back_and_its_permit_is_withdrawn(
    make_desk: Callable[..., Desk], breaking: list[UUID]
) -> None:
    """A11, A12: no attempt started, so one unit of the day is free again."""
    desk = make_desk(limit=1)
    intent = desk.propose().id
    assert _row(desk, intent).status == "APPROVED"
    for _ in range(settings.MAX_ATTEMPTS):
        _try(desk, intent)
    in_threads(4, lambda _: perform(intent, tenant=desk.tenant))
    _given_up(desk, intent)
    with tenant_scope(desk.tenant):
        assert Receipt.objects.get(intent_id=intent).returned_at is not None
        assert list(BudgetUse.objects.values_list("used", flat=True)) == [0]
        back = Entry.objects.filter(intent_id=intent, kind="budget.returned")
        assert [entry.data["reason"] for entry in back] == ["GIVEN_UP"]
    assert _row(desk, desk.propose().id).status == "APPROVED"


def test_an_act_that_recovers_is_no_poison(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, breaking: list[UUID]
) -> None:
    """X1: one failure less, and it is done once."""
    intent = approved(desk)
    for _ in range(settings.MAX_ATTEMPTS - 1):
        _try(desk, intent)
    monkeypatch.undo()
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert _row(desk, intent).given_up_at is None


class _Killed(BaseException):
    """As if the process were gone: nothing after it runs."""


def test_attempts_whose_process_died_are_counted_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S5: once a message stayed without an answer, each claim counts by itself."""
    intent = approved(desk)
    due(desk, intent)
    tried: list[UUID] = []

    def killed(claim: Claimed) -> Any:
        tried.append(claim.intent.id)
        raise _Killed

    monkeypatch.setattr(performing, "start_on", killed)

    def sent(message: Sent) -> None:
        if message.intent == intent:
            perform(intent, tenant=desk.tenant)

    rounds = 0
    while _row(desk, intent).status == "APPROVED":
        rounds += 1
        assert rounds <= settings.MAX_ATTEMPTS + 2
        try:
            _resend(desk, intent, sent)
        except _Killed:
            continue
    row = _row(desk, intent)
    assert (row.status, row.given_up_at is None) == ("FAILED", False)
    assert row.error == "Whoever tried it never came back."
    assert len(tried) <= settings.MAX_ATTEMPTS + 1


def _resend(desk: Desk, intent: UUID, sent: Callable[[Sent], None]) -> None:
    """A round of the relay, long after the last one."""
    with tenant_scope(desk.tenant):
        held = Intent.objects.filter(pk=intent).exclude(dispatched_at=None)
        held.update(dispatched_at="2020-01-01T00:00:00Z")
    Relay(sent).round()


def test_waiting_in_a_queue_is_no_attempt(desk: Desk) -> None:
    """S4: messages that nobody took count as one at most, however many there were."""
    intent = approved(desk)
    due(desk, intent)
    for _ in range(settings.MAX_ATTEMPTS * 3):
        _resend(desk, intent, lambda _: None)
    assert _row(desk, intent).attempts <= 1
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_given_up_acts_stand_among_what_is_parked(
    desk: Desk, breaking: list[UUID]
) -> None:
    """S5: shown with the error; they have ended, and are not sent on again."""
    intent = approved(desk)
    for _ in range(settings.MAX_ATTEMPTS):
        _try(desk, intent)
    perform(intent, tenant=desk.tenant)
    out = StringIO()
    call_command("parked", "list", "--json", stdout=out)
    (shown,) = [row for row in json.loads(out.getvalue()) if row["id"] == str(intent)]
    assert (shown["kind"], shown["stage"]) == ("intent", "EXECUTE")
    assert (shown["error"], shown["tenant"]) == ("KeyError", str(desk.tenant))
    with pytest.raises(CommandError, match="ended"):
        call_command("parked", "retry", "--id", str(intent), stdout=StringIO())
    assert _row(desk, intent).status == "FAILED"
