"""What the machine of plans stands on: rows beside the model, and what always holds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant
from uuid_utils.compat import uuid7

from autonomy.models import Execution, Intent
from config.worlds.time import VirtualTime
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.models import Account
from perception.rules.roles import Role
from plans import contract, steering
from plans.errors import PlanError, PlanRefused
from plans.models import Plan, Step
from tests.plans.conftest import Course
from tests.plans.model import (
    GOOD,
    LIVE,
    SUBMITTED,
    UNSTARTED,
    Act,
    Model,
    PlanModel,
    StepModel,
)

NAMES = count()


class Held(RuleBasedStateMachine):
    """One account; its plans as they are, beside the plans of the model."""

    course: Course
    time: VirtualTime
    # What was lived through, by all of them.
    sequences = steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.account = self.course.another_account(f"m{next(NAMES)}")
        self.model = Model(owner=Role.SELLER)
        self.done: dict[UUID, str] = {}

    # What always holds.

    @invariant()
    def as_in_the_model(self) -> None:
        with tenant_scope(self.course.tenant):
            plans = {
                each.pk: each for each in Plan.objects.filter(account=self.account)
            }
            steps = {
                each.step_id: each
                for each in Step.objects.filter(plan_id__in=list(plans))
            }
            acts = {
                each.pk: each for each in Intent.objects.filter(account=self.account)
            }
        for plan in self.model.plans:
            row = plans[plan.id]
            assert (row.status, row.accept_by is None) == (
                plan.status,
                plan.accept_by is None,
            ), plan
            assert row.owner_id == self.course.house.members[plan.owner].id
        known = [step for plan in self.model.plans for step in plan.steps]
        assert {
            step.id: (step.status, step.failures, step.tries) for step in known
        } == {key: (row.status, row.failures, row.tries) for key, row in steps.items()}
        assert {key: act.status for key, act in self.model.acts.items()} == {
            key: str(row.status) for key, row in acts.items()
        }
        self._laws(plans, steps, acts)
        type(self).steps += 1

    def _laws(
        self, plans: dict[UUID, Plan], steps: dict[UUID, Step], acts: dict[UUID, Intent]
    ) -> None:
        """What would have to hold of any model."""
        assert sum(each.status == "ACTIVE" for each in plans.values()) <= 1
        for act in acts.values():
            assert act.plan_id is not None
            plan = plans[act.plan_id]
            assert act.created_at < plan.expires_at
            assert plan.status == "ACTIVE" or act.status not in UNSTARTED
        tries = [(act.step_id, act.step_try) for act in acts.values()]
        assert len(tries) == len(set(tries))
        for key, status in self.done.items():
            held = plans.get(key) or steps[key]
            assert held.status == status
        over = {
            key: each.status for key, each in plans.items() if each.status not in LIVE
        }
        good = {key: each.status for key, each in steps.items() if each.status in GOOD}
        self.done |= over | good

    def teardown(self) -> None:
        """Whoever reads the ledger alone comes to the same; contracts are kept."""
        for plan in self.model.plans:
            if plan.status in LIVE:
                with tenant_scope(self.course.tenant):
                    steering.abort(plan.id, by=self.course.caller(Role.ADMIN))
            row, steps = self._read(plan), {}
            status = "DRAFT"
            for entry in self.course.entries(row, "plan.moved", "step.moved"):
                step = entry.subjects.get("step")
                before = steps.get(step, "PENDING") if step else status
                assert entry.data["from"] == before
                if step:
                    steps[step] = entry.data["to"]
                else:
                    status = entry.data["to"]
            assert status == row.status
            for each in self.course.steps(row):
                assert steps.get(str(each.step_id), "PENDING") == each.status
            if row.contract is not None:
                with tenant_scope(self.course.tenant):
                    held = contract.verify(row.pk)
                assert held.ok, held.problems
        type(self).sequences += 1

    # Helpers.

    def change(self, given: dict[str, Any]) -> None:
        with tenant_scope(self.course.tenant):
            change_account(self.account, given, by=self.course.desk.admin, now=clock())

    def fresh(self) -> Account:
        return Account.objects.get(tenant_id=self.course.tenant, pk=self.account.pk)

    def plan(self, which: int) -> PlanModel:
        return self.model.plans[which % len(self.model.plans)]

    def step(self, which: int, what: int) -> tuple[PlanModel, StepModel]:
        plan = self.plan(which)
        return plan, plan.steps[what % len(plan.steps)]

    def acts(self, status: str, what: int) -> list[UUID]:
        """One of those that stand so, if there is any."""
        found = [key for key, act in self.model.acts.items() if act.status == status]
        return found[what % len(found) :][:1] if found else []

    def read_act(self, key: UUID) -> None:
        """What became of an act is the world's to say."""
        with tenant_scope(self.course.tenant):
            row = Intent.objects.get(pk=key)
            ran = Execution.objects.filter(intent_id=key).order_by("-id").first()
        act = self.model.acts[key]
        act.status = str(row.status)
        act.by_policy = ran is not None and ran.approval_source == "POLICY"

    def given(
        self, spec: Sequence[dict[str, Any]], *, chained: bool = True
    ) -> tuple[list[dict[str, Any]], list[StepModel]]:
        """Steps as they are asked for, and as the model has them."""
        ids = [uuid7() for _ in spec]
        steps, models = [], []
        for place, each in enumerate(spec):
            after = tuple(
                ids[n] for n in sorted(each["after"]) if n < place and chained
            )
            named = {"step_id": ids[place], "depends_on": list(after)}
            counted = {"required": each["required"], "max_failures": each["most"]}
            steps.append({**each["kind"], **named, **counted})
            models.append(
                StepModel(
                    ids[place],
                    each["kind"]["action_type"],
                    each["required"],
                    after,
                    each["most"],
                )
            )
        return steps, models

    @contextmanager
    def expecting(self, may: bool) -> Iterator[None]:
        if may:
            yield
        else:
            with pytest.raises(PlanError):
                yield

    def does(self, verb: str, plan: PlanModel, role: Role, may: bool) -> bool:
        """Somebody asks for a move; what is refused and stated stays stated."""
        by = self.course.caller(role)
        with self.expecting(may):
            refusal = None
            with tenant_scope(self.course.tenant):
                try:
                    steering.MOVES[verb](plan.id, by=by)
                except PlanRefused as found:
                    refusal = found
            if refusal is not None:
                raise refusal
        return may

    def does_step(
        self, verb: Any, plan: PlanModel, step: StepModel, role: Role, may: bool
    ) -> bool:
        with self.expecting(may), tenant_scope(self.course.tenant):
            verb(plan.id, step.id, by=self.course.caller(role))
        return may

    def leaves_out(self, plan: PlanModel, step: StepModel, role: Role) -> bool:
        """Whether somebody may do without a step that is not under way."""
        act = self.model.acts[step.act] if step.act else None
        is_away = step.status in SUBMITTED and act and act.status not in UNSTARTED
        may = self.model.edits(plan, role) and plan.status in LIVE[1:]
        return may and not is_away

    def started(self, plan: PlanModel, steps: Sequence[StepModel]) -> None:
        """Exactly these were submitted, once each."""
        with tenant_scope(self.course.tenant):
            rows = Intent.objects.filter(plan_id=plan.id)
            new = {
                each.step_id: each for each in rows if each.pk not in self.model.acts
            }
        assert set(new) == {step.id for step in steps}
        for step in steps:
            row = new[step.id]
            step.tries += 1
            assert row.step_try == step.tries
            step.act = row.pk
            self.model.acts[row.pk] = Act(str(row.status))
            self.model.follow(step, clock())

    def _read(self, plan: PlanModel) -> Plan:
        with tenant_scope(self.course.tenant):
            return Plan.objects.get(pk=plan.id)
