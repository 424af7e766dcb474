"""People decide (H1-H3): once, on exactly what they saw, and only whoever may."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from autonomy import asking, decisions
from autonomy.errors import (
    AlreadyDecided,
    AutonomyError,
    CannotDelegate,
    CannotSnooze,
    Expired,
    MovedTarget,
    NeedsApprover,
    NoLongerAllowed,
    NoSuchApproval,
    NotYourDecision,
    SelfApproval,
    Stopped,
    WrongParameters,
)
from autonomy.execute import start
from autonomy.models import Approval, Execution, Intent, Outcome, Permit
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage, release
from ledger.models import Entry, Private
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception import tenants
from perception.models import Account, Contact, Opportunity, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests import trials
from tests.autonomy.conftest import Desk, swept
from tests.conftest import NOW
from tests.races import in_threads

MAIL = {"subject": "After our call", "body": "Other words."}
CLOCK = Actor(type="system", id="test")


class Asked:
    """A question at a desk, and what the test does with it."""

    def __init__(self, desk: Desk, action_type: str, **more: Any) -> None:
        self.desk = desk
        self.intent = desk.propose(action_type, **more)
        with tenant_scope(desk.tenant):
            self.id = Approval.objects.get(intent=self.intent).id

    def by(self, role: Role) -> Caller:
        return self.desk.house.caller(role)

    def do(self, verb: Callable[..., Any], *args: Any, by: Caller | Role, **more: Any):
        caller = self.by(by) if isinstance(by, Role) else by
        with tenant_scope(self.desk.tenant):
            return verb(self.id, *args, by=caller, **more)

    @property
    def now(self) -> Any:
        with tenant_scope(self.desk.tenant):
            return Approval.objects.select_related("verdict").get(pk=self.id)

    @property
    def status(self) -> str:
        with tenant_scope(self.desk.tenant):
            return Intent.objects.get(pk=self.intent.pk).status

    def kinds(self) -> list[str]:
        """What was stated after the question."""
        with tenant_scope(self.desk.tenant):
            found = Entry.objects.filter(intent_id=self.intent.id).order_by("number")
            kinds = list(found.values_list("kind", flat=True))
        return kinds[kinds.index("approval.requested") + 1 :]

    def permits(self) -> int:
        with tenant_scope(self.desk.tenant):
            return Permit.objects.filter(intent=self.intent).count()

    def untouched(self) -> bool:
        return (
            self.now.status == "PENDING"
            and self.status in asking.WAITING
            and self.kinds() == []
            and self.permits() == 0
        )

    def change(self, **values: Any) -> None:
        with tenant_scope(self.desk.tenant):
            Approval.objects.filter(pk=self.id).update(**values)


@pytest.fixture
def routine(desk: Desk) -> Asked:
    """Outreach that the account's owner may decide."""
    return Asked(desk, "send_follow_up_email")


@pytest.fixture
def risky(desk: Desk) -> Asked:
    """What needs an approver."""
    return Asked(desk, "send_email")


def test_what_needs_a_person_is_asked(desk: Desk, risky: Asked) -> None:
    """H1, A12: bound to the exact action, for whom it is, and until when."""
    asked = risky.now
    assert (asked.status, asked.requires_role) == ("PENDING", "APPROVER")
    assert risky.status == "AWAITING_APPROVAL"
    assert asked.expires_at - asked.asked_at == timedelta(days=2)
    assert asked.remind_at - asked.asked_at == timedelta(days=1)
    assert asked.payload_hash.startswith("sha256:")
    assert asked.verdict.reason == "APPROVAL_TIER"
    note = desk.propose("commit_pricing")
    with tenant_scope(desk.tenant):
        assert note.status == "BLOCKED"
        assert not Approval.objects.filter(intent=note).exists()


def test_in_assist_it_is_proposed_and_asked_alike(make_desk: Any) -> None:
    """H3: the person's “do it” is a human decision."""
    asked = Asked(make_desk(mode="ASSIST"), "create_internal_note")
    assert (asked.status, asked.now.requires_role) == ("PROPOSED", "SELLER")
    assert asked.now.expires_at - asked.now.asked_at == timedelta(days=3)
    asked.do(decisions.approve, by=Role.SELLER)
    assert asked.status == "APPROVED"
    with tenant_scope(asked.desk.tenant):
        assert start(asked.intent.id).execution is not None
        execution = Execution.objects.get(intent=asked.intent)
        assert (execution.approval_source, execution.auto_executed) == ("HUMAN", False)


