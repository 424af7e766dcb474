"""H1: inbox/ has the shape of LangGraph's Agent Inbox, and its answers are decisions."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.models import Approval
from autonomy.rules.agent_inbox import cause_of, escaped, restored
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk

WORDS = {"subject": "After our call", "body": "Other words."}


def ask(desk: Desk, action_type: str = "send_email", **more: Any) -> UUID:
    intent = desk.propose(action_type, **more)
    with tenant_scope(desk.tenant):
        return Approval.objects.get(intent=intent).id


def get(desk: Desk, role: Role, path: str = "inbox/") -> Any:
    return desk.house.client(role).send("GET", path)


def answer(desk: Desk, id_: Any, body: Any, role: Role = Role.APPROVER) -> Any:
    return desk.house.client(role).send("POST", f"inbox/{id_}/", body)


def rows(desk: Desk) -> list[Approval]:
    with tenant_scope(desk.tenant):
        return list(Approval.objects.select_related("intent").order_by("id"))


def action(id_: UUID, desk: Desk, **args: Any) -> dict[str, Any]:
    (shown,) = get(desk, Role.APPROVER).json()["results"]
    assert shown["id"] == str(id_)
    request: dict[str, Any] = shown["action_request"]
    return {**request, "args": {**request["args"], **args}}


def test_a_question_is_a_human_interrupt(desk: Desk) -> None:
    """Exactly its keys, with what tells it from others besides."""
    id_ = ask(desk, rationale="Look ![](https://evil.example/x) *here*")
    (shown,) = get(desk, Role.APPROVER).json()["results"]
    assert shown["action_request"] == {
        "action": "send_email",
        "args": {
            "subject": "After our call",
            "body": "Here is what we agreed on.",
        },
    }
    assert shown["config"] == {
        "allow_accept": True,
        "allow_edit": True,
        "allow_respond": True,
        "allow_ignore": True,
    }
    assert "Acme" in shown["description"]
    assert "![](" not in shown["description"]
    assert get(desk, Role.APPROVER, f"inbox/{id_}/").json() == shown


@pytest.mark.parametrize("args", [None, "shown"])
def test_accept_approves_what_was_shown(desk: Desk, args: Any) -> None:
    id_ = ask(desk)
    given = None if args is None else action(id_, desk)
    said = answer(desk, id_, {"type": "accept", "args": given})
    assert said.status_code == 200
    told = said.json()
    assert (told["id"], told["type"], told["status"]) == (
        str(id_),
        "accept",
        "APPROVED",
    )
    assert told["intent_status"] == "APPROVED"
    assert answer(desk, id_, {"type": "accept"}).json() == told
    assert get(desk, Role.APPROVER).json()["results"] == []


def test_accept_of_other_words_than_stand_is_refused(desk: Desk) -> None:
    id_ = ask(desk)
    for given in (
        action(id_, desk, subject="Something else"),
        {**action(id_, desk), "action": "send_proposal"},
    ):
        said = answer(desk, id_, {"type": "accept", "args": given})
        assert (said.status_code, said.json()["code"]) == (409, "MOVED_TARGET")
    assert rows(desk)[0].status == "PENDING"


def test_edit_changes_it_has_it_judged_again_and_approves_that(desk: Desk) -> None:
    """H1: the edit is kept, the old question is withdrawn, the new one is approved."""
    id_ = ask(desk)
    given = {"type": "edit", "args": action(id_, desk, **WORDS)}
    # LangGraph's client sends a list of one.
    told = answer(desk, id_, [given]).json()
    old, new = rows(desk)
    assert (old.status, new.status) == ("WITHDRAWN", "APPROVED")
    assert told["id"] == str(new.id)
    assert (told["status"], told["detail"]) == ("APPROVED", "")
    assert new.intent.parameters["body"] == "Other words."
    assert len(new.edits) == 1


def test_with_four_eyes_an_edit_waits_for_somebody_else(desk: Desk) -> None:
    with tenant_scope(desk.tenant):
        Tenant.objects.update(four_eyes=True)
    id_ = ask(desk)
    given = {"type": "edit", "args": action(id_, desk, **WORDS)}
    told = answer(desk, id_, given).json()
    assert told["status"] == "PENDING"
    assert told["detail"]
    (shown,) = get(desk, Role.APPROVER).json()["results"]
    assert shown["config"]["allow_accept"] is False
    assert shown["config"]["allow_ignore"] is True
    assert answer(desk, told["id"], {"type": "accept"}).status_code == 403
    other = answer(desk, told["id"], {"type": "accept"}, Role.ADMIN)
    assert other.json()["status"] == "APPROVED"


@pytest.mark.parametrize(
    ("body", "cause", "note"),
    [
        ({"type": "ignore", "args": None}, "timing", "Ignored in an inbox of agents."),
        ({"type": "ignore"}, "timing", "Ignored in an inbox of agents."),
        ({"type": "response", "args": "Not like this"}, "idea", "Not like this"),
        ({"type": "response", "args": "external: They know"}, "external", "They know"),
    ],
)
def test_a_response_and_ignoring_reject(
    desk: Desk, body: Any, cause: str, note: str
) -> None:
    """Nothing is done, it leaves the list, and the text is kept as the reason."""
    id_ = ask(desk)
    told = answer(desk, id_, body).json()
    assert (told["status"], told["intent_status"]) == ("REJECTED", "REJECTED")
    (row,) = rows(desk)
    assert (row.cause, row.note) == (cause, note)
    assert get(desk, Role.APPROVER).json()["results"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "approve"},
        {"type": "edit"},
        {"type": "edit", "args": "words"},
        {"type": "edit", "args": {"action": "send_email"}},
        {"type": "response", "args": " "},
        {"type": "response"},
        {"type": "accept", "args": "yes"},
        {"type": "accept", "more": 1},
        [],
        [{"type": "accept"}, {"type": "accept"}],
    ],
)
def test_what_has_another_shape_is_refused(desk: Desk, body: Any) -> None:
    id_ = ask(desk)
    said = answer(desk, id_, body)
    assert said.status_code == 400
    assert rows(desk)[0].status == "PENDING"


@pytest.mark.parametrize("role", list(Role))
def test_every_role_sees_and_answers_what_is_theirs(desk: Desk, role: Role) -> None:
    """Auditors read and cannot answer; sellers cannot approve what needs an approver."""
    id_ = ask(desk)
    listed, said = get(desk, role), answer(desk, id_, {"type": "accept"}, role)
    if role is Role.INTEGRATION:
        assert (listed.status_code, said.status_code) == (403, 403)
    else:
        (shown,) = listed.json()["results"]
        may = role in (Role.APPROVER, Role.ADMIN)
        assert shown["config"]["allow_accept"] is may
        assert (said.status_code == 200) is may
    done = role in (Role.APPROVER, Role.ADMIN)
    assert (rows(desk)[0].status == "APPROVED") is done


def test_what_is_not_there_or_another_tenants_is_404(
    desk: Desk, make_desk: Any
) -> None:
    id_ = ask(make_desk())
    for each in (id_, uuid4()):
        for body in (
            {"type": "accept"},
            {"type": "edit", "args": {"action": "send_email", "args": {}}},
        ):
            assert answer(desk, each, body).status_code == 404
        assert get(desk, Role.ADMIN, f"inbox/{each}/").status_code == 404


def test_pages_hold_and_cost_the_same_however_many_wait(desk: Desk) -> None:
    """Cursor pages; a constant number of queries."""
    counted, found = [], []
    get(desk, Role.APPROVER)
    for _ in range(2):
        for _ in range(3):
            ask(desk)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = get(desk, Role.APPROVER).json()["results"]
        counted.append(len(queries))
    assert counted[0] == counted[1]
    assert len(found) == 6
    first = get(desk, Role.APPROVER, "inbox/?limit=4").json()
    rest = desk.house.client(Role.APPROVER).get(first["next"]).json()
    ids = [each["id"] for each in (*first["results"], *rest["results"])]
    assert ids == [each["id"] for each in found]


def test_the_same_key_answers_the_same(desk: Desk) -> None:
    id_ = ask(desk)
    client = desk.house.client(Role.APPROVER)
    body, key = {"type": "response", "args": "No"}, {"Idempotency_Key": "once"}
    first = client.send("POST", f"inbox/{id_}/", body, **key)
    again = client.send("POST", f"inbox/{id_}/", body, **key)
    assert first.json() == again.json()
    assert len(rows(desk)) == 1


def test_text_becomes_what_it_was() -> None:
    """That inbox sends every argument as text."""
    shown = {"days": 3, "to": ["a"], "note": "3", "on": True}
    given = {"days": "4", "to": '["b"]', "note": "4", "on": "no", "new": "5"}
    assert restored(given, shown) == {
        "days": 4,
        "to": ["b"],
        "note": "4",
        "on": "no",
        "new": "5",
    }
    assert cause_of("Timing : after summer") == ("timing", "after summer")
    assert cause_of("see: this") == ("idea", "see: this")
    assert escaped("# [a](b)\n\n<i>") == r"\# \[a\]\(b\) \<i\>"
