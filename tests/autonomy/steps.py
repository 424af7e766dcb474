"""What tests of steps share: a plan that is nothing but its ids, and its tries."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy.models import Intent
from autonomy.propose import Step, propose
from autonomy.recall import Recalled, recall
from autonomy.steering import set_opt_in
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.rules.callers import Caller
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk

PLANS = Actor(type="schedule", id="plans")
PLAN_TYPE = "RENEWAL_DEFENSE"


def step_of(plan: UUID | None = None, step: UUID | None = None, try_: int = 1) -> Step:
    return Step(
        plan=plan or uuid7(), step=step or uuid7(), try_=try_, plan_type=PLAN_TYPE
    )


def submitted(
    desk: Desk,
    step: Step | None = None,
    action_type: str = "create_internal_note",
    **more: Any,
) -> Intent:
    """A step's intent, judged."""
    given = {key: more.pop(key) for key in ("parameters", "contact") if key in more}
    with tenant_scope(desk.tenant):
        return propose(
            desk.given(action_type, **given),
            desk.account,
            origin="plan",
            by=PLANS,
            member=None,
            now=clock(),
            for_step=step or step_of(),
            **more,
        )


def let_run(desk: Desk) -> None:
    """Plans of this tenant may act by themselves."""
    desk.mode("SCHEDULED")
    with tenant_scope(desk.tenant):
        set_opt_in(True, None, by=desk.admin, now=clock())


def called_off(desk: Desk, *intents: Intent) -> list[Recalled]:
    with tenant_scope(desk.tenant):
        return recall(
            [each.id for each in intents], by=PLANS, reason="The plan is paused."
        )


def fresh(intent: Intent) -> Intent:
    with tenant_scope(intent.tenant_id):
        return Intent.objects.get(pk=intent.pk)


def approver(desk: Desk) -> Caller:
    return desk.house.caller(Role.APPROVER)