def test_yes_mints_one_permit_and_makes_it_due(risky: Asked) -> None:
    """H1, A12: decision and permit in one breath; it starts as soon as it may."""
    done = risky.do(decisions.approve, by=Role.APPROVER).approval
    approver = risky.by(Role.APPROVER).membership
    assert (done.status, done.decided_by_id) == ("APPROVED", approver)
    assert risky.kinds() == ["approval.approved", "permit.minted"]
    with tenant_scope(risky.desk.tenant):
        intent = Intent.objects.get(pk=risky.intent.pk)
        permit = Permit.objects.get(intent=intent)
        assert intent.status == "APPROVED"
        assert intent.due_at == done.decided_at
        assert (permit.source, permit.approved_by_id) == ("HUMAN", approver)
        assert permit.action_digest == done.payload_hash
        assert start(intent.id).execution is not None


def _fifty_clicks(risky: Asked) -> None:
    roles = (Role.APPROVER, Role.ADMIN)

    def click(number: int) -> str:
        try:
            if number % 4 == 3:
                risky.do(decisions.reject, "idea", by=roles[number % 2])
                return "no"
            risky.do(decisions.approve, by=roles[number % 2])
        except AlreadyDecided as refusal:
            return str(refusal)
        return "yes"

    said = in_threads(50, click)
    asked = risky.now
    won = "yes" if asked.status == "APPROVED" else "no"
    assert {one for one in said if one in ("yes", "no")} == {won}
    assert all(str(asked.decided_by_id) in one for one in said if len(one) > 3)
    assert said.count(won) < 50
    assert risky.permits() == (1 if won == "yes" else 0)
    decided = [kind for kind in risky.kinds() if kind.startswith("approval.")]
    assert len(decided) == 1
    trials.record("clicks", trials=1, seed=None, clicks=len(said))


def test_fifty_clicks_are_one_decision(risky: Asked) -> None:
    """H1: one winner, one permit, one fact; everybody else learns who and when."""
    _fifty_clicks(risky)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fifty_clicks_are_one_decision_a_hundred_times(desk: Desk) -> None:
    """H1: as above, a hundred questions one after the other."""
    for _ in range(100):
        _fifty_clicks(Asked(desk, "send_email"))


def test_the_same_person_gets_the_same_answer(risky: Asked) -> None:
    """H1: a repeated click is no second decision, and no other person's either."""
    first = risky.do(decisions.approve, by=Role.APPROVER).approval
    stated = risky.kinds()
    again = risky.do(decisions.approve, by=Role.APPROVER).approval
    assert (again.id, again.decided_at) == (first.id, first.decided_at)
    for verb, by in (
        (decisions.approve, Role.ADMIN),
        (decisions.reject, Role.APPROVER),
    ):
        with pytest.raises(AlreadyDecided, match=str(first.decided_by_id)):
            risky.do(verb, *(["idea"] if verb is decisions.reject else []), by=by)
    assert risky.kinds() == stated
    assert risky.permits() == 1


def test_no_is_stated_with_its_cause(routine: Asked) -> None:
    """H1, N1: one tap; the outcome is an idea that was rejected."""
    done = routine.do(decisions.reject, "timing", by=Role.SELLER, note="After Easter.")
    assert (done.approval.status, done.approval.cause) == ("REJECTED", "timing")
    assert done.approval.note == "After Easter."
    assert routine.status == "REJECTED"
    assert routine.kinds() == ["approval.rejected", "outcome.recorded"]
    assert routine.permits() == 0
    with tenant_scope(routine.desk.tenant):
        outcome = Outcome.objects.get(intent=routine.intent)
        assert (outcome.taxonomy, outcome.cause) == ("IDEA_REJECTED", "timing")


def test_the_hash_binds_the_decision_to_what_was_shown(risky: Asked) -> None:
    """H1: a moved target is refused, and nothing happens."""
    with pytest.raises(MovedTarget):
        risky.do(decisions.approve, by=Role.APPROVER, payload_hash="sha256:other")
    assert risky.untouched()
    hash_ = risky.now.payload_hash
    risky.do(decisions.approve, by=Role.APPROVER, payload_hash=hash_)
    assert risky.status == "APPROVED"


