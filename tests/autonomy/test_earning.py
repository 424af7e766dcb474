"""N7: autonomy is suggested by the record, widened by a person, narrowed by the record."""

from datetime import timedelta
from typing import Any

import pytest

from autonomy import decisions, earning, track
from autonomy.errors import (
    AutonomyError,
    NeedsSecondPerson,
    NoSuchSuggestion,
    RecordFell,
    SuggestionDecided,
)
from autonomy.models import Approval, Mode
from autonomy.rules.earning import REST, Counts
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception import tenants
from perception.faults import Faults
from perception.models import Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.records import (
    BAD,
    DAY,
    NOTE,
    changes,
    decided,
    found,
    kinds,
    later,
    looked,
    mode_rows,
    regretted,
    statuses,
    suggested,
    with_four_eyes,
)
from tests.conftest import NOW
from tests.races import in_threads


@pytest.fixture
def asking(make_desk: Any) -> Desk:
    """A tenant where a person says yes to everything first."""
    desk: Desk = make_desk(mode="APPROVAL")
    return desk


def second_admin(desk: Desk) -> Caller:
    with tenant_scope(desk.tenant):
        member = tenants.add_member(
            f"second@{desk.house.slug}.example", "Second", Role.ADMIN, now=NOW
        )
    return Caller(tenant=desk.tenant, membership=member.id, role=Role.ADMIN)


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        (0, 0, "TOO_LITTLE"),
        (19, 0, "TOO_LITTLE"),
        (20, 0, "STAY"),
        (42, 0, "STAY"),
        (43, 0, "WIDEN"),
        (43, 1, "STAY"),
        (80, 1, "WIDEN"),
        (80, 20, "STAY"),
        (2, 12, "NARROW"),
    ],
)
def test_what_a_record_of_so_many_says(
    asking: Desk, good: int, bad: int, says: str
) -> None:
    """N7: from 43 clean acts on, and never with too few; too little has no number."""
    decided(asking, good)
    decided(asking, bad, BAD)
    assert looked(asking) == (says == "WIDEN")
    with tenant_scope(asking.tenant):
        record = track.records(now=later(asking))[NOTE]
    assert record.says == says
    assert record.asked == Counts(trials=good + bad, regrets=bad)
    said = record.stated()
    assert (said["lower"] is None) == (says == "TOO_LITTLE")
    assert ("too little" in said["explanation"]) == (says == "TOO_LITTLE")
    assert statuses(asking) == (["OPEN"] if says == "WIDEN" else [])
    assert mode_rows(asking) == {"": "APPROVAL"}
    # Whoever looks again finds nothing to do.
    assert looked(asking) == 0


@pytest.mark.parametrize(
    "taxonomy", ["IDEA_EDITED", "UNDONE", "NEGATIVE_RESPONSE", BAD]
)
def test_every_regret_counts(asking: Desk, taxonomy: str) -> None:
    """N7: refused, edited, undone or answered badly."""
    decided(asking, 43)
    decided(asking, 2, taxonomy)
    assert looked(asking) == 0


@pytest.mark.parametrize(
    "more",
    [
        {"also": ("stage",)},
        {"also": ("policy",)},
        {"origin": "plan"},
        {"reason": "MODE_DISABLED"},
    ],
)
def test_what_a_wider_mode_would_not_free_says_nothing(
    asking: Desk, more: dict[str, Any]
) -> None:
    """N7: held back by more than the mode, it stays with people whatever the mode is."""
    decided(asking, 60, **more)
    assert looked(asking) == 0
    decided(asking, 60, also=("budget",))
    assert looked(asking) == 1


def test_what_may_yet_be_regretted_does_not_count_as_good(asking: Desk) -> None:
    """N7: the window in which answers come is waited for; a regret counts at once."""
    decided(asking, 60)
    assert looked(asking, later(asking, 7)) == 0
    assert looked(asking, later(asking, 8.5)) == 1


