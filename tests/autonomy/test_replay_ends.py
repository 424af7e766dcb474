"""Replays of what is in doubt, and those that nothing came of (X5)."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from autonomy import decisions, feed
from autonomy.errors import (
    MayBeDone,
    NotInDoubt,
)
from autonomy.models import (
    Intent,
    Outcome,
)
from autonomy.perform import perform
from autonomy.retract import retract
from autonomy.rules.answers import Meaning
from autonomy.settle import settle
from autonomy.tools import reaching
from autonomy.tools.base import Changing, Image, Job, stopped
from autonomy.tools.binding import change_tool
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import vault
from perception.models import Connector
from perception.rules.roles import Role
from perception.sources.base import Wire
from tests.autonomy.conftest import Desk, swept
from tests.autonomy.replays import (
    PERSON,
    acts,
    again,
    asked,
    doubted,
    failed,
    kinds,
    rehearsed,
    replay_of,
    row_of,
)  # fmt: skip
from tests.autonomy.tools.peer import Integrator, approved, bound, integrator
from tests.conftest import NOW


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


Ender = Callable[[Desk, Any], None]


def _rejected(desk: Desk, question: Any) -> None:
    with tenant_scope(desk.tenant):
        by = desk.house.caller(Role.APPROVER)
        decisions.reject(question.id, "timing", by=by)


def _expired(desk: Desk, question: Any) -> None:
    swept(question.expires_at + timedelta(seconds=1))


def _blocked(desk: Desk, question: Any) -> None:
    desk.mode("DISABLED")
    with tenant_scope(desk.tenant):
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))


def _called_off(desk: Desk, question: Any) -> None:
    with tenant_scope(desk.tenant):
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))
        retract(question.intent_id, by=PERSON, member=None, reason="no")


def _given_up(desk: Desk, question: Any) -> None:
    with tenant_scope(desk.tenant):
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))
        Intent.objects.filter(pk=question.intent_id).update(attempts=9)
    perform(question.intent_id, tenant=desk.tenant, most=5)


ENDERS = (_rejected, _expired, _blocked, _called_off, _given_up)


@pytest.mark.parametrize("ender", ENDERS)
@pytest.mark.parametrize("status", ["FAILED", "IN_DOUBT"])
def test_what_comes_to_nothing_leaves_it_as_it_was(
    desk: Desk, peer: Integrator, ender: Ender, status: str
) -> None:
    """X5: no end but one of an act ends a doubt; and it may be asked for again."""
    bound(desk, peer.url)
    intent = (failed if status == "FAILED" else doubted)(desk, peer)
    stood, calls = row_of(desk, intent), len(peer.asked)
    desk.mode("APPROVAL")
    row = again(desk, intent)
    ender(desk, asked(desk, intent))
    made = replay_of(desk, row)
    assert made.status == "FAILED"
    assert made.error
    after = row_of(desk, intent)
    assert (after.status, after.error) == (status, stood.error)
    assert (after.replay_id, after.due_at, after.given_up_at) == (None, None, None)
    assert kinds(desk, intent).count("replay.failed") == 1
    assert [act.status for act in acts(desk, intent)] == [status]
    assert len(peer.asked) == calls
    desk.mode("AUTOPILOT")
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    again(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"


# --- what may have been done ----------------------------------------------------------------


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    desk: Desk, peer: Integrator
) -> None:
    """X5: one effect at the integrator; the first doubt is over too."""
    bound(desk, peer.url)
    intent = doubted(desk, peer)
    (first,) = acts(desk, intent)
    row = again(desk, intent)
    caller = desk.house.caller(Role.ADMIN)
    with tenant_scope(desk.tenant):
        assert feed.inbox(caller, now=clock())[:9] == []
        with pytest.raises(NotInDoubt), transaction.atomic():
            settle(first, done=True, by=PERSON, note="", now=NOW)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    first, second = acts(desk, intent)
    assert (first.status, second.status) == ("FAILED", "SUCCEEDED")
    assert first.outcome["settled"] == {
        "execution": str(second.id), "replay": str(row.id),
    }  # fmt: skip
    assert peer.effects == {str(intent): 1}
    assert {headers["idempotency-key"] for headers, _ in peer.asked} == {str(intent)}
    assert replay_of(desk, row).status == "COMPLETED"
    with tenant_scope(desk.tenant):
        assert Outcome.objects.get().taxonomy == "EXECUTION_SUCCEEDED"
        settled = Entry.objects.get(kind="execution.settled")
    assert settled.execution_id == first.id
    assert settled.data["taken_over_by"] == str(second.id)


@pytest.mark.parametrize(("answer", "ends"), [(0, "IN_DOUBT"), (422, "FAILED")])
def test_a_doubt_is_only_over_by_an_answer(
    desk: Desk, peer: Integrator, answer: int, ends: str
) -> None:
    bound(desk, peer.url)
    intent = doubted(desk, peer)
    row = again(desk, intent)
    peer.says(answer)
    assert perform(intent, tenant=desk.tenant, most=1) == ends
    assert row_of(desk, intent).status == ends
    assert replay_of(desk, row).status == "FAILED"
    assert [act.status for act in acts(desk, intent)] == ["FAILED", ends]
    if ends == "IN_DOUBT":
        act = acts(desk, intent)[-1]
        with tenant_scope(desk.tenant):
            settle(act, done=True, by=PERSON, note="I looked.", now=NOW)
        assert row_of(desk, intent).status == "SUCCEEDED"
        assert kinds(desk, intent).count("replay.failed") == 1


def test_a_tool_that_is_away_leaves_the_doubt(desk: Desk, peer: Integrator) -> None:
    """X5: never "failed" because nobody could be asked."""
    bound(desk, peer.url)
    intent = doubted(desk, peer)
    again(desk, intent)
    peer.close()
    assert perform(intent, tenant=desk.tenant, most=1) == "IN_DOUBT"
    assert row_of(desk, intent).status == "IN_DOUBT"


def test_at_most_once_in_doubt_is_refused(desk: Desk, peer: Integrator) -> None:
    """X5: nobody could tell whether that would be the second time."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    intent = doubted(desk, peer, alone=False)
    calls = len(peer.asked)
    with pytest.raises(MayBeDone):
        again(desk, intent)
    assert rehearsed(desk, intent)["may_commit"]["code"] == "MAY_BE_DONE"
    assert row_of(desk, intent).status == "IN_DOUBT"
    assert len(peer.asked) == calls