def test_parameters_that_moved_behind_the_question_bind_nobody(risky: Asked) -> None:
    """A12: whatever changed them, the old question is no leave for the new words."""
    with tenant_scope(risky.desk.tenant):
        Intent.objects.filter(pk=risky.intent.pk).update(parameters=MAIL)
    with pytest.raises(MovedTarget):
        risky.do(decisions.approve, by=Role.APPROVER)
    assert risky.untouched()


def test_an_edit_is_judged_again_and_bound_anew(risky: Asked) -> None:
    """H1: the diff is kept, the old question is void, the new one has its own hash."""
    new = risky.do(decisions.edit, MAIL, by=Role.APPROVER).approval
    old = risky.now
    assert old.status == "WITHDRAWN"
    assert (new.status, new.id != old.id) == ("PENDING", True)
    assert new.payload_hash != old.payload_hash
    assert new.author_id == risky.by(Role.APPROVER).membership
    (change,) = new.edits
    assert change["before"] == risky.intent.parameters
    assert change["after"] == MAIL
    assert old.edits == new.edits
    assert risky.kinds() == [
        "approval.edited",
        "approval.withdrawn",
        "outcome.recorded",
        "intent.judged",
        "approval.requested",
    ]
    with tenant_scope(risky.desk.tenant):
        intent = Intent.objects.get(pk=risky.intent.pk)
        assert intent.parameters == MAIL
        assert list(
            intent.verdicts.order_by("id").values_list("is_first", flat=True)
        ) == [True, False]
        assert Outcome.objects.get(intent=intent).taxonomy == "IDEA_EDITED"
        done = decisions.approve(new.id, by=risky.by(Role.ADMIN)).approval
        permit = Permit.objects.get(intent=intent)
        assert permit.action_digest == done.payload_hash == new.payload_hash


def test_whoever_edited_may_go_on_with_the_id_they_know(risky: Asked) -> None:
    """H1: but nobody else says yes to words that they have not seen."""
    new = risky.do(decisions.edit, MAIL, by=Role.APPROVER).approval
    with pytest.raises(MovedTarget):
        risky.do(decisions.approve, by=Role.ADMIN)
    assert risky.permits() == 0
    old_hash = risky.now.payload_hash
    with pytest.raises(MovedTarget):
        risky.do(decisions.approve, by=Role.APPROVER, payload_hash=old_hash)
    done = risky.do(decisions.approve, by=Role.APPROVER).approval
    assert (done.id, done.status) == (new.id, "APPROVED")


def test_an_edit_outside_the_schema_changes_nothing(risky: Asked) -> None:
    """H1, D3."""
    with pytest.raises(WrongParameters):
        risky.do(decisions.edit, {"subject": "Only that"}, by=Role.APPROVER)
    assert risky.untouched()
    same = risky.do(decisions.edit, dict(risky.intent.parameters), by=Role.APPROVER)
    assert same.approval.id == risky.id
    assert risky.untouched()


def test_an_edit_that_policy_allows_runs_without_a_further_question(
    make_desk: Any,
) -> None:
    """H1, A10: the verdict on the new words decides."""
    desk = make_desk(mode="APPROVAL")
    asked = Asked(desk, "create_internal_note")
    desk.mode("AUTOPILOT")
    done = asked.do(decisions.edit, {"text": "Better."}, by=Role.SELLER).approval
    assert (done.id, done.status) == (asked.id, "WITHDRAWN")
    assert asked.status == "APPROVED"
    with tenant_scope(desk.tenant):
        assert Permit.objects.get(intent=asked.intent).source == "POLICY"


def test_words_about_a_person_are_committed_to_and_not_shown(desk: Desk) -> None:
    """L9: the ledger holds no text of a message."""
    with tenant_scope(desk.tenant):
        contact = Contact.objects.get()
    asked = Asked(desk, "send_email", contact=contact.id)
    asked.do(decisions.edit, MAIL, by=Role.APPROVER)
    with tenant_scope(desk.tenant):
        entry = Entry.objects.get(kind="approval.edited", intent_id=asked.intent.id)
        assert entry.data["changed"] == ["body"]
        assert "Other words." not in str(entry.data)
        kept = Private.objects.get(entry_id=entry.id)
        assert kept.value == MAIL


