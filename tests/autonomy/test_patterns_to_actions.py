"""D4: the whole way: what somebody writes, the pattern, its signal, its run's proposal."""

from datetime import timedelta

import pytest

from autonomy.entering import enter
from autonomy.models import Intent, Run
from ledger.scope import tenant_scope
from perception.interactions import keep
from perception.models import Signal
from perception.patterns import scan_due
from perception.sources.base import Met
from tests.autonomy.claims import settled
from tests.autonomy.conftest import Desk
from tests.autonomy.test_decide import held_at
from tests.conftest import NOW

DAY = timedelta(days=1)
HELLO = "Hello."


def _met(days_ago: float, text: str = HELLO, **more: str) -> Met:
    return Met(
        external_id=f"m{days_ago}",
        channel=more.get("channel", "email"),
        direction=more.get("direction", "in"),
        at=NOW - days_ago * DAY,
        emails=["ann@acme.example"],
        text=text,
    )


@pytest.mark.parametrize(
    ("met", "rule", "action"),
    [
        ([_met(1, "Our budget is approved.")], "budget", "send_follow_up_email"),
        ([_met(1, "Our champion is leaving.")], "leaving", "escalate_to_management"),
        ([_met(1, "We put the project on hold.")], "freeze", "escalate_to_management"),
        (
            [_met(14), _met(12), _met(7), _met(3)],
            "slower",
            "send_follow_up_email",
        ),
        (
            [_met(day) for day in (1, 2, 3, 8, 13, 18, 29)],
            "contact_rate.up",
            "send_chat_message",
        ),
    ],
)
def test_a_pattern_leads_to_its_action(
    desk: Desk, met: list[Met], rule: str, action: str
) -> None:
    """D4: buying signal, grave and lesser risk, engagement: each has its own."""
    with tenant_scope(desk.tenant):
        keep([(desk.account.id, each) for each in met], connector=None, now=NOW)
    scan_due(now=NOW)
    enter(desk.tenant)
    with tenant_scope(desk.tenant):
        signal = Signal.objects.get(payload__rule=rule)
        assert Run.objects.filter(signal_id=signal.id).count() == 1
    settled(held_at(desk, signal))
    with tenant_scope(desk.tenant):
        proposed = Intent.objects.filter(account=desk.account)
        assert action in {each.action_type for each in proposed}


def test_the_same_at_other_accounts_proposes_nothing(desk: Desk) -> None:
    """D4: a pattern across accounts is for a person to look at."""
    with tenant_scope(desk.tenant):
        signal = Signal.objects.create(
            tenant_id=desk.tenant,
            account=desk.account,
            type="pattern_detected",
            payload={"pattern": "cross_account_pattern", "severity": "high"},
            occurred_at=NOW,
            received_at=NOW,
        )
    settled(held_at(desk, signal))
    with tenant_scope(desk.tenant):
        assert not Intent.objects.exists()
