"""approvals/ and feed/ at their doors: shapes, statuses, pages, roles."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Approval, Intent, Permit
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.races import in_threads

MAIL = {"subject": "After our call", "body": "Other words."}


def ask(desk: Desk, action_type: str = "send_email", **more: Any) -> UUID:
    intent = desk.propose(action_type, **more)
    with tenant_scope(desk.tenant):
        return Approval.objects.get(intent=intent).id


def send(desk: Desk, role: Role, path: str, body: Any = None) -> Any:
    method = "GET" if body is None else "POST"
    return desk.house.client(role).send(method, path, body)


def status_of(desk: Desk, approval: Any) -> tuple[str, str]:
    with tenant_scope(desk.tenant):
        asked = Approval.objects.select_related("intent").get(pk=approval)
        return asked.status, asked.intent.status


def test_a_question_shows_the_whole_of_what_would_be_done(desk: Desk) -> None:
    """H1: the full artefact, bound by its hash, with every layer's answer."""
    id_ = ask(desk)
    (listed,) = send(desk, Role.APPROVER, "approvals/").json()["results"]
    one = send(desk, Role.APPROVER, f"approvals/{id_}/").json()
    assert one == listed
    assert (one["id"], one["action_type"]) == (str(id_), "send_email")
    assert one["parameters"] == {
        "subject": "After our call",
        "body": "Here is what we agreed on.",
    }
    assert (one["status"], one["requires_role"]) == ("PENDING", "APPROVER")
    assert one["payload_hash"].startswith("sha256:")
    assert one["verdict"]["decision"] == "REQUIRE_APPROVAL"
    assert len(one["verdict"]["layers"]) == 10
    assert (one["decided_by"], one["decided_at"]) == (None, None)


def test_yes_answers_with_the_time_and_repeats_itself(desk: Desk) -> None:
    """H1: 200 and the same answer for the same person, 409 for everybody else."""
    id_ = ask(desk)
    first = send(desk, Role.APPROVER, f"approvals/{id_}/approve/", {})
    assert first.status_code == 200
    said = first.json()
    assert (said["status"], said["decided_by"]) == (
        "APPROVED",
        str(desk.house.members[Role.APPROVER].id),
    )
    assert said["decided_at"]
    again = send(desk, Role.APPROVER, f"approvals/{id_}/approve/", {})
    assert (again.status_code, again.json()) == (200, said)
    late = send(desk, Role.ADMIN, f"approvals/{id_}/approve/", {})
    assert (late.status_code, late.json()["code"]) == (409, "ALREADY_DECIDED")
    assert said["decided_by"] in late.json()["detail"]
    assert status_of(desk, id_) == ("APPROVED", "APPROVED")


def test_many_clicks_at_the_door(desk: Desk) -> None:
    """H1: one decision, one permit, clear answers."""
    id_ = ask(desk)
    roles = (Role.APPROVER, Role.ADMIN)
    path = f"approvals/{id_}/approve/"
    codes = in_threads(20, lambda n: send(desk, roles[n % 2], path, {}).status_code)
    assert set(codes) == {200, 409}
    assert codes.count(200) == 10
    with tenant_scope(desk.tenant):
        assert Permit.objects.count() == 1


def test_a_hash_that_is_not_what_stands_is_a_moved_target(desk: Desk) -> None:
    """H1."""
    id_ = ask(desk)
    body = {"payload_hash": "sha256:old"}
    said = send(desk, Role.APPROVER, f"approvals/{id_}/approve/", body)
    assert (said.status_code, said.json()["code"]) == (409, "MOVED_TARGET")
    assert status_of(desk, id_) == ("PENDING", "AWAITING_APPROVAL")


def test_edit_then_approve(desk: Desk) -> None:
    """H1: the answer to an edit is what is asked now; the old words are kept."""
    id_ = ask(desk)
    new = send(desk, Role.APPROVER, f"approvals/{id_}/edit/", {"parameters": MAIL})
    assert new.status_code == 200
    said = new.json()
    assert (said["status"], said["parameters"]) == ("PENDING", MAIL)
    assert said["id"] != str(id_)
    (change,) = said["edits"]
    assert change["before"]["body"] == "Here is what we agreed on."
    assert change["after"] == MAIL
    old = send(desk, Role.APPROVER, f"approvals/{id_}/").json()
    assert (old["status"], old["parameters"]) == ("WITHDRAWN", change["before"])
    body = {"payload_hash": said["payload_hash"]}
    done = send(desk, Role.ADMIN, f"approvals/{said['id']}/approve/", body)
    assert done.json()["status"] == "APPROVED"
    assert status_of(desk, id_) == ("WITHDRAWN", "APPROVED")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("reject", {}),
        ("reject", {"cause": "mood"}),
        ("edit", {}),
        ("edit", {"parameters": {"subject": ""}}),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}),
        ("snooze", {"until": "soon"}),
        ("delegate", {"to": ""}),
        ("approve", {"sure": True}),
        ("approve", {"payload_hash": "x" * 72}),
    ],
)
def test_what_cannot_be_read_decides_nothing(
    desk: Desk, verb: str, body: dict[str, Any]
) -> None:
    """U3: a clear 400."""
    id_ = ask(desk)
    said = send(desk, Role.APPROVER, f"approvals/{id_}/{verb}/", body)
    assert said.status_code == 400, said.content
    assert status_of(desk, id_) == ("PENDING", "AWAITING_APPROVAL")