def test_what_expired_is_not_decided(risky: Asked) -> None:
    """H2: even before the sweep has come by."""
    risky.change(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    for verb, args in (
        (decisions.approve, []),
        (decisions.reject, ["idea"]),
        (decisions.edit, [MAIL]),
    ):
        with pytest.raises(Expired):
            risky.do(verb, *args, by=Role.APPROVER)
    assert risky.untouched()


def test_expiry_is_a_fact_of_its_own(risky: Asked) -> None:
    """H2: never a rejection."""
    later = risky.now.expires_at
    assert swept(later) >= 1
    assert (risky.now.status, risky.status) == ("EXPIRED", "EXPIRED")
    assert risky.now.decided_by_id is None
    assert risky.kinds() == ["approval.expired"]
    swept(later)
    assert risky.kinds() == ["approval.expired"]
    with pytest.raises(Expired):
        risky.do(decisions.approve, by=Role.APPROVER)
    with tenant_scope(risky.desk.tenant):
        assert not Outcome.objects.filter(intent=risky.intent).exists()


def test_owners_are_reminded_then_approvers_are_asked(routine: Asked) -> None:
    """H2: at half time, and at three quarters; the owner may still decide."""
    asked = routine.now
    ttl = asked.expires_at - asked.asked_at
    swept(asked.asked_at + ttl / 2 - timedelta(seconds=1))
    assert routine.kinds() == []
    swept(asked.asked_at + ttl / 2)
    swept(asked.asked_at + ttl * 0.7)
    assert routine.kinds() == ["approval.reminded"]
    swept(asked.asked_at + ttl * 0.75)
    swept(asked.asked_at + ttl * 0.9)
    assert routine.kinds() == ["approval.reminded", "approval.escalated"]
    assert routine.now.escalated_at == asked.asked_at + ttl * 0.75
    routine.do(decisions.approve, by=Role.SELLER)
    assert routine.status == "APPROVED"


def test_two_sweeps_at_once_take_each_step_once(routine: Asked) -> None:
    """S2: any number of beats."""
    late = routine.now.expires_at
    in_threads(4, lambda _: swept(late))
    assert routine.kinds() == ["approval.expired"]


def test_a_sweep_and_a_click_end_it_once(routine: Asked) -> None:
    """H1, H2: whichever comes first."""
    late = routine.now.expires_at

    def end(number: int) -> str:
        if number % 2:
            swept(late)
            return "swept"
        try:
            routine.do(decisions.approve, by=Role.SELLER)
        except (Expired, AlreadyDecided):
            return "late"
        return "yes"

    in_threads(8, end)
    ended = (routine.now.status, routine.status, routine.permits())
    assert ended in {("APPROVED", "APPROVED", 1), ("EXPIRED", "EXPIRED", 0)}


def test_four_eyes(desk: Desk) -> None:
    """H2: nobody approves what they proposed or edited; refusing it is theirs."""
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)
    asked = Asked(desk, "send_email")
    with tenant_scope(desk.tenant):
        mine = asked.by(Role.ADMIN).membership
        Intent.objects.filter(pk=asked.intent.pk).update(proposed_by_id=mine)
    with pytest.raises(SelfApproval):
        asked.do(decisions.approve, by=Role.ADMIN)
    assert asked.untouched()
    new = asked.do(decisions.edit, MAIL, by=Role.APPROVER).approval
    for role in (Role.APPROVER, Role.ADMIN):
        with pytest.raises(SelfApproval), tenant_scope(desk.tenant):
            decisions.approve(new.id, by=asked.by(role))
    assert asked.permits() == 0
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=False)
        assert decisions.approve(new.id, by=asked.by(Role.APPROVER)).refusal is None


MAY: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "approve": (decisions.approve, []),
    "reject": (decisions.reject, ["idea"]),
    "edit": (decisions.edit, [MAIL]),
    "snooze": (decisions.snooze, [datetime.now(UTC) + timedelta(hours=1)]),
}


@pytest.mark.parametrize("verb", MAY)
def test_the_matrix_of_roles(desk: Desk, verb: str) -> None:
    """T2, H2: who may do what to which; a refusal leaves everything as it was."""
    does, args = MAY[verb]
    risky, routine = Asked(desk, "send_email"), Asked(desk, "send_follow_up_email")
    refusals: dict[Role, tuple[type[AutonomyError], Asked]] = {
        Role.SELLER: (NeedsApprover, risky),
        Role.AUDITOR: (NotYourDecision, routine),
        Role.INTEGRATION: (NoSuchApproval, routine),
    }
    for role, (refusal, asked) in refusals.items():
        with pytest.raises(refusal):
            asked.do(does, *args, by=role)
        assert asked.untouched()
    for role in (Role.SELLER, Role.APPROVER, Role.ADMIN):
        asked = Asked(desk, "send_follow_up_email")
        asked.do(does, *args, by=role)
        assert not asked.untouched()
    risky.do(does, *args, by=Role.APPROVER)
    assert not risky.untouched()


