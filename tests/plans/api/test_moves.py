"""plans/{id}/<verb>/: every status against every verb, and who may."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger.scope import tenant_scope
from perception.accounts import change_account
from perception.rules.roles import Role
from plans.models import Step
from tests.autonomy.api.doors import problem
from tests.conftest import NOW
from tests.plans.api.doors import STATUSES, anywhere, ask, at, kept, read
from tests.plans.conftest import BRIEF, ESCALATE, Course

VERBS = {
    "approve": ("APPROVED", Role.APPROVER),
    "submit": ("APPROVED", Role.SELLER),
    "activate": ("ACTIVE", Role.SELLER),
    "pause": ("PAUSED", Role.SELLER),
    "resume": ("ACTIVE", Role.SELLER),
    "abort": ("ABORTED", Role.SELLER),
    "revise": ("DRAFT", Role.SELLER),
}
# SPEC R2, written out anew.
LEGAL = {
    ("DRAFT", "approve"), ("DRAFT", "submit"), ("DRAFT", "abort"),
    ("APPROVED", "activate"), ("APPROVED", "revise"), ("APPROVED", "abort"),
    ("ACTIVE", "pause"), ("ACTIVE", "abort"), ("ACTIVE", "revise"),
    ("PAUSED", "resume"), ("PAUSED", "abort"), ("PAUSED", "revise"),
}  # fmt: skip


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_against_every_verb(
    make_course: Callable[..., Course], status: str
) -> None:
    """R2: what the table names is 200, all else 409 ILLEGAL_MOVE, nothing changed."""
    course = make_course()
    plan = at(course, status)
    before = kept(course, plan)
    entries = len(course.entries(plan))
    for verb, (_, role) in VERBS.items():
        if (status, verb) in LEGAL:
            continue
        answer = ask(course, f"{plan.pk}/{verb}/", role)
        assert problem(answer) == (409, "ILLEGAL_MOVE"), (status, verb)
        assert status in answer.json()["detail"]
    assert kept(course, plan) == before
    assert len(course.entries(plan)) == entries
    for from_, verb in sorted(LEGAL):
        if from_ == status:
            _cleared(course, plan)
            plan = at(course, status)
            _goes(course, plan, verb)


def _goes(course: Course, plan: Any, verb: str) -> None:
    to, role = VERBS[verb]
    answer = ask(course, f"{plan.pk}/{verb}/", role, reason="So be it.")
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["id"], said["status"]) == (str(plan.pk), to)
    assert said["explanation"] == "So be it."
    moved = course.entries(plan, "plan.moved")[-1]
    assert (moved.data["from"], moved.data["to"]) == (plan.status, to)
    assert said["decided_at"] >= said["updated_at"][:26]
    again = ask(course, f"{plan.pk}/{verb}/", role)
    assert problem(again) == (409, "ILLEGAL_MOVE")


def _cleared(course: Course, plan: Any) -> None:
    """The place of its type is free again."""
    if course.read(plan).status not in ("ABORTED", "COMPLETED", "EXPIRED"):
        assert ask(course, f"{plan.pk}/abort/").status_code == 200


@pytest.mark.parametrize("to", ["complete", "expire"])
def test_nobody_completes_or_expires_a_plan_by_hand(course: Course, to: str) -> None:
    """R3: the evaluator decides; no door leads there."""
    plan = course.active()
    assert ask(course, f"{plan.pk}/{to}/", Role.ADMIN).status_code == 404
    assert course.read(plan).status == "ACTIVE"


def test_only_one_is_active(course: Course) -> None:
    """R5: the second is 409 CONFLICT_ACTIVE_PLAN and ledgered; PAUSED frees the place."""
    first, second = course.active(), course.approved()
    answer = ask(course, f"{second.pk}/activate/")
    assert problem(answer) == (409, "CONFLICT_ACTIVE_PLAN")
    (error,) = answer.json()["errors"]
    assert str(first.pk) in error["detail"]
    (refused,) = course.entries(second, "plan.refused")
    assert refused.data["violations"] == answer.json()["errors"]
    assert course.read(second).status == "APPROVED"
    assert ask(course, f"{first.pk}/pause/").status_code == 200
    assert ask(course, f"{second.pk}/activate/").status_code == 200
    answer = ask(course, f"{first.pk}/resume/")
    assert problem(answer) == (409, "CONFLICT_ACTIVE_PLAN")
    assert course.read(first).status == "PAUSED"


def test_a_repeated_key_repeats_the_answer(course: Course) -> None:
    """CONTRACT: the same key and body; a refusal that was stated is repeated too."""
    first, second = course.active(), course.approved()
    client = course.house.client(Role.SELLER)

    def send(path: str, key: str) -> Any:
        return client.send("POST", f"plans/{path}", {}, Idempotency_Key=key)

    paused = [send(f"{first.pk}/pause/", "k1") for _ in range(2)]
    assert [each.status_code for each in paused] == [200, 200]
    assert paused[0].content == paused[1].content
    assert len(course.entries(first, "plan.moved")) == 3
    course.do("resume", first)
    refused = [send(f"{second.pk}/activate/", "k2") for _ in range(2)]
    assert {problem(each) for each in refused} == {(409, "CONFLICT_ACTIVE_PLAN")}
    assert len(course.entries(second, "plan.refused")) == 1


def test_nobody_approves_what_they_proposed(course: Course) -> None:
    """R7: 403 SELF_APPROVAL for the proposer, and for whoever changed it last."""
    plan = course.draft(role=Role.APPROVER)
    answer = ask(course, f"{plan.pk}/approve/", Role.APPROVER)
    assert problem(answer) == (403, "SELF_APPROVAL")
    assert ask(course, f"{plan.pk}/approve/", Role.ADMIN).status_code == 200
    edited = course.draft()
    client = course.house.client(Role.ADMIN)
    tag = client.get(f"/api/v1/plans/{edited.pk}/")["ETag"]
    change = {"objective": "Another one."}
    path = f"plans/{edited.pk}/"
    assert client.send("PATCH", path, change, If_Match=tag).status_code == 200
    answer = ask(course, f"{edited.pk}/approve/", Role.ADMIN)
    assert problem(answer) == (403, "SELF_APPROVAL")
    assert course.read(edited).status == "DRAFT"
    assert course.entries(edited, "plan.moved") == []


def test_a_seller_needs_an_approver(course: Course) -> None:
    """R7: 403 NEEDS_APPROVER; policy takes what is of low risk, and no more."""
    plan, risky = course.draft(), course.draft(ESCALATE)
    for each in (plan, risky):
        answer = ask(course, f"{each.pk}/approve/")
        assert problem(answer) == (403, "NEEDS_APPROVER")
    answer = ask(course, f"{risky.pk}/submit/")
    assert problem(answer) == (409, "RISK_ELEVATED")
    assert course.read(risky).status == "DRAFT"
    said = ask(course, f"{plan.pk}/submit/").json()
    assert (said["status"], said["approval_source"]) == ("APPROVED", "POLICY")
    assert said["approved_by"] is None


def test_a_plan_of_somebody_else(course: Course) -> None:
    """R7: who owns the account but not the plan sees it, and takes it over first."""
    plan = course.active()
    approver = str(course.house.members[Role.APPROVER].id)
    _belongs(course, approver)
    course.look(plan)
    for verb in ("pause", "resume", "accept"):
        assert problem(ask(course, f"{plan.pk}/{verb}/")) == (404, "NOT_FOUND")
    seller = str(course.house.members[Role.SELLER].id)
    _belongs(course, seller)
    with tenant_scope(course.tenant):
        type(plan).objects.filter(pk=plan.pk).update(owner_id=approver)
    said = read(course, f"{plan.pk}/").json()
    assert said["may"]["pause"] == said["may"]["abort"] == "NOT_YOUR_PLAN"
    answer = ask(course, f"{plan.pk}/abort/")
    assert problem(answer) == (403, "NOT_YOUR_PLAN")
    assert said["status"] == "PAUSED"
    assert said["may"]["accept"] is True
    taken = ask(course, f"{plan.pk}/accept/", reason="Mine now.").json()
    assert (taken["owner"], taken["accept_by"]) == (seller, None)
    assert taken["may"]["resume"] is True


def test_whoever_is_refused_has_taken_nothing_over(course: Course) -> None:
    """R5, R7: a resume that is refused leaves the plan with whom it was."""
    seller, admin = (course.house.members[each] for each in (Role.SELLER, Role.ADMIN))
    plan = course.active()
    _belongs(course, str(admin.id))
    assert course.look(plan).status == "PAUSED"
    rival = course.do("activate", course.approved(), Role.ADMIN)
    before = kept(course, plan)
    answer = ask(course, f"{plan.pk}/resume/", Role.ADMIN)
    assert problem(answer) == (409, "CONFLICT_ACTIVE_PLAN")
    assert kept(course, plan) == before
    assert course.read(plan).owner_id == seller.id
    course.do("abort", rival, Role.ADMIN)
    said = ask(course, f"{plan.pk}/resume/", Role.ADMIN).json()
    assert (said["status"], said["reason"]) == ("ACTIVE", "RESUMED")
    assert (said["owner"], said["accept_by"]) == (str(admin.id), None)


def _belongs(course: Course, owner: str) -> None:
    with tenant_scope(course.tenant):
        course.account.refresh_from_db()
        by = course.house.caller(Role.ADMIN)
        change_account(course.account, {"owner": owner}, by=by, now=NOW)


def test_steps_are_waived_skipped_and_tried_again(course: Course) -> None:
    """R3, R6: by a person's word; what is past that is 409 STEP_NOT_OPEN."""
    plan = course.active(BRIEF, ESCALATE, ESCALATE)
    waived, skipped, failed = course.steps(plan)
    with tenant_scope(course.tenant):
        Step.objects.filter(pk=failed.pk).update(status="FAILED", failures=3)

    def do(verb: str, step: Step) -> Any:
        path = f"{plan.pk}/steps/{step.step_id}/{verb}/"
        return ask(course, path, reason="It is so.")

    said = do("waive", waived).json()
    assert said["steps"][0]["waived_by"] == str(course.house.members[Role.SELLER].id)
    assert said["progress"] == {"done": 1, "of": 3, "required_done": 1, "required": 3}
    assert do("skip", skipped).json()["steps"][1]["status"] == "SKIPPED"
    shown = do("retry", failed).json()["steps"][2]
    assert (shown["status"], shown["failures"]) == ("PENDING", 0)
    assert shown["explanation"] == "It is so."
    before = kept(course, plan)
    for verb, step in (("waive", waived), ("skip", skipped), ("retry", failed)):
        assert problem(do(verb, step)) == (409, "STEP_NOT_OPEN")
    nothing = ask(course, f"{plan.pk}/steps/{anywhere()}/skip/")
    assert problem(nothing) == (404, "NO_SUCH_STEP")
    assert kept(course, plan) == before
    draft = course.draft()
    path = f"{draft.pk}/steps/{course.steps(draft)[0].step_id}/waive/"
    assert problem(ask(course, path)) == (409, "ILLEGAL_MOVE")


def test_what_may_be_done_is_what_can_be_done(course: Course) -> None:
    """U: `may` says of each verb what its door would answer."""
    for status in ("DRAFT", "APPROVED", "ACTIVE", "PAUSED", "ABORTED"):
        plan = at(course, status)
        for role in (Role.SELLER, Role.APPROVER):
            said = read(course, f"{plan.pk}/", role).json()["may"]
            assert set(said) == {*VERBS, "edit", "accept", "waive", "skip", "retry"}
            for verb, why in said.items():
                if why is True or verb not in VERBS:
                    continue
                assert problem(ask(course, f"{plan.pk}/{verb}/", role))[1] == why
        _cleared(course, plan)
        seen = read(course, f"{plan.pk}/", Role.AUDITOR).json()["may"]
        assert set(seen.values()) == {"NOT_YOUR_PLAN"}