def test_whose_decision_it_is(desk: Desk) -> None:
    """T2, H2: 403 for the wrong role, 404 for what is not there for the caller."""
    id_ = ask(desk)
    path = f"approvals/{id_}/approve/"
    said = send(desk, Role.SELLER, path, {})
    assert (said.status_code, said.json()["code"]) == (403, "NEEDS_APPROVER")
    for role in (Role.AUDITOR, Role.INTEGRATION):
        assert send(desk, role, path, {}).status_code == 403
    assert send(desk, Role.INTEGRATION, "approvals/").status_code == 403
    assert (
        send(desk, Role.ADMIN, f"approvals/{uuid4()}/approve/", {}).status_code == 404
    )
    assert status_of(desk, id_) == ("PENDING", "AWAITING_APPROVAL")
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)
        mine = desk.house.members[Role.ADMIN].id
        Intent.objects.update(proposed_by_id=mine)
    said = send(desk, Role.ADMIN, path, {})
    assert (said.status_code, said.json()["code"]) == (403, "SELF_APPROVAL")


def test_another_tenant_and_another_seller_find_nothing(make_desk: Any) -> None:
    """T1, T2: 404, and nothing in any list."""
    desk, other = make_desk(), make_desk()
    id_ = ask(desk, "send_follow_up_email")
    path = f"approvals/{id_}/"
    for verb, body in (("approve/", {}), ("reject/", {"cause": "idea"}), ("", None)):
        assert send(other, Role.ADMIN, path + verb, body).status_code == 404
    with tenant_scope(desk.tenant):
        desk.account.owner = None
        desk.account.save(update_fields=["owner"])
    assert send(desk, Role.SELLER, path).status_code == 404
    assert send(desk, Role.SELLER, path + "approve/", {}).status_code == 404
    for list_ in ("approvals/", "feed/next/", "feed/inbox/", "feed/autopilot/"):
        assert send(desk, Role.SELLER, list_).json()["results"] == []
        assert send(other, Role.ADMIN, list_).json()["results"] == []
    assert status_of(desk, id_) == ("PENDING", "AWAITING_APPROVAL")


def test_a_refusal_that_ends_the_question_stays(desk: Desk) -> None:
    """H1, U3: what is blocked by now has ended, and a repeated request says the same."""
    id_ = ask(desk)
    desk.mode("DISABLED")
    client = desk.house.client(Role.APPROVER)
    path = f"approvals/{id_}/approve/"
    first = client.send("POST", path, {}, Idempotency_Key="once")
    assert (first.status_code, first.json()["code"]) == (409, "NO_LONGER_ALLOWED")
    assert status_of(desk, id_) == ("WITHDRAWN", "BLOCKED")
    again = client.send("POST", path, {}, Idempotency_Key="once")
    assert (again.status_code, again.json()) == (409, first.json())


def test_many_at_once(desk: Desk) -> None:
    """H1: how many were decided, and of each other one, why not."""
    first, second, stale = (ask(desk) for _ in range(3))
    send(desk, Role.ADMIN, f"approvals/{stale}/reject/", {"cause": "external"})
    ids = [str(first), str(second), str(stale)]
    body = {"ids": ids, "decision": "approve"}
    said = send(desk, Role.APPROVER, "approvals/bulk/", body).json()
    assert said["decided"] == 2
    (refused,) = said["refused"]
    assert (refused["id"], refused["code"]) == (str(stale), "ALREADY_DECIDED")
    assert status_of(desk, first) == ("APPROVED", "APPROVED")
    mixed = [str(ask(desk)), str(ask(desk, "contact_customer"))]
    body = {"ids": mixed, "decision": "reject", "cause": "idea"}
    said = send(desk, Role.APPROVER, "approvals/bulk/", body).json()
    assert said["decided"] == 0
    assert {each["code"] for each in said["refused"]} == {"MIXED"}
    assert status_of(desk, mixed[0])[0] == "PENDING"


