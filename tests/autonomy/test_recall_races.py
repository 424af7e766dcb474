"""A recall against everything that happens at the same moment: never two truths."""

from collections.abc import Callable
from threading import Barrier
from typing import Any
from uuid import UUID

from django.db import connection

from autonomy import decisions
from autonomy.errors import MovedTarget
from autonomy.execute import start
from autonomy.models import Approval, BudgetUse, Execution, Intent, Permit
from autonomy.recall import recall
from autonomy.sweep import request
from ledger.models import Entry
from ledger.scope import system_scope, tenant_scope
from tests.autonomy.conftest import Desk
from tests.autonomy.steps import PLANS, approver, fresh, let_run, step_of, submitted
from tests.races import in_threads

LONG = 60
ROUNDS = 30
CLICKS = 20
# Everything that is due, whether it was sent before or not.
SEND = "SELECT * FROM autonomy_send_intents(%s::uuid[], 1000, 0)"


def _recall(desk: Desk, intents: list[UUID]) -> int:
    with tenant_scope(desk.tenant):
        return len(recall(intents, by=PLANS, reason="It is over."))


def _rounds(*works: Callable[[int], Any]) -> list[list[Any]]:
    """Each of the works, in a thread of its own, round after round, all at once."""
    together = Barrier(len(works))

    def run(place: int) -> list[Any]:
        found = []
        for number in range(ROUNDS):
            together.wait(LONG)
            found.append(works[place](number))
        return found

    return in_threads(len(works), run)


def test_twenty_clicks_and_a_recall(desk: Desk) -> None:
    """R2, H2: approved and then recalled, or recalled and the answer is 409."""
    intents = [submitted(desk) for _ in range(ROUNDS)]
    with tenant_scope(desk.tenant):
        asked = [Approval.objects.get(intent=each).id for each in intents]
    by = approver(desk)

    def click(number: int) -> str:
        try:
            with tenant_scope(desk.tenant):
                decisions.approve(asked[number], by=by)
        except MovedTarget:
            return "409"
        return "approved"

    def off(number: int) -> str:
        return str(_recall(desk, [intents[number].id]))

    *clicks, recalled = _rounds(*[click] * CLICKS, off)
    assert set(recalled) == {"1"}
    with tenant_scope(desk.tenant):
        for number, intent in enumerate(intents):
            answers = {each[number] for each in clicks}
            question = Approval.objects.get(intent=intent)
            permits = list(Permit.objects.filter(intent=intent))
            kinds = set(
                Entry.objects.filter(intent_id=intent.id).values_list("kind", flat=True)
            )
            assert fresh(intent).status == "CANCELLED"
            if "approved" in answers:
                # Whoever clicked again after the first was told the same.
                assert question.status == "APPROVED"
                assert [permit.voided_at is None for permit in permits] == [False]
                assert "approval.withdrawn" not in kinds
            else:
                assert (question.status, permits) == ("WITHDRAWN", [])
                assert "approval.approved" not in kinds
        assert not Execution.objects.exists()


def test_a_start_and_a_recall(desk: Desk) -> None:
    """R2: it has started, and is left alone; or it was called off, and never starts."""
    let_run(desk)
    intents = [submitted(desk) for _ in range(ROUNDS)]

    def begin(number: int) -> bool:
        with tenant_scope(desk.tenant):
            return start(intents[number].id).execution is not None

    def off(number: int) -> bool:
        return _recall(desk, [intents[number].id]) == 1

    *begun, recalled = _rounds(begin, begin, begin, off)
    with tenant_scope(desk.tenant):
        for number, intent in enumerate(intents):
            started = sum(each[number] for each in begun)
            assert started + recalled[number] == 1
            assert Execution.objects.filter(intent=intent).count() == started
            status = "EXECUTING" if started else "CANCELLED"
            assert fresh(intent).status == status
        used = BudgetUse.objects.get().used
        assert used == Execution.objects.count()


def test_what_is_sent_back_to_a_person_meanwhile_is_recalled_too(desk: Desk) -> None:
    """R2: a start asks anew, and holds the intent before its question is there."""
    let_run(desk)
    intents = [submitted(desk) for _ in range(ROUNDS)]
    # From now on nothing of it may run by itself: whatever starts is sent back.
    desk.mode("APPROVAL")

    def begin(number: int) -> None:
        with tenant_scope(desk.tenant):
            assert start(intents[number].id).execution is None

    def click(number: int) -> None:
        with tenant_scope(desk.tenant):
            for asked in Approval.objects.filter(intent=intents[number]):
                try:
                    decisions.reject(asked.id, "idea", by=approver(desk))
                except MovedTarget:
                    continue

    def off(number: int) -> int:
        return _recall(desk, [intents[number].id])

    _rounds(begin, click, click, off)
    with tenant_scope(desk.tenant):
        stand = set(Intent.objects.values_list("status", flat=True))
        assert stand <= {"CANCELLED", "REJECTED"}
        assert not Approval.objects.filter(status="PENDING").exists()
        assert not Permit.objects.filter(voided_at=None).exists()
        assert BudgetUse.objects.get().used == 0


def test_many_of_a_plan_and_everybody_at_once(desk: Desk) -> None:
    """R2: sweeps, senders and decisions about many end well, in whatever order."""
    let_run(desk)
    desk.mode("APPROVAL", action_type="draft_email")
    desk.budget(500, action_type="create_internal_note")
    for _ in range(ROUNDS // 3):
        _everybody(desk)
    with tenant_scope(desk.tenant):
        assert set(Intent.objects.values_list("status", flat=True)) == {"CANCELLED"}
        assert not Approval.objects.filter(status="PENDING").exists()
        assert not Permit.objects.filter(voided_at=None).exists()
        assert set(BudgetUse.objects.values_list("used", flat=True)) == {0}


def _everybody(desk: Desk) -> None:
    """Acts that wait for their start, and as many questions, taken on by all at once."""
    types = ("create_internal_note", "draft_email") * 6
    intents = [submitted(desk, step_of(), each) for each in types]
    ids = [each.id for each in intents]
    with tenant_scope(desk.tenant):
        questions = Approval.objects.filter(intent__in=ids)
        asked = list(questions.values_list("id", flat=True))
    assert len(asked) == len(ids) // 2

    def click() -> None:
        decisions.decide_all(asked, "approve", by=approver(desk))

    def swept() -> None:
        request(
            intents[0].created_at,
            account=None,
            only_automatic=False,
            reason="",
            by=PLANS,
            member=None,
        )

    def work(place: int) -> None:
        if place == 0:
            _recall(desk, ids)
        elif place < 3:
            with tenant_scope(desk.tenant):
                (click, swept)[place - 1]()
        else:
            for _ in range(10):
                with system_scope("probe recalls"), connection.cursor() as cursor:
                    cursor.execute(SEND, [[str(desk.tenant)]])

    in_threads(5, work)