def test_counting_begins_when_the_mode_was_set(asking: Desk) -> None:
    """N7: what was decided before says nothing of after."""
    decided(asking, 60, at=NOW - DAY)
    assert looked(asking) == 0
    asking.mode("APPROVAL", action_type=NOTE)
    decided(asking, 60)
    assert looked(asking) == 1


@pytest.mark.parametrize("mode", ["DISABLED", "AUTOPILOT", "SCHEDULED"])
def test_nothing_is_suggested_that_runs_that_wide(asking: Desk, mode: str) -> None:
    decided(asking, 60)
    with tenant_scope(asking.tenant):
        Mode.objects.update(mode=mode)
    assert looked(asking) == 0
    assert statuses(asking) == []


def test_the_record_is_what_people_did(asking: Desk) -> None:
    """N7: by the verbs themselves; an act is one trial, however often it was asked."""
    approver = asking.house.caller(Role.APPROVER)
    ids = []
    for _ in range(4):
        intent = asking.propose(NOTE)
        with tenant_scope(asking.tenant):
            ids.append(Approval.objects.get(intent=intent).id)
    with tenant_scope(asking.tenant):
        Mode.objects.update(set_at=clock() - DAY)
        decisions.approve(ids[0], by=approver)
        decisions.reject(ids[1], "timing", by=approver)
        edited = decisions.edit(ids[2], {"text": "Better."}, by=approver)
        decisions.approve(edited.approval.id, by=approver)
        now = clock()
        record = track.records(now=now)[NOTE]
        assert record.asked == Counts(trials=2, regrets=2)
        record = track.records(now=now + 8 * DAY)[NOTE]
        assert record.asked == Counts(trials=3, regrets=2)
        assert (record.reviewed, record.alone) == (Counts(), Counts())


def test_a_suggestion_is_withdrawn_when_the_record_falls(asking: Desk) -> None:
    """N7: stated; and suggested anew when it is borne out again."""
    made = suggested(asking)
    assert made.record["trials"] == 60
    assert made.record["to"] == "AUTOPILOT"
    assert made.record["lower"] >= 0.9
    bad = decided(asking, 3)
    regretted(asking, bad)
    assert looked(asking) == 1
    assert statuses(asking) == ["WITHDRAWN"]
    with tenant_scope(asking.tenant), pytest.raises(SuggestionDecided):
        earning.sign(made.id, by=asking.admin, now=later(asking))
    decided(asking, 90)
    assert looked(asking) == 1
    assert statuses(asking) == ["WITHDRAWN", "OPEN"]
    assert kinds(asking) == [
        "autonomy.suggested",
        "autonomy.suggestion_moved withdrawn",
        "autonomy.suggested",
    ]


def test_whoever_signs_sets_the_mode_by_the_verb(asking: Desk) -> None:
    """N7: stated as a change of setting by that person; then acts run alone."""
    made = suggested(asking)
    assert asking.propose(NOTE).status == "AWAITING_APPROVAL"
    with tenant_scope(asking.tenant):
        held = earning.sign(made.id, by=asking.admin, now=later(asking))
        again = earning.sign(made.id, by=asking.admin, now=later(asking) + DAY)
    assert (held.status, again.decided_at) == ("SIGNED", held.decided_at)
    assert mode_rows(asking) == {"": "APPROVAL", NOTE: "AUTOPILOT"}
    assert changes(asking) == [("person", None, {"mode": "AUTOPILOT"})]
    assert asking.propose(NOTE).status == "APPROVED"
    assert asking.propose("draft_email").status == "AWAITING_APPROVAL"
    assert looked(asking) == 0


def test_a_record_that_fell_cannot_be_signed(asking: Desk) -> None:
    """N7: it is looked at once more; the mode stays."""
    made = suggested(asking)
    regretted(asking, decided(asking, 9))
    with tenant_scope(asking.tenant), pytest.raises(RecordFell):
        earning.sign(made.id, by=asking.admin, now=later(asking))
    assert mode_rows(asking) == {"": "APPROVAL"}


