"""L9: plans and whoever is erased, whatever they are called and however full a text is."""

from typing import Any

import orjson
import pytest

from autonomy.models import Execution
from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from ledger.verify import verify_tenant
from perception.models import Contact
from perception.rules.erasing import MOST, Gone, without
from perception.rules.roles import Role
from plans.forgetting import forget_contact
from plans.models import Plan, Revision
from tests.conftest import NOW
from tests.plans.conftest import NOTE, Course
from tests.plans.contracts import asked, completed, verified
from tests.plans.test_forgetting import course, edited, forget, told

__all__ = ["course"]
# As long as each column may be.
FULL = ("Ann " * 125)[:499] + "!"
LEFT = FULL.replace("Ann", "erased")
BOTH = "Ask Ben and Ann Lee, lee.ann@acme.example."
KNOWN = {
    "action_type": "update_account_context",
    "parameters": {"field": "champion", "value": "Ann"},
}
CALLED = {**NOTE, "parameters": {"text": "Ann called."}}
NAMED = {**NOTE, "parameters": {"text": BOTH}}


@pytest.mark.parametrize("times", [MOST, MOST + 1, 80_000])
def test_the_database_follows_a_text_that_names_them_without_end(
    superuser: Any, times: int
) -> None:
    """L9: nobody stands in the way of an erasure by writing a name very often."""
    said = "Al " * times
    told = without(said, Gone(words=frozenset({"Al"})))
    assert told == ("erased " * times if times <= MOST else "erased")
    with superuser.cursor() as cursor:
        json = [orjson.dumps({"text": each}).decode() for each in (said, told)]
        cursor.execute("SELECT plans_blots(%s, %s)", json)
        assert cursor.fetchone() == (True,)


def people(course: Course, *names: str) -> list[Contact]:
    """The one there is, and more of them."""
    with tenant_scope(course.tenant):
        for name in names:
            Contact.objects.create(
                tenant_id=course.tenant, account=course.account, external_id=name,
                name=name, email=".".join(reversed(name.lower().split())) + "@acme.example",
            )  # fmt: skip
        return list(Contact.objects.filter(account=course.account).order_by("id"))


def test_what_stands_for_a_short_name_may_not_fit(course: Course) -> None:
    """The rest of a full column goes; whoever is erased does so all the same."""
    more = {"objective": FULL, "rationale": FULL * 4}
    ended = course.do("abort", course.active(NOTE, **more), reason=FULL * 2)
    draft = course.draft(NOTE, **more)
    edited(course, draft, FULL[::-1])
    edited(course, draft, FULL)
    forget(course)
    for each in (ended, draft):
        plan = course.read(each)
        assert plan.objective == LEFT[:500]
        assert plan.rationale == (LEFT * 4)[:2000]
        assert verified(course, plan).problems == ()
    assert course.read(ended).explanation == (LEFT * 2)[:1000]
    with tenant_scope(course.tenant):
        newest = Revision.objects.filter(plan=draft).order_by("number").last()
    assert newest is not None
    assert newest.body["objective"] == course.read(draft).objective


@pytest.mark.parametrize("name", ["İsmail Öz", 'Zoë "Zo" O\\Neil', "50 %_\\", "steps"])
def test_names_that_are_hard_to_find(course: Course, superuser: Any, name: str) -> None:
    """Escaped, foreign, of signs that patterns know, as a key of the product's own."""
    with tenant_scope(course.tenant):
        Contact.objects.filter(account=course.account).update(name=name)
    said = {**NOTE, "parameters": {"text": f"To {name}.\n{name.upper()} knows."}}
    plans = [completed(course, said), asked(course, said, objective=f"Win {name} over")]
    plans.append(course.draft(said, rationale=name))
    edited(course, plans[2], f"Ask {name}")
    forget(course)
    for plan in plans:
        (step,) = course.steps(plan)
        assert step.parameters == {"text": "To erased.\nerased knows."}
        assert verified(course, plan).problems == ()
    with tenant_scope(course.tenant):
        for row in Revision.objects.filter(plan__in=plans):
            assert set(row.body) >= {"steps", "objective"}
    assert course.read(plans[1]).status == "DRAFT"
    assert name == "steps" or name not in str(told(superuser, course, course.account))


def test_one_after_the_other(course: Course) -> None:
    """Each time what rows hold since is stated, agreed on anew, and provable."""
    ann, *rest = people(course, "Ben", "Ann Lee")
    plans = [completed(course, NAMED)]
    course.do("abort", course.active(NAMED, objective=BOTH), reason=BOTH)
    live = asked(course, NAMED, objective=BOTH)
    course.draft(NAMED, objective=BOTH)
    with tenant_scope(course.tenant):
        plans = list(Plan.objects.filter(account=course.account))
    lefts = (
        BOTH,
        "Ask erased and Ann Lee, lee.ann@acme.example.",
        "Ask erased and erased, erased.",
    )
    for who, left in zip((ann, *rest), lefts, strict=True):
        with tenant_scope(course.tenant):
            forget_contact(who.id, by=SYSTEM, now=NOW)
        for plan in plans:
            assert course.steps(plan)[0].parameters == {"text": left}
            assert verified(course, plan).problems == ()
        assert course.read(live).objective == left
        assert course.read(live).status == ("ACTIVE" if who is ann else "DRAFT")
        if who is not ann:
            course.do("activate", course.do("approve", live, Role.APPROVER))
            assert verified(course, live).problems == ()
    assert len(plans) == 4
    assert verify_tenant(course.tenant).findings == []


def test_whoever_changes_a_plan_meanwhile_looks_again(course: Course) -> None:
    """C6: the words of the erased do not come back with an edit that was begun before."""
    plan = course.draft(NOTE, objective="Win Ann over")
    seller, path = course.house.client(Role.SELLER), f"plans/{plan.pk}/"
    tag = seller.send("GET", path).headers["ETag"]
    forget(course)
    change = {"objective": "Win Ann over soon"}
    answer = seller.send("PATCH", path, change, if_match=tag)
    assert answer.status_code == 412, answer.content
    assert course.read(plan).objective == "Win erased over"


@pytest.mark.parametrize("step", [CALLED, KNOWN], ids=["note", "known"])
def test_what_an_ended_plan_did_can_still_be_taken_back(
    course: Course, step: dict[str, Any]
) -> None:
    """U1: its words are others on both sides; the plan's story stays whole."""
    plan = completed(course, step)
    (act,) = course.intents(plan)
    forget(course)
    assert "Ann" not in str(course.intents(plan)[0].parameters)
    with tenant_scope(course.tenant):
        done = Execution.objects.get(intent=act)
    seller = course.house.client(Role.SELLER)
    answer = seller.send("POST", f"executions/{done.pk}/undo/", {"reason": "Wrong."})
    assert answer.status_code == 200, answer.content
    assert answer.json()["undo"]["status"] == "DONE"
    assert course.intents(plan)[0].status == "UNDONE"
    assert verified(course, plan).problems == ()
