"""R1-R7: plans under any sequence of what people, acts and time do, held against a model."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import get_state_machine_test, initialize, precondition, rule

from autonomy.errors import AutonomyError
from autonomy.execute import start
from autonomy.models import Execution, Intent
from autonomy.perform import perform
from autonomy.retract import retract
from autonomy.settle import finish
from autonomy.tools.base import End
from config.worlds.time import virtual_time
from ledger.clock import clock
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from plans import drafting, orchestrator, steering
from plans.drafting import By
from plans.standing import to_edit
from tests import trials
from tests.plans.conftest import ESCALATE, NOTE, Course
from tests.plans.held import Held
from tests.plans.model import GOOD, LIVE, SUBMITTED, PlanModel

pytestmark = pytest.mark.usefixtures("alone")
ROLES = st.sampled_from([Role.SELLER, Role.APPROVER, Role.ADMIN])
ANY = st.integers(0, 11)
SPEC = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from([NOTE, ESCALATE, ESCALATE]),
            "required": st.booleans(),
            "most": st.integers(1, 3),
            "after": st.sets(st.integers(0, 3), max_size=2),
        }
    ),
    min_size=1,
    max_size=4,
)
SPANS = st.sampled_from([timedelta(hours=2), timedelta(days=1), timedelta(days=4)])
LASTS = st.sampled_from([timedelta(days=each, hours=12) for each in (1, 6, 30)])
MOST_PLANS = 3


def has(status: str) -> Callable[[Held], bool]:
    """What nothing can happen to is not tried."""
    return lambda self: any(act.status == status for act in self.model.acts.values())


class Machine(Held):
    """What can happen to an account's plans."""

    # How it begins.

    @initialize(spec=SPEC, lasts=LASTS)
    def one_is_active(self, spec: list[Any], lasts: timedelta) -> None:
        self.drafts(spec=spec, lasts=lasts, role=Role.SELLER)
        self.approves(which=0, role=Role.APPROVER)
        self.activates(which=0, role=Role.SELLER)
        self.looks(which=0)

    # What people do.

    @precondition(lambda self: len(self.model.plans) < MOST_PLANS)
    @precondition(lambda self: not self.model.closed)
    @rule(spec=SPEC, lasts=LASTS, role=ROLES)
    def drafts(self, spec: list[Any], lasts: timedelta, role: Role) -> None:
        steps, made = self.given(spec)
        with tenant_scope(self.course.tenant):
            given = {
                "plan_type": "RENEWAL_DEFENSE",
                "steps": steps,
                "expires_at": clock() + lasts,
            }
            by = By.person(self.course.caller(role))
            plan = drafting.draft(given, self.fresh(), by=by)
        self.model.plans.append(
            PlanModel(plan.pk, self.model.owner, role, role, plan.expires_at, made)
        )

    @rule(which=ANY, spec=SPEC, role=ROLES)
    def edits(self, which: int, spec: list[Any], role: Role) -> None:
        plan = self.plan(which)
        steps, made = self.given(spec, chained=False)
        fits = plan.expires_at > clock()
        may = self.model.edits(plan, role) and plan.status == "DRAFT" and fits
        with self.expecting(may), tenant_scope(self.course.tenant):
            by = self.course.caller(role)
            drafting.edit(to_edit(plan.id, by=by), {"steps": steps}, by=By.person(by))
        if may:
            kept = [step for step in plan.steps if step.status != "PENDING"]
            plan.steps, plan.editor = [*kept, *made], role

    @rule(which=ANY, role=ROLES)
    def approves(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status == "DRAFT" and self.model.fits(plan, clock())
        may = may and self.model.approves(plan, role)
        if self.does("approve", plan, role, may):
            plan.status = "APPROVED"

    @rule(which=ANY, role=ROLES)
    def submits(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        is_low = all(step.action_type == NOTE["action_type"] for step in plan.steps)
        may = plan.status == "DRAFT" and self.model.fits(plan, clock())
        may = may and is_low and self.model.edits(plan, role)
        if self.does("submit", plan, role, may):
            plan.status = "APPROVED"

    @rule(which=ANY, role=ROLES)
    def activates(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status == "APPROVED" and self.model.edits(plan, role)
        may = may and self.model.may_start(plan, clock())
        if self.does("activate", plan, role, may):
            plan.status = "ACTIVE"

    @rule(which=ANY, role=ROLES)
    def resumes(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status == "PAUSED" and self.model.edits(plan, role)
        if may and plan.accept_by is not None:
            may = self.model.accepts(role)
            if may:
                # Taken over, whether or not it can go on.
                plan.owner, plan.accept_by = self.model.owner, None
        may = may and self.model.may_start(plan, clock())
        if self.does("resume", plan, role, may):
            plan.status = "ACTIVE"

    @rule(which=ANY, role=ROLES)
    def pauses(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status == "ACTIVE" and self.model.edits(plan, role)
        if self.does("pause", plan, role, may):
            self.model.pause(plan)

    @precondition(lambda self: len(self.model.plans) > 1)
    @rule(which=ANY, role=ROLES)
    def aborts(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status in LIVE and self.model.edits(plan, role)
        if self.does("abort", plan, role, may):
            self.model.hear(plan, clock())
            self.model.end(plan, "ABORTED")

    @rule(which=ANY, role=ROLES)
    def revises(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.status in LIVE[1:] and self.model.edits(plan, role)
        if self.does("revise", plan, role, may):
            self.model.redraft(plan)
            plan.editor = role

    @rule(which=ANY, role=ROLES)
    def accepts(self, which: int, role: Role) -> None:
        plan = self.plan(which)
        may = plan.accept_by is not None and self.model.accepts(role)
        if self.does("accept", plan, role, may):
            plan.owner, plan.accept_by = self.model.owner, None

    @rule(which=ANY, what=ANY, role=ROLES)
    def waives(self, which: int, what: int, role: Role) -> None:
        plan, step = self.step(which, what)
        may = self.leaves_out(plan, step, role)
        may = may and step.status not in (*GOOD, "CANCELLED") and not step.waived
        if self.does_step(steering.waive, plan, step, role, may):
            self.model.recall([step])
            step.status, step.waived, step.next_at = "SKIPPED", True, None

    @rule(which=ANY, what=ANY, role=ROLES)
    def skips(self, which: int, what: int, role: Role) -> None:
        plan, step = self.step(which, what)
        may = self.leaves_out(plan, step, role)
        may = may and step.status in ("PENDING", "FAILED", *SUBMITTED)
        if self.does_step(steering.skip, plan, step, role, may):
            self.model.recall([step])
            step.status, step.next_at = "SKIPPED", None

    @rule(which=ANY, what=ANY, role=ROLES)
    def retries(self, which: int, what: int, role: Role) -> None:
        plan, step = self.step(which, what)
        may = self.model.edits(plan, role) and plan.status in LIVE[1:]
        if self.does_step(
            steering.retry, plan, step, role, may and step.status == "FAILED"
        ):
            step.status, step.failures, step.next_at = "PENDING", 0, None

    @rule(role=ROLES)
    def changes_hands(self, role: Role) -> None:
        self.change({"owner": str(self.course.house.members[role].id)})
        self.model.owner = role

    @precondition(lambda self: len(self.model.plans) > 1)
    @rule()
    def closes(self) -> None:
        self.change({"closed": True})
        self.model.closed = True

    # What acts do.

    @precondition(has("AWAITING_APPROVAL"))
    @rule(what=ANY)
    def is_approved(self, what: int) -> None:
        for act in self.acts("AWAITING_APPROVAL", what):
            with suppress(AutonomyError):
                self.course.decide(act)
            self.read_act(act)

    @precondition(has("AWAITING_APPROVAL"))
    @rule(what=ANY, cause=st.sampled_from(["timing", "timing", "idea", "execution"]))
    def is_rejected(self, what: int, cause: str) -> None:
        for act in self.acts("AWAITING_APPROVAL", what):
            with suppress(AutonomyError):
                self.course.decide(act, yes=False, cause=cause)
            self.model.acts[act].cause = cause
            self.read_act(act)

    @precondition(has("APPROVED"))
    @rule(what=ANY)
    def is_done(self, what: int) -> None:
        for act in self.acts("APPROVED", what):
            perform(act, tenant=self.course.tenant)
            self.read_act(act)

    @precondition(has("APPROVED"))
    @rule(what=ANY)
    def is_begun(self, what: int) -> None:
        for act in self.acts("APPROVED", what):
            with tenant_scope(self.course.tenant):
                start(act)
            self.read_act(act)

    @precondition(has("EXECUTING"))
    @rule(what=ANY, well=st.booleans())
    def comes_to_an_end(self, what: int, well: bool) -> None:
        for act in self.acts("EXECUTING", what):
            to = Execution.Status.SUCCEEDED if well else Execution.Status.FAILED
            end = End(status=to, outcome={})
            with tenant_scope(self.course.tenant):
                ran = Execution.objects.filter(intent_id=act).latest("id")
                fence = Intent.objects.get(pk=act).fence
                assert finish(ran, end, fence=fence, at=clock())
            self.read_act(act)

    @precondition(has("APPROVED"))
    @rule(what=ANY)
    def is_called_off(self, what: int) -> None:
        for act in self.acts("APPROVED", what):
            with tenant_scope(self.course.tenant):
                retract(act, by=SYSTEM, member=None, reason="A mistake.")
            self.read_act(act)

    # What time does.

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        self.time.pass_(span)

    @rule(which=ANY, span=st.one_of(SPANS, st.just(timedelta(0))))
    def comes_back(self, which: int, span: timedelta) -> None:
        """Somebody looks after a while, and goes on with what was paused."""
        self.ticks(span=span)
        self.resumes(which=which, role=Role.ADMIN)

    @rule(which=ANY)
    def looks(self, which: int) -> None:
        plan = self.plan(which)
        at = clock()
        with tenant_scope(self.course.tenant):
            orchestrator.look(plan.id, now=at)
        self.started(plan, self.model.look(plan, clock()))

    @rule(span=st.one_of(st.just(timedelta(0)), SPANS))
    def ticks(self, span: timedelta) -> None:
        """It finds by itself whatever a look at all of them would."""
        self.time.pass_(span)
        orchestrator.tick(now=clock())
        for plan in self.model.plans:
            self.started(plan, self.model.look(plan, clock()))


@pytest.fixture
def machine(make_course: Callable[..., Course]) -> Iterator[type[Machine]]:
    """The machine with a tenant for all its accounts, in a time of its own."""
    with virtual_time() as time:
        Machine.course, Machine.time = make_course(limit=1_000_000), time
        Machine.sequences = Machine.steps = 0
        yield Machine


def _run(
    machine: type[Machine], sequences: int, chance: int | None = None, **more: Any
) -> None:
    test = get_state_machine_test(
        machine,
        settings=settings(
            max_examples=sequences,
            deadline=None,
            database=None,
            # Shrinking takes longer than reading.
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )
    (test if chance is None else seed(chance)(test))()
    done, steps = machine.sequences, machine.steps
    trials.record("plans", trials=done, seed=chance, steps=steps)


def test_some_sequences(machine: type[Machine]) -> None:
    """R1-R7, always the same ones."""
    _run(machine, 16, stateful_step_count=40, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_thousand_sequences(machine: type[Machine]) -> None:
    """R1-R7, others every time, unless SEED says which."""
    _run(machine, 1000, trials.seed(), stateful_step_count=60)
