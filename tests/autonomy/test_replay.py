"""An intent is gone through again for good: governed, and never twice (X5)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from autonomy import decisions
from autonomy import perform as performing
from autonomy.errors import (
    AlreadyDone,
    AutonomyError,
    MayBeDone,
    NotReplayable,
    ReplayOpen,
    SelfApproval,
    StillOpen,
)
from autonomy.models import (
    Approval,
    Effect,
    Intent,
    Outcome,
    Receipt,
    Replay,
)
from autonomy.perform import perform
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted as Stop
from autonomy.switchboard import engage, release
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.models import Signal, Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.replays import (
    PERSON,
    acts,
    again,
    asked,
    failed,
    kinds,
    rehearsed,
    replay_of,
    row_of,
)  # fmt: skip
from tests.autonomy.tools.peer import Integrator, approved, bound, due, integrator
from tests.conftest import NOW
from tests.races import in_threads


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


# --- for good -------------------------------------------------------------------------------

REFUSED: dict[str, type[AutonomyError]] = {
    "SUCCEEDED": AlreadyDone,
    "UNDONE": AlreadyDone,
    "REJECTED": NotReplayable,
    "EXPIRED": NotReplayable,
    "BLOCKED": NotReplayable,
    "CANCELLED": NotReplayable,
    "PROPOSED": StillOpen,
    "AWAITING_APPROVAL": StillOpen,
    "APPROVED": StillOpen,
    "EXECUTING": StillOpen,
    "IN_DOUBT": MayBeDone,
}


def test_what_may_not_be_done_again(desk: Desk) -> None:
    """X5: never a second success; and nothing is written."""
    assert set(REFUSED) | {"FAILED"} == set(Intent.Status.values)
    intent = desk.propose().id
    for status, refusal in REFUSED.items():
        with tenant_scope(desk.tenant):
            Intent.objects.filter(pk=intent).update(status=status)
            entries = Entry.objects.count()
        with pytest.raises(refusal):
            again(desk, intent)
        with tenant_scope(desk.tenant):
            assert Intent.objects.get(pk=intent).status == status
            assert Replay.objects.count() == 0
            assert Entry.objects.count() == entries


def test_what_failed_is_done_again(desk: Desk, peer: Integrator) -> None:
    """X5: a new execution, the old key, verdict and budget anew, all of it stated."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    fence = row_of(desk, intent).fence
    row = again(desk, intent)
    stood = row_of(desk, intent)
    assert (stood.status, stood.replay_id) == ("APPROVED", row.id)
    assert (stood.attempts, stood.error, stood.lease_until) == (0, "", None)
    assert stood.fence == fence
    assert replay_of(desk, row).status == "REQUESTED"
    assert rehearsed(desk, intent)["may_commit"]["code"] == "REPLAY_OPEN"
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    first, second = acts(desk, intent)
    assert (first.status, first.replay_id) == ("FAILED", None)
    assert (second.status, second.replay_id) == ("SUCCEEDED", row.id)
    assert (second.auto_executed, second.approval_source) == (True, "POLICY")
    assert row_of(desk, intent).fence > fence
    assert peer.effects == {str(intent): 1}
    assert {headers["idempotency-key"] for headers, _ in peer.asked} == {str(intent)}
    made = replay_of(desk, row)
    assert (made.status, made.error) == ("COMPLETED", "")
    assert made.finished_at is not None
    said = [kind for kind in kinds(desk, intent) if kind.startswith("replay.")]
    assert said[0] == "replay.requested"
    assert said[-2:] == ["replay.started", "replay.completed"]
    with tenant_scope(desk.tenant):
        taxonomies = Outcome.objects.order_by("id").values_list("taxonomy", flat=True)
        assert list(taxonomies) == ["EXECUTION_FAILED", "EXECUTION_SUCCEEDED"]
        echoes = Signal.objects.order_by("id").values_list("caused_by", flat=True)
        assert list(echoes) == [first.id, second.id]
        receipts = list(Receipt.objects.order_by("id"))
    assert [bool(each.used_at) for each in receipts] == [True, False]
    assert all(each.returned_at is None for each in receipts)
    with pytest.raises(AlreadyDone):
        again(desk, intent)


def test_a_second_failure_ends_it(desk: Desk, peer: Integrator) -> None:
    bound(desk, peer.url)
    intent = failed(desk, peer)
    row = again(desk, intent)
    peer.says(400)
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    made = replay_of(desk, row)
    assert (made.status, made.error) == ("FAILED", "It answered 400.")
    assert kinds(desk, intent)[-1] == "replay.failed"
    with tenant_scope(desk.tenant):
        assert Outcome.objects.get().taxonomy == "EXECUTION_FAILED"
    again(desk, intent)
    peer.says(200)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert len(acts(desk, intent)) == 3


