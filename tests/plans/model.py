"""Plans in plain Python, as small as they can be said: what the machine is held against."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from perception.rules.roles import Role

DELAYS = tuple(timedelta(hours=each) for each in (1, 24, 72, 168))
LATER, TO_ACCEPT = timedelta(days=3), timedelta(days=14)
EDITORS = (Role.APPROVER, Role.ADMIN)
LIVE = ("DRAFT", "APPROVED", "ACTIVE", "PAUSED")
GOOD = ("DONE", "AUTO_EXECUTED")
SUBMITTED = ("PENDING_APPROVAL", "RUNNING")
UNSTARTED = ("PROPOSED", "AWAITING_APPROVAL", "APPROVED")


@dataclass
class Act:
    """An intent, as the rest of the house has it."""

    status: str
    by_policy: bool = False
    cause: str = ""


@dataclass
class StepModel:
    """One step."""

    id: UUID
    action_type: str
    required: bool
    after: tuple[UUID, ...]
    most: int
    status: str = "PENDING"
    failures: int = 0
    tries: int = 0
    waived: bool = False
    next_at: datetime | None = None
    act: UUID | None = None

    @property
    def settled(self) -> bool:
        return self.waived or self.status in GOOD


@dataclass
class PlanModel:
    """One plan; people are named by their roles."""

    id: UUID
    owner: Role
    proposer: Role
    editor: Role
    expires_at: datetime
    steps: list[StepModel]
    status: str = "DRAFT"
    accept_by: datetime | None = None


@dataclass
class Model:
    """An account with its plans of one type."""

    owner: Role
    closed: bool = False
    plans: list[PlanModel] = field(default_factory=list)
    acts: dict[UUID, Act] = field(default_factory=dict)

    # What people may do.

    def edits(self, plan: PlanModel, role: Role) -> bool:
        return role in EDITORS or plan.owner == role

    def accepts(self, role: Role) -> bool:
        return role in (self.owner, Role.ADMIN)

    def approves(self, plan: PlanModel, role: Role) -> bool:
        return role in EDITORS and role not in (plan.proposer, plan.editor)

    def fits(self, plan: PlanModel, now: datetime) -> bool:
        return not self.closed and plan.expires_at > now

    def may_start(self, plan: PlanModel, now: datetime) -> bool:
        taken = any(each.status == "ACTIVE" for each in self.plans if each is not plan)
        return self.fits(plan, now) and not taken

    # What happens then.

    def recall(self, steps: list[StepModel]) -> None:
        for step in steps:
            act = self.acts[step.act] if step.act else None
            if act and step.status in SUBMITTED and act.status in UNSTARTED:
                act.status, step.status, step.next_at = "CANCELLED", "PENDING", None

    def pause(self, plan: PlanModel, accept_by: datetime | None = None) -> None:
        plan.status, plan.accept_by = "PAUSED", accept_by
        self.recall(plan.steps)

    def redraft(self, plan: PlanModel) -> None:
        plan.status, plan.accept_by = "DRAFT", None
        self.recall(plan.steps)

    def end(self, plan: PlanModel, status: str) -> None:
        plan.status, plan.accept_by = status, None
        self.recall(plan.steps)
        for step in plan.steps:
            if step.status in ("PENDING", *SUBMITTED):
                step.status, step.next_at = "CANCELLED", None

    def hear(self, plan: PlanModel, now: datetime) -> bool:
        """Steps follow their acts; whether one that is needed has failed by that."""
        heard = [step for step in plan.steps if step.status in SUBMITTED and step.act]
        if plan.status not in LIVE:
            return False
        failed = [self.follow(step, now) for step in heard]
        return any(failed)

    def follow(self, step: StepModel, now: datetime) -> bool:
        act = self.acts[step.act] if step.act else Act("")
        match act.status:
            case "PROPOSED" | "AWAITING_APPROVAL":
                step.status = "PENDING_APPROVAL"
            case "APPROVED" | "EXECUTING" | "IN_DOUBT":
                step.status = "RUNNING"
            case "SUCCEEDED":
                step.status = "AUTO_EXECUTED" if act.by_policy else "DONE"
            case "FAILED" | "EXPIRED":
                return self.again(step, DELAYS[min(step.failures, 3)], now)
            case "REJECTED" if act.cause == "timing":
                return self.again(step, LATER, now)
            case "REJECTED" | "CANCELLED":
                step.status = "SKIPPED"
            case other:
                raise AssertionError(other)
        return False

    def again(self, step: StepModel, delay: timedelta, now: datetime) -> bool:
        step.failures += 1
        if step.failures < step.most:
            step.status, step.next_at = "PENDING", now + delay
            return False
        step.status, step.next_at = "FAILED", None
        return step.required

    def look(self, plan: PlanModel, now: datetime) -> list[StepModel]:
        """What a look comes to; the steps that it starts."""
        problem = self.hear(plan, now)
        if plan.status not in LIVE or self._ends(plan, now):
            return []
        if plan.owner != self.owner and plan.accept_by is None:
            self._hands_over(plan, now)
        elif plan.status == "ACTIVE" and problem:
            self.pause(plan)
        return self._starts(plan, now) if plan.status == "ACTIVE" else []

    def _ends(self, plan: PlanModel, now: datetime) -> bool:
        if self.closed or (plan.accept_by is not None and plan.accept_by <= now):
            self.end(plan, "ABORTED")
        elif plan.status in ("ACTIVE", "PAUSED") and _is_done(plan):
            self.end(plan, "COMPLETED")
        elif plan.expires_at <= now:
            self.end(plan, "EXPIRED")
        return plan.status not in LIVE

    def _hands_over(self, plan: PlanModel, now: datetime) -> None:
        match plan.status:
            case "ACTIVE":
                self.pause(plan, now + TO_ACCEPT)
            case "PAUSED":
                plan.accept_by = now + TO_ACCEPT
            case _:
                if plan.status == "APPROVED":
                    self.redraft(plan)
                plan.owner = self.owner

    def _starts(self, plan: PlanModel, now: datetime) -> list[StepModel]:
        there = {step.id: step for step in plan.steps}
        starts: list[StepModel] = []
        moved = True
        while moved:
            moved = False
            for step in plan.steps:
                if step.status != "PENDING" or step in starts:
                    continue
                before = [there[each] for each in step.after]
                gone = [
                    each for each in before if each.status in ("SKIPPED", "CANCELLED")
                ]
                if any(not each.waived for each in gone):
                    step.status, step.next_at, moved = "SKIPPED", None, True
                elif all(each.settled for each in before) and _is_time(step, now):
                    starts.append(step)
                    moved = True
        return starts


def _is_time(step: StepModel, now: datetime) -> bool:
    return step.next_at is None or step.next_at <= now


def _is_done(plan: PlanModel) -> bool:
    required = [step for step in plan.steps if step.required]
    if required:
        return all(step.settled for step in required)
    open_ = ("PENDING", *SUBMITTED)
    is_over = all(step.status not in open_ for step in plan.steps)
    return is_over and any(step.settled for step in plan.steps)
