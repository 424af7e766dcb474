"""R8: drafts as they are proposed to people, with everything on record."""

from datetime import date, timedelta

import pytest

from autonomy.models import ActionRow, ContextField
from bench.parts.count import Counts, counted
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.intake import receive
from perception.models import Account, Opportunity, Signal
from perception.rules.heat import Posture
from perception.rules.roles import Role
from plans import facts, proposing
from plans.drafting import By
from plans.errors import NoSuchPlanType, NothingToPropose
from plans.models import Plan
from plans.rules.facts import World
from plans.types.registry import TYPES
from tests.plans.conftest import Course
from tests.races import in_threads


def renewal(
    course: Course, days: int = 80, account: Account | None = None
) -> Opportunity:
    """The account is a customer's, and one of its deals renews in so many days."""
    held = account or course.account
    with tenant_scope(course.tenant):
        Account.objects.filter(pk=held.pk).update(lifecycle="CUSTOMER")
        deals = Opportunity.objects.filter(account=held).order_by("external_id")
        deal = deals.first() or Opportunity.objects.create(
            tenant_id=course.tenant, account=held, external_id="r", stage="discovery"
        )
        deal.renewal_date = clock().date() + timedelta(days=days)
        deal.save()
    return deal


def propose(
    course: Course, plan_type: str | None = None, role: Role = Role.SELLER
) -> Plan:
    with tenant_scope(course.tenant):
        account = Account.objects.get(pk=course.account.pk)
        by = By.person(course.caller(role))
        return proposing.propose(account, plan_type=plan_type, by=by, now=clock())


def heard(course: Course, type_: str, **payload: object) -> None:
    """A signal of the account comes in."""
    item = {"account": str(course.account.id), "type": type_, "payload": payload}
    with tenant_scope(course.tenant):
        receive([item], by=Actor(type="system", id="test"), now=clock())


def world_of(course: Course) -> World:
    with tenant_scope(course.tenant):
        types = facts.types_in_force()
        return facts.world_around(course.account.pk, types, since=clock())


def plans_of(course: Course) -> list[Plan]:
    with tenant_scope(course.tenant):
        return list(Plan.objects.filter(tenant_id=course.tenant).order_by("id"))


def test_a_renewal_that_comes_near_becomes_a_draft(course: Course) -> None:
    """R8, R9: the template in its order, filled; the account's contact and deal."""
    deal = renewal(course)
    plan = propose(course)
    assert (plan.plan_type, plan.status, plan.source) == (
        "RENEWAL_DEFENSE", "DRAFT", "rules",
    )  # fmt: skip
    assert (plan.opportunity_id, plan.risk_level) == (deal.id, "MEDIUM")
    assert plan.contact is not None
    assert plan.proposed_by_id == course.house.members[Role.SELLER].id
    day = deal.renewal_date or date.min
    assert f"{day:%-d %B %Y}" in plan.objective
    assert f"Deal {deal.external_id}: " in plan.rationale
    steps = course.steps(plan)
    assert [each.action_type for each in steps] == [
        each.action_type for each in TYPES["RENEWAL_DEFENSE"].template
    ]
    assert steps[0].parameters["title"] == "The renewal of Acme"
    ids = {each.action_type: each.step_id for each in reversed(steps)}
    assert steps[1].depends_on == [ids["prep_renewal_brief"]]
    assert steps[2].depends_on == [ids["request_renewal_meeting"]]
    assert steps[1].latest is not None


def test_how_it_came_about_is_on_record(course: Course) -> None:
    """R8: the facts that it rests on, by id; no words of anybody."""
    deal = renewal(course)
    with tenant_scope(course.tenant):
        signal = Signal.objects.create(
            tenant_id=course.tenant, account=course.account, type="ticket_escalated",
            payload={"text": "Ann is furious"}, occurred_at=clock(), received_at=clock(),
        )  # fmt: skip
    plan = propose(course)
    assert (
        f"ticket_escalated {signal.occurred_at.date()} ({signal.id})" in plan.rationale
    )
    (entry,) = course.entries(plan, "plan.proposed")
    told = entry.data["proposal"]
    assert told["deal"] == str(deal.id)
    assert told["signals"] == [str(signal.id)]
    assert (told["synthesizer"], told["refused"], told["tokens"]) == ("rules", 0, 0)
    assert "furious" not in str(entry.data) + plan.rationale


def test_what_is_proposed_is_approved_and_goes_on(course: Course) -> None:
    """R8, R4: the draft passes the gate as it is; nothing starts before that."""
    renewal(course)
    plan = propose(course)
    assert course.intents(plan) == []
    plan = course.do("approve", plan, Role.APPROVER)
    plan = course.look(course.do("activate", plan))
    assert course.statuses(plan)[0] in ("RUNNING", "DONE", "AUTO_EXECUTED")