def test_the_budget_is_taken_anew(
    make_desk: Callable[..., Desk], peer: Integrator
) -> None:
    """X5: what the first start used stays used, so a person is asked."""
    desk = make_desk(limit=1)
    bound(desk, peer.url)
    intent = failed(desk, peer)
    row = again(desk, intent)
    assert row_of(desk, intent).status == "AWAITING_APPROVAL"
    assert replay_of(desk, row).status == "REQUESTED"
    assert row.result["verdict"]["reason"].startswith("BUDGET")
    with tenant_scope(desk.tenant):
        assert Receipt.objects.get().returned_at is None


@pytest.mark.parametrize("four_eyes", [False, True])
def test_a_person_is_asked_and_whoever_wants_it_is_its_author(
    desk: Desk, peer: Integrator, four_eyes: bool
) -> None:
    """X5, H2: governed as the first time, four eyes included."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    desk.mode("APPROVAL")
    with tenant_scope(desk.tenant):
        Tenant.objects.filter(pk=desk.tenant).update(four_eyes=four_eyes)
    row = again(desk, intent)
    question = asked(desk, intent)
    assert question.author_id == row.by_id
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    if four_eyes:
        with tenant_scope(desk.tenant), pytest.raises(SelfApproval):
            decisions.approve(question.id, by=desk.house.caller(Role.ADMIN))
    with tenant_scope(desk.tenant):
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    act = acts(desk, intent)[-1]
    assert (act.auto_executed, act.approval_source) == (False, "HUMAN")
    assert replay_of(desk, row).status == "COMPLETED"


def test_what_is_blocked_stays_as_it_was(desk: Desk, peer: Integrator) -> None:
    """X5: the replay says why; intent, budget and permits are untouched."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    stood = row_of(desk, intent)
    desk.mode("DISABLED")
    row = again(desk, intent)
    assert row.status == "FAILED"
    assert row.error == row.result["verdict"]["explanation"]
    after = row_of(desk, intent)
    assert (after.status, after.error) == ("FAILED", stood.error)
    assert after.replay_id is None
    assert kinds(desk, intent)[-2:] == ["replay.requested", "replay.failed"]
    with tenant_scope(desk.tenant):
        assert Receipt.objects.get().used_at is None
        assert Approval.objects.count() == 0
    assert perform(intent, tenant=desk.tenant) == "NOTHING"


# --- races, switches, crashes ---------------------------------------------------------------


def test_of_twenty_one_is_under_way(desk: Desk, peer: Integrator) -> None:
    """X5: one open replay for each intent."""
    bound(desk, peer.url)
    intent = failed(desk, peer)

    def ask(_: int) -> str:
        try:
            again(desk, intent)
        except ReplayOpen:
            return "open"
        return "mine"

    said = in_threads(20, ask)
    assert (said.count("mine"), said.count("open")) == (1, 19)
    with tenant_scope(desk.tenant):
        assert Replay.objects.filter(commit=True).count() == 1
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert peer.effects == {str(intent): 1}


def test_a_switch_makes_it_wait_as_any_act(desk: Desk, peer: Integrator) -> None:
    """A1: it starts when the switch is released."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    calls = len(peer.asked)
    row = again(desk, intent)
    with tenant_scope(desk.tenant):
        stop = Stop(scope=Scope.TOOL, target="hook", reason="a trial")
        switch = engage(stop, by=PERSON, now=NOW).id
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert (len(peer.asked), replay_of(desk, row).status) == (calls, "REQUESTED")
    with tenant_scope(desk.tenant):
        release(switch, "over", by=PERSON, hold=timedelta(0))
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


def test_a_crash_after_the_call_goes_on_with_the_replay(
    desk: Desk, peer: Integrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X1, X5: whoever comes next takes up this execution, not the first."""
    bound(desk, peer.url)
    intent = failed(desk, peer)
    again(desk, intent)

    def dies(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(performing, "_recorded", dies)
        with pytest.raises(KeyboardInterrupt):
            perform(intent, tenant=desk.tenant)
    assert [act.status for act in acts(desk, intent)] == ["FAILED", "STARTED"]
    due(desk, intent)
    peer.says(409)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert peer.effects == {str(intent): 1}
    assert [act.status for act in acts(desk, intent)] == ["FAILED", "SUCCEEDED"]


def test_what_was_given_up_can_start_after_all(desk: Desk) -> None:
    """S5, X5: it never started, so it has no execution to begin from."""
    intent = approved(desk, attempts=9)
    assert perform(intent, tenant=desk.tenant, most=5) == "GIVEN_UP"
    row = again(desk, intent)
    assert row_of(desk, intent).given_up_at is None
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert replay_of(desk, row).status == "COMPLETED"
    with tenant_scope(desk.tenant):
        assert Effect.objects.count() == 1