def test_a_decline_holds_for_a_while(asking: Desk) -> None:
    made = suggested(asking)
    when = later(asking)
    with tenant_scope(asking.tenant):
        earning.decline(made.id, by=asking.admin, now=when)
        with pytest.raises(SuggestionDecided):
            earning.sign(made.id, by=asking.admin, now=when)
    assert mode_rows(asking) == {"": "APPROVAL"}
    assert looked(asking, when + REST - timedelta(minutes=1)) == 0
    assert looked(asking, when + REST + timedelta(minutes=1)) == 1
    assert statuses(asking) == ["DECLINED", "OPEN"]


def test_with_four_eyes_two_admins_sign(asking: Desk) -> None:
    """N7: the first signature sets nothing; the same person's second is refused."""
    with_four_eyes(asking)
    made, when = suggested(asking), later(asking)
    with tenant_scope(asking.tenant):
        held = earning.sign(made.id, by=asking.admin, now=when)
        assert (held.status, held.first_by_id) == ("OPEN", asking.admin.membership)
        assert mode_rows(asking) == {"": "APPROVAL"}
    with tenant_scope(asking.tenant), pytest.raises(NeedsSecondPerson):
        earning.sign(made.id, by=asking.admin, now=when)
    other = second_admin(asking)
    with tenant_scope(asking.tenant):
        assert earning.sign(made.id, by=other, now=when).status == "SIGNED"
    assert mode_rows(asking)[NOTE] == "AUTOPILOT"
    assert kinds(asking)[1:] == [
        "autonomy.suggestion_moved signed first of two",
        "autonomy.suggestion_moved signed",
    ]


def test_fifty_at_once_decide_once(asking: Desk) -> None:
    """N7: compared and set; everybody else learns that it was decided."""
    made, when = suggested(asking), later(asking)
    other = second_admin(asking)

    def decide(number: int) -> str:
        verb = earning.sign if number % 2 else earning.decline
        by = asking.admin if number % 4 < 2 else other
        try:
            with tenant_scope(asking.tenant):
                held = verb(made.id, by=by, now=when)
                return f"{held.status} {held.decided_by_id}"
        except AutonomyError as refusal:
            return type(refusal).__name__

    said = set(in_threads(50, decide)) - {"SuggestionDecided"}
    (row,) = found(asking)
    assert said == {f"{row.status} {row.decided_by_id}"}
    is_signed = row.status == "SIGNED"
    assert len(changes(asking)) == is_signed
    assert ("AUTOPILOT" in mode_rows(asking).values()) == is_signed
    assert len(kinds(asking)) == 2


def test_every_tenant_is_looked_at_by_itself(
    asking: Desk, make_desk: Any, monkeypatch: Any
) -> None:
    """N7, T6: what breaks at one is counted, and nobody else waits."""
    other = make_desk(mode="APPROVAL")
    decided(asking, 60)
    decided(other, 60)
    now, real = later(other), track.records

    def breaks(**more: Any) -> Any:
        if Tenant.objects.get().id == asking.tenant:
            raise ZeroDivisionError
        return real(**more)

    ours = {asking.tenant, other.tenant}
    every = earning._known
    monkeypatch.setattr(earning, "_known", lambda: [t for t in every() if t in ours])
    monkeypatch.setattr(earning, "records", breaks)
    faults = Faults()
    assert earning.look_all(now=now, broke=faults) == 1
    assert (faults.count, faults.first) == (1, "ZeroDivisionError")
    assert (statuses(asking), statuses(other)) == ([], ["OPEN"])


def test_a_suggestion_of_another_tenant_is_not_there(
    asking: Desk, make_desk: Any
) -> None:
    made, other = suggested(asking), make_desk(mode="APPROVAL")
    now = later(asking)
    for verb in (earning.sign, earning.decline):
        with tenant_scope(other.tenant), pytest.raises(NoSuchSuggestion):
            verb(made.id, by=other.admin, now=now)
    assert statuses(asking) == ["OPEN"]
    assert mode_rows(other) == {"": "APPROVAL"}