CHANGES = ({"effect": "AT_MOST_ONCE"}, {"url": "http://127.0.0.1:9/elsewhere"})


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_promised_then_must_still_hold(
    desk: Desk, peer: Integrator, change: dict[str, Any]
) -> None:
    """X5: the same key at another place would be a second effect."""
    tool = bound(desk, peer.url)
    intent = doubted(desk, peer)
    with tenant_scope(desk.tenant):
        change_tool(tool, change, by=desk.admin, now=NOW)
    with pytest.raises(MayBeDone):
        again(desk, intent)
    assert row_of(desk, intent).status == "IN_DOUBT"


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_promised_must_hold_at_the_start_too(
    desk: Desk, peer: Integrator, change: dict[str, Any]
) -> None:
    """X5: a person may take days to decide."""
    tool = bound(desk, peer.url)
    intent = doubted(desk, peer)
    calls = len(peer.asked)
    desk.mode("APPROVAL")
    again(desk, intent)
    question = asked(desk, intent)
    with tenant_scope(desk.tenant):
        change_tool(tool, change, by=desk.admin, now=NOW)
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))
    perform(intent, tenant=desk.tenant)
    assert len(peer.asked) == calls
    assert row_of(desk, intent).status in ("IN_DOUBT", "AWAITING_APPROVAL")
    assert "SUCCEEDED" not in [act.status for act in acts(desk, intent)]


def test_what_may_be_done_cannot_be_edited(desk: Desk, peer: Integrator) -> None:
    """X5: the same key for other words would be a lie."""
    bound(desk, peer.url)
    intent = doubted(desk, peer)
    desk.mode("APPROVAL")
    again(desk, intent)
    question = asked(desk, intent)
    by = desk.house.caller(Role.APPROVER)
    with tenant_scope(desk.tenant), pytest.raises(MayBeDone):
        decisions.edit(question.id, {"text": "Other words."}, by=by)
    assert asked(desk, intent).id == question.id


class Shelf(Changing):
    """A tool that sets one value, and whose answer may get lost."""

    key = "crm.stage"
    title = "A shelf"
    acts_as = "crm"
    timeout = 5.0
    takes: Mapping[str, Any] = {"type": "object"}

    def __init__(self) -> None:
        self.value, self.calls, self.is_lost = "before", 0, True

    def look(self, job: Job, wire: Wire) -> Image:
        return {"there": True, "value": self.value}

    def is_done(self, job: Job, seen: Image) -> bool:
        return bool(seen["value"] == "after")

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        self.value, self.calls = "after", self.calls + 1
        if self.is_lost:
            raise stopped(Meaning.AMBIGUOUS, "Its answer was lost.")
        return {}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        self.value = before["value"]


def test_what_was_there_before_the_first_time_is_what_undo_goes_back_to(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X4, X5: a replay of what was done after all does nothing, and knows what was."""
    shelf = Shelf()
    monkeypatch.setattr(reaching, "HANDS", {shelf.key: shelf})
    with tenant_scope(desk.tenant):
        Connector.objects.create(
            tenant_id=desk.tenant, kind="tryton", name="CRM", acts_as="crm",
            sealed_secrets=vault.seal("[]"),
        )  # fmt: skip
    intent = approved(desk, "change_opportunity_stage")
    assert perform(intent, tenant=desk.tenant, most=1) == "IN_DOUBT"
    result = rehearsed(desk, intent)
    would = result["would"]
    assert (would["by"], would["connector"], would["kind"]) == (
        "connector", "CRM", "tryton",
    )  # fmt: skip
    shelf.is_lost = False
    again(desk, intent)
    question = asked(desk, intent)
    with tenant_scope(desk.tenant):
        decisions.approve(question.id, by=desk.house.caller(Role.APPROVER))
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert shelf.calls == 1
    act = acts(desk, intent)[-1]
    assert (act.before["value"], act.after["value"]) == ("before", "after")
