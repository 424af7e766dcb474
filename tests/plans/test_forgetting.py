"""L9: who is forgotten goes out of plans; what was agreed on and done stays provable."""

import re
from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg2
import pytest
from django.db import DatabaseError, connection, transaction

from ledger.record import SYSTEM
from ledger.scope import tenant_scope
from ledger.verify import verify_tenant
from perception.errors import NoSuchContact
from perception.models import Account, Contact
from perception.rules.roles import Role
from plans import drafting, standing, steering
from plans.drafting import By
from plans.forgetting import forget_contact
from plans.models import Plan, Revision
from plans.views.told import ERASED
from tests.autonomy.admin.conftest import member
from tests.conftest import NOW
from tests.plans.conftest import NOTE, Course
from tests.plans.contracts import asked, completed, verified
from tests.races import in_threads

SAID = "Ask Ann (ANN@acme.example) and Ben; Annabel knows."
LEFT = "Ask erased (erased) and Ben; Annabel knows."
NAMED = {**NOTE, "parameters": {"text": SAID}}
WORDS = re.compile(r"\bann\b|ann@acme", re.IGNORECASE)
BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
)


@pytest.fixture
def course(make_course: Callable[..., Course]) -> Course:
    """Here people decide on every act."""
    return make_course(mode="APPROVAL")


def forget(course: Course) -> int:
    with tenant_scope(course.tenant):
        who = Contact.objects.get(account=course.account)
        return forget_contact(who.id, by=SYSTEM, now=NOW)


def told(superuser: Any, course: Course, account: Account) -> dict[str, str]:
    """Every column of every table of plans, as text: what belongs to an account."""
    here = "SELECT id FROM plans_plan WHERE tenant_id = %s AND account_id = %s"
    found: dict[str, str] = {}
    with superuser.cursor() as cursor:
        cursor.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_name LIKE 'plans\\_%' AND table_type = 'BASE TABLE'"
        )
        for table in [row[0] for row in cursor.fetchall()]:
            named = "id" if table == "plans_plan" else "plan_id"
            cursor.execute(
                f"SELECT string_agg(to_jsonb(t)::text, ' ') FROM {table} t "
                f"WHERE {named} IN ({here})",
                [str(course.tenant), str(account.id)],
            )
            found[table] = cursor.fetchone()[0] or ""
    return found


def named_in(texts: dict[str, str]) -> set[str]:
    return {table for table, text in texts.items() if WORDS.search(text)}


def edited(course: Course, plan: Plan, objective: str) -> None:
    with tenant_scope(course.tenant):
        by = course.caller()
        held = standing.to_edit(plan.pk, by=by)
        drafting.edit(held, {"objective": objective}, by=By.person(by))


TABLES = {"plans_plan", "plans_step", "plans_revision"}


def test_no_table_of_plans_names_them_any_more(course: Course, superuser: Any) -> None:
    """Over, under way and drafted: rows, revisions, contracts, statements, reasons."""
    more = {"objective": "Win Ann over", "rationale": SAID}
    over = completed(course, NAMED)
    course.do("abort", course.active(NAMED, **more), reason=f"So: {SAID}")
    paused = course.active(NOTE, **more)
    course.do("pause", paused, reason=SAID)
    live = asked(course, NAMED)
    with tenant_scope(course.tenant):
        step = course.steps(live)[0].step_id
        steering.skip(live.pk, step, by=course.caller(), reason=SAID)
    draft = course.draft(NAMED, **more)
    edited(course, draft, SAID)
    bolt = course.another_account()
    course.draft(NAMED, account=bolt, **more)
    before = told(superuser, course, bolt)
    assert set(before) == named_in(before) == TABLES
    assert named_in(told(superuser, course, course.account)) == TABLES

    forget(course)

    texts = told(superuser, course, course.account)
    assert named_in(texts) == set()
    assert LEFT in texts["plans_step"]
    assert LEFT in texts["plans_revision"]
    assert told(superuser, course, bolt) == before
    assert course.read(over).status == "COMPLETED"
    assert course.read(draft).objective == LEFT
    # Their ends, contracts and statements are those that the ledger knows.
    with tenant_scope(course.tenant):
        plans = list(Plan.objects.filter(account=course.account))
    assert len(plans) == 5
    for plan in plans:
        assert verified(course, plan).problems == (), plan.status
    assert verify_tenant(course.tenant).findings == []