def test_one_that_is_not_over_stands_against_another(course: Course) -> None:
    """R8: nothing is drafted twice, and it is said why."""
    renewal(course)
    propose(course)
    with pytest.raises(NothingToPropose, match="not over"):
        propose(course, "RENEWAL_DEFENSE")
    assert len(plans_of(course)) == 1


def test_after_a_person_ended_one_it_takes_a_name(course: Course) -> None:
    """R8, history: not by itself; but to whoever asks for it."""
    renewal(course)
    course.do("abort", propose(course))
    with pytest.raises(NothingToPropose, match="a person ended one"):
        propose(course)
    assert propose(course, "RENEWAL_DEFENSE").status == "DRAFT"


def test_the_type_that_is_named_is_the_one(course: Course) -> None:
    """R8: exact names; what does not fit is refused with the reason, without a trace."""
    renewal(course)
    for wrong in ("renewal_defense", "__class__", ""):
        with pytest.raises(NoSuchPlanType):
            propose(course, wrong)
    with pytest.raises(NothingToPropose, match="a customer already"):
        propose(course, "PIPELINE_CREATION")
    assert plans_of(course) == []


def test_a_growing_customer_is_not_held_to_its_renewal(course: Course) -> None:
    """R8, R9: a plan that names no deal has none: any that is won meets its objective."""
    renewal(course, days=300)
    with tenant_scope(course.tenant):
        Opportunity.objects.filter(account=course.account).exclude(
            renewal_date__isnull=False
        ).update(stage="closed_lost")
    heard(course, "posture_change", to="EXPAND")
    plan = propose(course)
    assert (plan.plan_type, plan.opportunity_id) == ("EXPANSION", None)
    assert "Posture: EXPAND." in plan.rationale


def noted(course: Course, **fields: str) -> None:
    with tenant_scope(course.tenant):
        for field, value in fields.items():
            ContextField.objects.create(
                tenant_id=course.tenant, account=course.account, field=field,
                value=value, updated_at=clock(),
            )  # fmt: skip


def test_a_note_stands_in_where_nothing_was_seen(course: Course) -> None:
    """R8, P3: what signals show outweighs what somebody noted, which has no end."""
    renewal(course, days=300)
    noted(course, posture="expand", sentiment="negative")
    around = world_of(course)
    assert (around.posture, around.sentiment) == (Posture.EXPAND, "NEGATIVE")
    assert propose(course, "EXPANSION").plan_type == "EXPANSION"
    course.do("abort", plans_of(course)[0])
    heard(course, "ticket_escalated")
    heard(course, "reply_received", sentiment="positive", text="Gladly.")
    around = world_of(course)
    assert (around.posture, around.sentiment) == (Posture.AT_RISK, "POSITIVE")
    with pytest.raises(NothingToPropose, match="nothing calls for one"):
        propose(course, "EXPANSION")


def test_a_note_that_is_no_posture_is_none(course: Course) -> None:
    """R8: what was noted is one of the words for it, or says nothing."""
    noted(course, posture="ignore all of this", sentiment="grim")
    around = world_of(course)
    assert (around.posture, around.sentiment) == (None, "")


def test_plans_that_run_see_it_too(course: Course) -> None:
    """R8: the same read for a draft and for a plan, in one statement."""
    plan = course.active()
    heard(course, "product_usage_anomaly", direction="down", change=-0.4)
    counts = Counts()
    with tenant_scope(course.tenant):
        steps, types = facts.steps_of(plan), facts.types_in_force()
        told = facts.plan_facts(plan, steps, types)
        with counted(counts):
            around = facts.world_of(plan, told, types)
    assert (around.posture, around.sentiment) == (Posture.AT_RISK, "")
    assert counts["round_trips"] == 1


def test_what_a_tenant_forbids_is_left_out(course: Course) -> None:
    """R8, A2: an optional step goes; without one that is needed there is no plan."""
    renewal(course)
    with tenant_scope(course.tenant):
        ActionRow.objects.create(
            tenant_id=course.tenant, key="escalate_support_risk", tier="HARD_STOP",
            updated_at=clock(),
        )  # fmt: skip
    kept = [each.action_type for each in course.steps(propose(course))]
    assert "escalate_support_risk" not in kept
    with tenant_scope(course.tenant):
        ActionRow.objects.filter(tenant_id=course.tenant).update(
            key="request_renewal_meeting"
        )
    course.do("abort", plans_of(course)[0])
    with pytest.raises(NothingToPropose, match="request_renewal_meeting"):
        propose(course, "RENEWAL_DEFENSE")


def test_of_many_who_ask_at_once_one_gets_a_draft(course: Course) -> None:
    """R8: the account is held while it is looked and kept."""
    renewal(course)

    def ask(_: int) -> str:
        try:
            return propose(course).status
        except NothingToPropose:
            return "no"

    assert sorted(in_threads(6, ask)) == ["DRAFT", *["no"] * 5]
    assert len(plans_of(course)) == 1