def test_another_sellers_account_is_not_there(routine: Asked) -> None:
    """T2: not even to be refused."""
    house = routine.desk.house
    with tenant_scope(house.tenant):
        email = f"second@{house.slug}.example"
        second = tenants.add_member(email, "Second", Role.SELLER, now=NOW)
    other = Caller(tenant=house.tenant, membership=second.id, role=Role.SELLER)
    with pytest.raises(NoSuchApproval):
        routine.do(decisions.approve, by=other)
    assert routine.untouched()
    routine.do(decisions.delegate, str(second.id), by=Role.SELLER)
    routine.do(decisions.approve, by=other)
    assert routine.now.decided_by_id == second.id
    assert routine.kinds()[:2] == ["approval.delegated", "approval.approved"]


def test_a_decision_is_handed_only_to_whoever_could_take_it(risky: Asked) -> None:
    """H1, H2."""
    house = risky.desk.house
    for role in (Role.SELLER, Role.AUDITOR, Role.INTEGRATION):
        with pytest.raises(CannotDelegate):
            risky.do(decisions.delegate, str(house.members[role].id), by=Role.ADMIN)
    assert risky.untouched()
    risky.do(decisions.delegate, f"approver@{house.slug}.example", by=Role.ADMIN)
    assert risky.now.assigned_to_id == house.members[Role.APPROVER].id


def test_put_off_is_not_put_away(routine: Asked) -> None:
    """H1, H2: until before it expires; then there is a reminder."""
    asked = routine.now
    for until in (asked.asked_at, asked.expires_at):
        with pytest.raises(CannotSnooze):
            routine.do(decisions.snooze, until, by=Role.SELLER)
    assert routine.untouched()
    until = asked.expires_at - timedelta(hours=20)
    routine.do(decisions.snooze, until, by=Role.SELLER)
    assert routine.now.snoozed_until == until
    swept(until - timedelta(seconds=1))
    assert routine.kinds() == ["approval.snoozed"]
    swept(until)
    assert routine.kinds() == ["approval.snoozed", "approval.reminded"]


def test_what_a_switch_stops_is_not_lost(routine: Asked) -> None:
    """A1: no yes while it is on; the question stands when it is released."""
    desk = routine.desk
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.TENANT, target="", reason="a trial")
        switch = engage(wanted, by=CLOCK, now=NOW)
    with pytest.raises(Stopped):
        routine.do(decisions.approve, by=Role.SELLER)
    with pytest.raises(Stopped):
        routine.do(decisions.edit, MAIL, by=Role.SELLER)
    assert routine.untouched()
    with tenant_scope(desk.tenant):
        release(switch.id, "over", by=CLOCK)
    routine.do(decisions.approve, by=Role.SELLER)
    assert routine.status == "APPROVED"


def test_nobody_approves_what_is_blocked_by_now(routine: Asked) -> None:
    """A: a person turns REQUIRE_APPROVAL into an act, never BLOCK."""
    routine.desk.mode("DISABLED")
    done = routine.do(decisions.approve, by=Role.ADMIN)
    assert isinstance(done.refusal, NoLongerAllowed)
    assert (routine.now.status, routine.status) == ("WITHDRAWN", "BLOCKED")
    assert routine.kinds() == ["approval.withdrawn", "intent.judged", "intent.blocked"]
    assert routine.permits() == 0


def test_a_deal_that_moved_is_asked_about_anew(desk: Desk) -> None:
    """H1, A3: the owner saw an early deal; by now it needs an approver."""
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.get(external_id="o1")
    asked = Asked(desk, "send_follow_up_email", opportunity=deal.id)
    assert asked.now.requires_role == "SELLER"
    with tenant_scope(desk.tenant):
        Opportunity.objects.filter(pk=deal.pk).update(stage="negotiation")
    done = asked.do(decisions.approve, by=Role.SELLER)
    assert isinstance(done.refusal, MovedTarget)
    assert (asked.now.status, asked.status) == ("WITHDRAWN", "AWAITING_APPROVAL")
    assert (done.approval.status, done.approval.requires_role) == (
        "PENDING",
        "APPROVER",
    )
    assert asked.permits() == 0