def test_what_runs_on_other_words_is_agreed_on_anew(course: Course) -> None:
    """R6: an approval was for the words that it was shown; what is open is recalled."""
    plan = asked(course, NAMED)
    (act,) = course.intents(plan)
    assert act.status == "AWAITING_APPROVAL"
    forget(course)
    plan, (step,), (act,) = course.read(plan), course.steps(plan), course.intents(plan)
    assert (plan.status, plan.revision, plan.reason) == ("DRAFT", 2, "WORDS_ERASED")
    assert (step.status, step.parameters) == ("PENDING", {"text": LEFT})
    assert act.status == "CANCELLED"
    assert verified(course, plan).ok
    again = course.do("approve", plan, Role.APPROVER)
    assert again.contract_digest != plan.contract_digest
    assert verified(course, again).ok


def test_the_page_reaches_as_far(course: Course, superuser: Any) -> None:
    """U2: the button of an admin is this verb, and the plan's page says what happened."""
    plan = course.draft(NAMED, objective="Win Ann over")
    with tenant_scope(course.tenant):
        who = Contact.objects.get(account=course.account).id
    admin = member(course.house, Role.ADMIN)
    page = admin.post(f"/admin/perception/contact/{who}/erase/", follow=True)
    assert b"Erased" in page.content
    assert named_in(told(superuser, course, course.account)) == set()
    assert ERASED in admin.get(f"/plans/{plan.pk}/").content.decode()


def test_what_does_not_name_them_is_left_alone(course: Course) -> None:
    """Twice is as once; a plan without their words runs on, and no entry is added."""
    plan = course.active(NOTE)
    before = course.read(plan), course.entries(plan)
    forget(course)
    after = course.read(plan)
    assert (after.status, after.revision) == ("ACTIVE", 1)
    assert after.contract == before[0].contract
    assert course.entries(plan) == before[1]
    with tenant_scope(course.tenant):
        gone = Contact.objects.get(account=course.account).id
        assert forget_contact(gone, by=SYSTEM, now=NOW) == 0
    with tenant_scope(course.tenant), pytest.raises(NoSuchContact):
        forget_contact(plan.pk, by=SYSTEM, now=NOW)


def test_a_problem_is_still_found_after_an_erasure(
    course: Course, superuser: Any
) -> None:
    """R12: what stands there since is stated; other words than those are a problem."""
    plan = completed(course, NAMED)
    forget(course)
    assert verified(course, plan).ok
    with superuser.cursor() as cursor:
        cursor.execute("ALTER TABLE plans_step DISABLE TRIGGER USER")
        cursor.execute(
            """UPDATE plans_step SET parameters = '{"text": "Another."}'
               WHERE plan_id = %s""",
            [str(plan.pk)],
        )
        cursor.execute("ALTER TABLE plans_step ENABLE TRIGGER USER")
    assert [each.code for each in verified(course, plan).problems] == ["ROW_DIFFERS"]