def test_lists_are_narrowed_and_paged(desk: Desk) -> None:
    """U3: filters by noun, cursors both ways, no item twice and none left out."""
    ids = [str(ask(desk)) for _ in range(5)]
    other = str(ask(desk, "send_follow_up_email"))
    found = send(desk, Role.ADMIN, "approvals/?action_type=send_follow_up_email")
    assert [each["id"] for each in found.json()["results"]] == [other]
    assert send(desk, Role.ADMIN, "approvals/?status=APPROVED").json()["results"] == []
    assert (
        send(desk, Role.ADMIN, f"approvals/?account={uuid4()}").json()["results"] == []
    )
    for list_ in ("approvals/", "feed/next/", "feed/inbox/"):
        page = send(desk, Role.ADMIN, f"{list_}?limit=2&action_type=send_email").json()
        seen = [each["id"] for each in page["results"]]
        assert page["previous"] is None
        while page["next"]:
            follow = page["next"].partition("/api/v1/")[2]
            page = send(desk, Role.ADMIN, follow).json()
            seen += [each["id"] for each in page["results"]]
        assert len(seen) == len(set(seen))
        assert set(ids) <= set(seen)
        back = send(desk, Role.ADMIN, page["previous"].partition("/api/v1/")[2]).json()
        assert {each["id"] for each in back["results"]} <= set(seen)


def test_the_three_lists_of_the_day(desk: Desk) -> None:
    """U1: one shape for all, each with why, and what would have let it run."""
    id_ = ask(desk, "send_follow_up_email")
    (item,) = send(desk, Role.SELLER, "feed/next/").json()["results"]
    assert (item["kind"], item["id"], item["can_decide"]) == (
        "approval",
        str(id_),
        True,
    )
    assert item["why"]
    assert item["would_be_automatic_if"]
    (waits,) = send(desk, Role.SELLER, "feed/inbox/").json()["results"]
    assert waits == item
    narrow = send(desk, Role.SELLER, f"feed/inbox/?account={uuid4()}")
    assert narrow.json()["results"] == []
    assert send(desk, Role.SELLER, "feed/inbox/?account=x").status_code == 400
    assert send(desk, Role.SELLER, "feed/autopilot/").json()["results"] == []


def test_how_people_decide_is_counted_for_those_who_oversee(desk: Desk) -> None:
    """H5: waved through is shown as such; who decides does not grade themselves."""
    ids = [ask(desk) for _ in range(11)]
    edit = {"parameters": MAIL}
    changed = send(desk, Role.APPROVER, f"approvals/{ids[0]}/edit/", edit).json()["id"]
    for id_ in (changed, *ids[1:]):
        send(desk, Role.APPROVER, f"approvals/{id_}/approve/", {})
    slow = ask(desk, "send_proposal")
    with tenant_scope(desk.tenant):
        asked = Approval.objects.get(pk=slow)
        Approval.objects.filter(pk=slow).update(
            asked_at=asked.asked_at.replace(year=asked.asked_at.year - 1)
        )
    send(desk, Role.APPROVER, f"approvals/{slow}/reject/", {"cause": "idea"})
    said = send(desk, Role.AUDITOR, "approvals/oversight/")
    high, medium = said.json()
    assert {high["approver"]} == {str(desk.house.members[Role.APPROVER].id)}
    assert (high["risk"], high["decisions"], high["approved"]) == ("HIGH", 1, 0)
    assert high["median_seconds"] > 300 * 86400
    assert high["median_dwell_seconds"] is None
    assert (high["glanced"], high["rubber_stamp"]) == (0.0, False)
    assert (medium["risk"], medium["decisions"]) == ("MEDIUM", 11)
    assert medium["edited"] == pytest.approx(1 / 11)
    assert (medium["glanced"], medium["rubber_stamp"]) == (1.0, True)
    assert medium["most_in_an_hour"] in (11, 12)
    for role in (Role.SELLER, Role.APPROVER, Role.INTEGRATION):
        assert send(desk, role, "approvals/oversight/").status_code == 403
    with tenant_scope(desk.tenant):
        for id_, seconds in zip(ids[1:4], (4.0, 8.0, 400.0), strict=True):
            Approval.objects.filter(pk=id_).update(dwell_seconds=seconds)
    medium = send(desk, Role.AUDITOR, "approvals/oversight/").json()[1]
    assert medium["median_dwell_seconds"] == 8.0
    assert medium["glanced"] == pytest.approx(8 / 11)
    past = "approvals/oversight/?from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z"
    assert send(desk, Role.ADMIN, past).json() == []


@pytest.mark.parametrize("path", ["approvals/", "feed/next/", "feed/inbox/"])
def test_a_longer_page_costs_no_more_statements(desk: Desk, path: str) -> None:
    """Constant queries."""
    send(desk, Role.APPROVER, path)
    counts = []
    for more in (1, 5):
        for _ in range(more):
            ask(desk)
        with CaptureQueriesContext(connection) as seen:
            assert send(desk, Role.APPROVER, path).status_code == 200
        counts.append(len(seen))
    assert counts[0] == counts[1]
