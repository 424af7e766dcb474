"""One believable tenant for the days of its people: a week behind it, a morning ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from autonomy import asking, digests, entering
from autonomy import undo as undos
from autonomy.execute import start
from autonomy.goals import set_goal
from autonomy.models import Approval, Execution, Intent, Mode, Run
from autonomy.perform import perform
from autonomy.pipeline import walk
from autonomy.policies import save_data
from autonomy.propose import propose
from autonomy.rules.data import DEFAULT
from autonomy.rules.runs import Stage
from autonomy.settle import finish
from autonomy.steering import set_opt_in
from autonomy.tools.base import End
from config.sandbox import furnish
from ledger.clock import clock
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from perception import tenants
from perception.accounts import add_account
from perception.members import person_acting
from perception.models import Account, Contact, Person, Tenant
from perception.rules.roles import Role
from plans.models import Plan
from tests.autonomy.conftest import AGENT, Desk
from tests.autonomy.records import decided, looked
from tests.browser.cast import COMPANIES, MAIL, MAILS, NAME, NEWS, PEOPLE, THEIRS
from tests.conftest import NOW, House, new_house
from tests.plans.conftest import ALWAYS, BRIEF, ESCALATE, NOTE, Course

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class World:
    """The tenant, and what stories need to find in it."""

    house: House
    accounts: Mapping[str, Account]
    # Acts by what became of them, and plans by how they stand.
    acts: dict[str, Intent]
    plans: dict[str, Plan]
    parked: UUID

    @property
    def tenant(self) -> UUID:
        return self.house.tenant

    def desk(self, name: str) -> Desk:
        return Desk(self.house, self.accounts[name])

    def email(self, role: Role) -> str:
        return f"{role.lower()}@{self.house.slug}.example"

    def asked(self, key: str) -> Approval:
        """The newest question about one of the acts."""
        with tenant_scope(self.tenant):
            return Approval.objects.filter(intent=self.acts[key]).latest("id")

    def intent(self, key: str) -> Intent:
        with tenant_scope(self.tenant):
            return Intent.objects.get(pk=self.acts[key].pk)

    def seal(self) -> None:
        """Everything stated so far has its place in the tree."""
        while seal_tenant(self.tenant, now=clock()):
            pass


def build() -> World:
    """Everything, through the verbs that the product uses."""
    house = new_house(NAME)
    accounts = _settled(house)
    world = World(house=house, accounts=accounts, acts={}, plans={}, parked=uuid4())
    furnish(house.slug, now=_now())
    _governed(world)
    _walked(world)
    _acts(world)
    _questions(world)
    _plans(world)
    _goals(world)
    run = _parked(world)
    _told(world)
    world.seal()
    return World(
        house=house, accounts=accounts, acts=world.acts, plans=world.plans, parked=run
    )


def _now() -> datetime:
    return clock()


def _settled(house: House) -> dict[str, Account]:
    """People have their names; accounts, deals and contacts are there."""
    admin, found = house.caller(Role.ADMIN), {}
    with tenant_scope(house.tenant):
        for role, name in PEOPLE.items():
            id_ = house.members[role].person_id
            Person.objects.filter(pk=id_).update(name=name)
        email = f"second@{house.slug}.example"
        second = tenants.add_member(email, "Lena Fischer", Role.SELLER, now=NOW)
        mine = house.members[Role.SELLER]
        for number, (name, phase, person) in enumerate(COMPANIES, 1):
            given = _company(number, name, phase, person, owner=mine.id)
            found[name] = add_account(given, by=admin, now=NOW)
        given = _company(9, THEIRS, "PROSPECT", "Noor Visser", owner=second.id)
        found[THEIRS] = add_account(given, by=admin, now=NOW)
        Tenant.objects.filter(pk=house.tenant).update(created_at=_now() - 9 * DAY)
    return found


def _company(
    number: int, name: str, phase: str, person: str, *, owner: UUID
) -> dict[str, Any]:
    stage = ("discovery", "evaluation", "negotiation")[number % 3]
    renews = {4: 75, 6: 80, 8: 110}.get(number, 240 + number)
    return {
        "external_id": f"crm-{number:04}",
        "name": name,
        "lifecycle": phase,
        "owner": str(owner),
        "timezone": "Europe/Berlin",
        "opportunities": [
            {
                "external_id": f"opp-{number:04}",
                "stage": stage,
                "amount": 8_000 + 7_500 * number,
                "renewal_date": (_now() + renews * DAY).date().isoformat(),
            }
        ],
        "contacts": [
            {
                "external_id": f"contact-{number:04}",
                "name": person,
                "email": f"{person.split()[-1].lower()}@crm-{number:04}.example",
            }
        ],
    }


def _governed(world: World) -> None:
    """What policy allows runs alone; nobody approves what they proposed."""
    desk = world.desk("Fennimore Foods")
    desk.mode("AUTOPILOT")
    desk.mode("APPROVAL", action_type="create_follow_up_task")
    desk.budget(200)
    with tenant_scope(world.tenant):
        Tenant.objects.filter(pk=world.tenant).update(four_eyes=True)
        Mode.objects.filter(tenant_id=world.tenant).update(set_at=_now() - 30 * DAY)
        set_opt_in(True, None, by=desk.admin, now=_now())
        save_data({**DEFAULT, "hours": ALWAYS}, by=desk.admin, now=_now())
    decided(desk, 60, at=_now() - 20 * DAY, action_type="create_follow_up_task")
    looked(desk, _now())


def _walked(world: World) -> None:
    """The signals of the week, walked as far as they go."""
    entering.enter(world.tenant, limit=50)
    with tenant_scope(world.tenant):
        due = list(Run.objects.values_list("id", flat=True).order_by("id"))
    for run in due:
        walk(run, Stage.TRIGGER, tenant=world.tenant, may=lambda stage: True)


def _proposed(
    world: World, name: str, action_type: str, why: str, sure: float, **words: Any
) -> Intent:
    """What an agent proposes at an account, in so many words."""
    account = world.accounts[name]
    given: dict[str, Any] = world.desk(name).given(
        action_type, confidence=sure, rationale=why
    )
    given["parameters"] = {**given["parameters"], **words}
    with tenant_scope(world.tenant):
        if "body" in words:
            someone = Contact.objects.get(account=account)
            given["contact"] = str(someone.id)
        return propose(
            given, account, origin="agent", by=AGENT, member=None, now=_now()
        )


def _acts(world: World) -> None:
    """What ran: one note as it was, one taken back, one in doubt, one held back."""
    noted = "create_internal_note"
    told = {
        "done": ("Lantern Robotics", "They compare us with two others until March."),
        "undoable": ("Copperfield Energy", "Security review passed; procurement is next."),
        "undone": ("Quillon Press", "They asked for a second training."),
        "doubt": ("Westmark Housing", "The facility team wants a call about the export."),
        "held": ("Fennimore Foods", "Budget for 80 seats is secured."),
    }  # fmt: skip
    for key, (name, text) in told.items():
        why = f"{name} said so in the last conversation."
        world.acts[key] = _proposed(world, name, noted, why, 0.94, text=text)
    for key in ("done", "undoable", "undone"):
        assert perform(world.acts[key].id, tenant=world.tenant) == "SUCCEEDED"
    with tenant_scope(world.tenant):
        act = Execution.objects.get(intent=world.acts["undone"])
        seller = world.house.caller(Role.SELLER)
        undos.request(
            act.id, by=person_acting(seller), member=seller.membership,
            reason="It was another customer.",
        )  # fmt: skip
        begun = start(world.acts["doubt"].id).execution
        assert begun is not None
        lost = End(
            status=Execution.Status.IN_DOUBT, outcome={},
            error="The notebook did not answer in time.",
        )  # fmt: skip
        fence = world.intent("doubt").fence
        finish(begun, lost, fence=fence, at=_now())
        Intent.objects.filter(pk=world.acts["held"].pk).update(
            due_at=_now() + timedelta(hours=3)
        )


def _questions(world: World) -> None:
    """What waits: for the seller, for an approver, for whoever did not propose it."""
    for key, (name, why, sure, subject, body) in MAILS.items():
        world.acts[key] = _proposed(
            world, name, MAIL, why, sure, subject=subject, body=body
        )
    for number, name in enumerate(NEWS):
        words = {"subject": "New release on Monday", "body": f"Hello {name}, …"}
        why = "Their plan includes the new reports."
        world.acts[f"news-{number}"] = _proposed(
            world, name, "send_email", why, 0.88, **words
        )
    why, summary = "They have secured the budget.", "Three years for 80 seats."
    world.acts["offer"] = _proposed(
        world, "Fennimore Foods", "send_proposal", why, 0.9,
        summary=summary, amount=46_000,
    )  # fmt: skip
    approver = world.house.caller(Role.APPROVER)
    given = {
        "action_type": "change_forecast", "confidence": 0.8,
        "parameters": {"category": "best_case", "amount": 46_000},
        "rationale": "The budget is secured.",
    }  # fmt: skip
    with tenant_scope(world.tenant):
        world.acts["own"] = propose(
            given, world.accounts["Fennimore Foods"], origin="agent",
            by=person_acting(approver), member=approver.membership, now=_now(),
        )  # fmt: skip
    words = {"subject": "The export", "body": "Hello Ines, the export works again."}
    why = "Their ticket was escalated yesterday."
    world.acts["late"] = _proposed(world, "Tallow & Finch", MAIL, why, 0.9, **words)
    with tenant_scope(world.tenant):
        late = Approval.objects.filter(intent=world.acts["late"])
        ends = _now() + timedelta(hours=5)
        late.update(asked_at=ends - 3 * DAY, expires_at=ends)
    while asking.sweep(now=_now()):
        pass


def _plans(world: World) -> None:
    """A draft for the approver, a plan that runs, one that somebody ended."""
    courses = {
        name: Course(world.desk(name))
        for name in ("Tallow & Finch", "Westmark Housing", "Copperfield Energy")
    }
    drafted, running, over = courses.values()
    world.plans["draft"] = drafted.draft(BRIEF, ESCALATE, NOTE)
    world.plans["running"] = running.active(NOTE, ESCALATE)
    running.look(world.plans["running"])
    running.perform(world.plans["running"])
    running.look(world.plans["running"])
    given = {"plan_type": "PIPELINE_CREATION"}
    world.plans["over"] = over.do(
        "abort", over.draft(NOTE, **given), reason="They chose to wait until spring."
    )


def _goals(world: World) -> None:
    """Two goals of the seller, one of an account."""
    admin, seller = world.house.caller(Role.ADMIN), world.house.members[Role.SELLER].id
    account = world.accounts["Fennimore Foods"].id
    start_, end = _now() - 40 * DAY, _now() + 50 * DAY
    with tenant_scope(world.tenant):
        for type_, target, whose in (
            ("activity", 60, {"seller": seller}),
            ("quality", 12, {"seller": seller}),
            ("revenue", 90_000, {"account": account}),
        ):
            given = {"type": type_, "target": Decimal(target), **whose}
            set_goal({**given, "start": start_, "end": end}, by=admin, now=_now())


def _parked(world: World) -> UUID:
    """A run that was given up at its decision."""
    account, now = world.accounts["Lantern Robotics"], _now()
    with tenant_scope(world.tenant):
        return Run.objects.create(
            tenant_id=world.tenant, account=account, trigger="SIGNAL_ARRIVED",
            key=uuid4().hex, status="PARKED", stage="DECIDE", attempts=5, due_at=now,
            gate_result="ALLOW", gate_reason="ALLOWED",
            gate_explanation="Worth a decision now.",
            error="The synthesizer was cut off before it had answered.",
            created_at=now, updated_at=now,
        ).pk  # fmt: skip


def _told(world: World) -> None:
    """The digests of three days."""
    for days in (2, 1, 0):
        done = digests.write_due(now=_now() - days * DAY, tenant=world.tenant)
        assert done.broken == 0