ERASING = (
    "SELECT set_config('app.tenant', %s, true), set_config('app.erasing', %s, true)"
)
BLOT = "UPDATE plans_revision SET body = jsonb_set(body, '{objective}', '\"erased\"')"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE plans_revision SET body = '{}'",
        'UPDATE plans_revision SET body = body || \'{"owner": "erased now"}\'',
        "UPDATE plans_revision SET number = number + 1",
        "UPDATE plans_revision SET at = at + interval '1 s'",
        "UPDATE plans_revision SET changed = '[{}]'",
        "DELETE FROM plans_revision",
        "TRUNCATE plans_revision",
    ],
)
@pytest.mark.parametrize("erases", [True, False])
def test_nothing_but_the_words_of_the_erased_leaves_a_revision(
    course: Course, superuser: Any, statement: str, erases: bool
) -> None:
    """L1: whoever asks, also while somebody is erased; without that not even words."""
    plan = course.draft(NOTE, objective="Win Ann over")
    if erases:
        forget(course)
    with tenant_scope(course.tenant):
        who = str(Contact.objects.get(account=course.account).id)
        before = list(Revision.objects.filter(plan=plan).values())
    where = "" if "TRUNCATE" in statement else f" WHERE plan_id = '{plan.pk}'"
    refused = [statement + where] if erases else [statement + where, BLOT + where]
    for each in refused:
        with superuser.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(ERASING, [str(course.tenant), who])
            with pytest.raises(psycopg2.errors.RestrictViolation, match="append-only"):
                cursor.execute(each)
            cursor.execute("ROLLBACK")
        with (
            pytest.raises(DatabaseError),
            tenant_scope(course.tenant),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(each)
    with tenant_scope(course.tenant):
        assert list(Revision.objects.filter(plan=plan).values()) == before


def test_steps_of_what_ended_stay_as_they_are_but_for_words(
    course: Course, superuser: Any
) -> None:
    """R6: also while somebody is erased."""
    plan = completed(course, NAMED)
    forget(course)
    with tenant_scope(course.tenant):
        who = str(Contact.objects.get(account=course.account).id)
    (before,) = course.steps(plan)
    for change in ('parameters = \'{"text": "Another."}\'', "place = place + 1"):
        with superuser.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(ERASING, [str(course.tenant), who])
            with pytest.raises(psycopg2.errors.CheckViolation, match="stay as they"):
                cursor.execute(
                    f"UPDATE plans_step SET {change} WHERE plan_id = %s", [str(plan.pk)]
                )
            cursor.execute("ROLLBACK")
    (after,) = course.steps(plan)
    assert (after.parameters, after.place) == (before.parameters, before.place)


def test_an_erasure_waits_for_whoever_holds_a_plan(
    course: Course, superuser: Any
) -> None:
    """A look holds the plan, then the contact; an erasure asks in the same order."""
    plan = course.active(NAMED)

    def look() -> None:
        rows = Contact.objects.select_for_update(no_key=True)
        rows.get(account=course.account)

    while_waited_for(course, superuser, lambda: standing.held(plan.pk), look)
    assert course.read(plan).status == "DRAFT"


def test_a_plan_that_is_drafted_meanwhile_is_not_left_out(
    course: Course, superuser: Any
) -> None:
    """Its draft holds the contact, as one that it is about; what it says goes, too."""
    made: list[Plan] = []

    def draft() -> None:
        given = course.given(NAMED, objective="Win Ann over")
        by = By.person(course.caller())
        made.append(drafting.draft(given, course.account, by=by))

    while_waited_for(course, superuser, draft, lambda: None)
    assert course.read(made[0]).objective == "Win erased over"
    assert named_in(told(superuser, course, course.account)) == set()


def while_waited_for(
    course: Course,
    superuser: Any,
    begin: Callable[[], Any],
    go_on: Callable[[], Any],
) -> None:
    """An erasure comes upon a transaction: it waits until that one went on and is over."""
    begun = Event()

    def waits() -> bool:
        with superuser.cursor() as cursor:
            cursor.execute(BLOCKED)
            return bool(cursor.fetchone()[0])

    def go(number: int) -> str:
        if number:
            assert begun.wait(60)
            forget(course)
            return "ERASED"
        with tenant_scope(course.tenant):
            begin()
            begun.set()
            for _ in range(600):
                if waits():
                    break
                Event().wait(0.1)
            go_on()
        return "HELD"

    assert sorted(in_threads(2, go)) == ["ERASED", "HELD"]
