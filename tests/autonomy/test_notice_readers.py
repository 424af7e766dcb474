"""H4: who is told of switches, stuck work and questions, and who is not."""

from collections.abc import Iterator
from typing import Any

import pytest

from autonomy import decisions, notifying
from autonomy.models import Notice, Run
from autonomy.pipeline import act
from autonomy.rules.notices import QUESTIONS, TOPIC_OF, Topic
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage, release
from ledger.record import Actor
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, tenant_scope
from perception.models import Membership
from perception.outlets.outbound import TOPICS
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.notices import (
    LATER,
    SOON,
    address,
    asked,
    at_once,
    deliver,
    mailing,
    member,
    text,
    to,
)
from tests.autonomy.tools.postboxes import Postbox


@pytest.fixture
def box(settings: Any) -> Iterator[Postbox]:
    with mailing(settings) as made:
        yield made


def test_every_topic_can_be_told_to_a_webhook() -> None:
    """What storeys below name is what there is; each kind has its topic."""
    assert set(TOPICS) == {each.value for each in Topic}
    assert set(TOPIC_OF.values()) == set(Topic)
    assert set(TOPIC_OF) >= QUESTIONS
    assert set(TOPIC_OF) - {"escalation.raised"} <= {each.value for each in Kind}


def test_switches_are_told_to_all_whom_they_stop_but_who_moved_them(
    desk: Desk, box: Postbox
) -> None:
    by = Actor(type="person", id=str(member(desk, Role.ADMIN)))
    now = at_once()
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.TENANT, target="", reason="Too\nmuch")
        switch = engage(wanted, by=by, now=now)
    deliver(desk, at_once())
    deliver(desk, at_once())
    told = [address(desk, role) for role in (Role.APPROVER, Role.SELLER)]
    assert to(box) == told
    assert "Everything in your organisation is stopped" in text(box)
    assert "Reason: Too much" in text(box)
    with tenant_scope(desk.tenant):
        release(switch.id, "Better", by=by)
    deliver(desk, at_once())
    deliver(desk, at_once())
    assert len(box.sent) == 4
    assert "may start again" in text(box, -1)


def test_a_switch_at_one_account_is_told_to_its_owner_and_overseers(
    desk: Desk, box: Postbox
) -> None:
    now = at_once()
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=Scope.ACCOUNT, target=str(desk.account.id), reason="Wait")
        engage(wanted, by=Actor(type="person", id="somebody"), now=now)
    deliver(desk, at_once())
    deliver(desk, at_once())
    roles = (Role.ADMIN, Role.APPROVER, Role.SELLER)
    assert to(box) == [address(desk, role) for role in roles]
    assert "Everything at one account (Acme) is stopped" in text(box)


def test_what_an_operator_stops_everywhere_reaches_every_tenant(
    desk: Desk, box: Postbox
) -> None:
    """Copied into each tenant once, whoever dies in between."""
    now = at_once()
    with tenant_scope(PLATFORM):
        switch = Notice(
            tenant_id=PLATFORM,
            kind="kill_switch.engaged",
            about=desk.tenant,
            data={"scope": "global", "target": "", "reason": "Drill"},
            at=now,
        )
        switch.save(force_insert=True)
    assert notifying.deliver_due(now=at_once(), tenant=PLATFORM).broken == 0
    with tenant_scope(desk.tenant):
        (row,) = Notice.objects.filter(about=desk.tenant)
    assert row.data["scope"] == "global"
    deliver(desk, at_once())
    deliver(desk, at_once())
    assert "Everything in the house is stopped" in text(box)
    assert len(box.sent) == 3


def test_stuck_work_is_told_to_admins_once_as_a_swarm(desk: Desk, box: Postbox) -> None:
    now = at_once()
    with tenant_scope(desk.tenant):
        runs = [
            Run(
                tenant_id=desk.tenant,
                account=desk.account,
                trigger="signal",
                key=f"k{place}",
                status="PARKED",
                stage="DECIDE",
                due_at=now,
                created_at=now,
                updated_at=now,
            )
            for place in range(25)
        ]
        Run.objects.bulk_create(runs)
        for run in runs:
            Notice.objects.create(
                tenant_id=desk.tenant,
                kind="run.parked",
                about=run.id,
                account=desk.account,
                data={"stage": "DECIDE"},
                at=now,
            )
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert box.sent == []
    deliver(desk, now + LATER)
    assert to(box) == [address(desk, Role.ADMIN)]
    assert box.mails[0]["Subject"] == "25 runs got stuck"
    assert "and 5 more" in text(box)


@pytest.mark.parametrize("role", list(Role))
def test_nobody_is_told_of_what_is_not_theirs(
    desk: Desk, box: Postbox, role: Role
) -> None:
    """Every role: an approver's question reaches approvers; auditors and programs none."""
    asked(desk)
    now = at_once()
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert (address(desk, role) in to(box)) is (role is Role.APPROVER)


def test_without_an_approver_admins_are_asked(desk: Desk, box: Postbox) -> None:
    with tenant_scope(desk.tenant):
        Membership.objects.filter(pk=member(desk, Role.APPROVER)).update(
            is_active=False
        )
    asked(desk)
    now = at_once()
    deliver(desk, now)
    deliver(desk, now + SOON)
    assert to(box) == [address(desk, Role.ADMIN)]


def test_an_escalation_that_autopilot_raised_reaches_approvers(
    desk: Desk, box: Postbox
) -> None:
    """Written with its effect, told at once, with a link to the account."""
    row = asked(desk, "escalate_to_management")
    with tenant_scope(desk.tenant):
        decisions.approve(row.id, by=desk.house.caller(Role.APPROVER))
    act(row.intent_id, tenant=desk.tenant)
    deliver(desk, at_once())
    deliver(desk, at_once())
    assert to(box) == [address(desk, Role.APPROVER)]
    assert "An escalation was raised (Acme)" in text(box)
    assert f"https://house.example/accounts/{desk.account.id}/" in text(box)
