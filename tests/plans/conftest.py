"""What tests of plans share: a tenant with a renewal ahead, and plans at any point."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from autonomy.deciding import newest
from autonomy.decisions import approve as say_yes
from autonomy.decisions import reject as say_no
from autonomy.models import Intent
from autonomy.perform import perform
from autonomy.policies import save_data
from autonomy.rules.data import DEFAULT
from autonomy.steering import set_opt_in
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.callers import Caller
from perception.rules.roles import Role
from plans import drafting, orchestrator, steering
from plans.drafting import By
from plans.models import Plan, Step
from tests.autonomy.conftest import Desk, make_desk  # noqa: F401  a fixture
from tests.conftest import NOW

BRIEF = {"action_type": "prep_renewal_brief", "parameters": {"title": "The renewal"}}
NOTE = {"action_type": "create_internal_note", "parameters": {"text": "A note."}}
ESCALATE = {
    "action_type": "escalate_support_risk",
    "parameters": {"reason": "Two critical tickets are open."},
}
ALWAYS = {"days": [*range(7)], "start": "00:00", "end": "23:59:59.999999"}


class Course:
    """A tenant whose plans can be brought anywhere, and looked at."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.house, self.tenant = desk, desk.house, desk.tenant
        self.account = desk.account

    def caller(self, role: Role = Role.SELLER) -> Caller:
        return self.house.caller(role)

    def another_account(self, name: str = "Bolt") -> Account:
        with tenant_scope(self.tenant):
            return add_account(
                {
                    "external_id": name.lower(),
                    "name": name,
                    "owner": str(self.house.members[Role.SELLER].id),
                },
                by=self.house.caller(Role.ADMIN),
                now=NOW,
            )

    def given(self, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "plan_type": "RENEWAL_DEFENSE",
            "steps": list(steps or [BRIEF]),
            "expires_at": clock_of(self) + timedelta(days=30),
            **more,
        }

    def draft(
        self, *steps: dict[str, Any], role: Role = Role.SELLER, **more: Any
    ) -> Plan:
        account = more.pop("account", self.account)
        given = self.given(*steps, **more)
        with tenant_scope(self.tenant):
            return drafting.draft(given, account, by=By.person(self.caller(role)))

    def approved(self, *steps: dict[str, Any], **more: Any) -> Plan:
        plan = self.draft(*steps, **more)
        return self.do("approve", plan, Role.APPROVER)

    def active(self, *steps: dict[str, Any], **more: Any) -> Plan:
        return self.do("activate", self.approved(*steps, **more), Role.SELLER)

    def do(self, verb: str, plan: Plan, role: Role = Role.SELLER, **more: Any) -> Plan:
        with tenant_scope(self.tenant):
            return steering.MOVES[verb](plan.pk, by=self.caller(role), **more)

    def look(self, plan: Plan, *, now: datetime | None = None) -> Plan:
        """One look at it, as the tick has; what it is afterwards."""
        with tenant_scope(self.tenant):
            orchestrator.look(plan.pk, now=now or clock())
        return self.read(plan)

    def read(self, plan: Plan) -> Plan:
        with tenant_scope(self.tenant):
            return Plan.objects.get(pk=plan.pk)

    def steps(self, plan: Plan) -> list[Step]:
        with tenant_scope(self.tenant):
            return list(Step.objects.filter(plan_id=plan.pk).order_by("place"))

    def statuses(self, plan: Plan) -> list[str]:
        return [step.status for step in self.steps(plan)]

    def intents(self, plan: Plan) -> list[Intent]:
        with tenant_scope(self.tenant):
            return list(Intent.objects.filter(plan_id=plan.pk).order_by("id"))

    def decide(self, intent: UUID, *, yes: bool = True, cause: str = "idea") -> None:
        by = self.caller(Role.APPROVER)
        with tenant_scope(self.tenant):
            asked = newest(intent).id
            if yes:
                say_yes(asked, by=by)
            else:
                say_no(asked, cause=cause, by=by)

    def perform(self, plan: Plan) -> None:
        """Carry out what is approved, as a worker does."""
        for intent in self.intents(plan):
            if intent.status == Intent.Status.APPROVED:
                perform(intent.id, tenant=self.tenant)

    def entries(self, plan: Plan, *kinds: str) -> list[Entry]:
        with tenant_scope(self.tenant):
            rows = Entry.objects.filter(tenant_id=self.tenant, plan_id=plan.pk)
            found = list(rows.order_by("number"))
        return [each for each in found if not kinds or each.kind in kinds]


def clock_of(course: Course) -> datetime:
    with tenant_scope(course.tenant):
        return clock()


@pytest.fixture
def make_course(make_desk: Callable[..., Desk]) -> Callable[..., Course]:  # noqa: F811
    """Makes tenants with plans, whose business hours never end."""

    def make(**more: Any) -> Course:
        made = Course(make_desk(**{"mode": "SCHEDULED", **more}))
        with tenant_scope(made.tenant):
            save_data({**DEFAULT, "hours": ALWAYS}, by=made.desk.admin, now=NOW)
            set_opt_in(True, None, by=made.desk.admin, now=clock())
        return made

    return make


@pytest.fixture
def course(make_course: Callable[..., Course]) -> Course:
    return make_course()


@pytest.fixture
def alone(superuser: Any) -> None:
    """What earlier tests left is neither due nor news, and asks nobody: ticks and sweeps
    see this test's plans only.
    """
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE plans_plan SET due_at = '9999-01-01' WHERE due_at IS NOT NULL;"
            "UPDATE autonomy_intent SET heard = status"
            " WHERE step_id IS NOT NULL AND heard <> status;"
            "UPDATE perception_account SET news_at = NULL WHERE news_at IS NOT NULL;"
            "UPDATE autonomy_approval SET status = 'WITHDRAWN' WHERE status = 'PENDING'"
        )