def test_what_is_sent_back_at_its_start_is_asked_about_anew(desk: Desk) -> None:
    """A12, H1: the old yes covers what was seen, the new question what is there now."""
    with tenant_scope(desk.tenant):
        deal = Opportunity.objects.get(external_id="o1")
    asked = Asked(desk, "send_follow_up_email", opportunity=deal.id)
    asked.do(decisions.approve, by=Role.SELLER)
    with tenant_scope(desk.tenant):
        Opportunity.objects.filter(pk=deal.pk).update(stage="negotiation")
        assert start(asked.intent.id).reason == "STAGE_GATED"
        again = Approval.objects.get(intent=asked.intent, status="PENDING")
        assert again.requires_role == "APPROVER"
        decisions.approve(again.id, by=asked.by(Role.APPROVER))
        assert start(asked.intent.id).execution is not None
    assert asked.now.status == "APPROVED"


def test_a_type_nobody_knows_can_be_approved_and_has_no_tool(desk: Desk) -> None:
    """A4: a person decides, and does it by hand."""
    asked = Asked(desk, "dance_with_the_customer")
    assert asked.now.requires_role == "APPROVER"
    asked.do(decisions.approve, by=Role.APPROVER)
    with tenant_scope(desk.tenant):
        started = start(asked.intent.id).execution
        assert (started.tool, started.approval_source) == ("", "HUMAN")


def _bulk(desk: Desk, ids: list[UUID], decision: str, role: Role = Role.ADMIN) -> Any:
    with tenant_scope(desk.tenant):
        by = desk.house.caller(role)
        return decisions.decide_all(ids, decision, by=by, cause="timing")


def test_many_at_once(desk: Desk) -> None:
    """H1: each for itself; what is stale is refused and named."""
    asked = [Asked(desk, "send_email") for _ in range(4)]
    asked[0].do(decisions.reject, "idea", by=Role.APPROVER)
    asked[1].change(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    nowhere = uuid4()
    found = _bulk(desk, [nowhere, *(one.id for one in asked), asked[2].id], "approve")
    assert found.decided == 2
    refused = {id_: type(error) for id_, error in found.refused}
    assert refused == {
        asked[0].id: AlreadyDecided,
        asked[1].id: Expired,
        nowhere: NoSuchApproval,
    }
    assert [one.status for one in asked[2:]] == ["APPROVED", "APPROVED"]
    again = _bulk(desk, [one.id for one in asked[2:]], "approve")
    assert (again.decided, again.refused) == (2, [])
    assert [one.permits() for one in asked] == [0, 0, 1, 1]


def test_many_of_different_kinds_are_not_one_decision(desk: Desk) -> None:
    """H1: same action type and same risk, or nothing is decided."""
    mail, other = Asked(desk, "send_email"), Asked(desk, "contact_customer")
    graver = Asked(desk, "send_email", risk_level="HIGH")
    for one in (other, graver):
        found = _bulk(desk, [mail.id, one.id], "reject")
        assert found.decided == 0
        assert {type(error).__name__ for _, error in found.refused} == {"Mixed"}
    assert all(one.untouched() for one in (mail, other, graver))
    assert _bulk(desk, [mail.id], "reject").decided == 1
    assert mail.now.cause == "timing"


def test_two_crowds_over_the_same_pile_decide_each_once(desk: Desk) -> None:
    """H1: no deadlock, no second permit."""
    asked = [Asked(desk, "send_email") for _ in range(6)]
    ids = [one.id for one in asked]
    roles = (Role.APPROVER, Role.ADMIN)
    found = in_threads(
        6, lambda n: _bulk(desk, ids[:: 1 if n % 2 else -1], "approve", roles[n % 2])
    )
    assert all(len(each.refused) + each.decided == 6 for each in found)
    assert [one.permits() for one in asked] == [1] * 6


def test_an_owner_who_changed_decides_no_more(routine: Asked) -> None:
    """T2: what counts is whose account it is now."""
    with tenant_scope(routine.desk.tenant):
        Account.objects.update(owner=None)
    with pytest.raises(NoSuchApproval):
        routine.do(decisions.approve, by=Role.SELLER)
    assert routine.untouched()
