"""undos/ and the doors beside it: who may take what back, and what they are told."""

from datetime import timedelta
from typing import Any

import pytest

from autonomy.models import ContextField, Effect, Execution, Intent, Undo
from autonomy.perform import perform
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, entries, problem
from tests.autonomy.conftest import Desk

FIELD = {"field": "champion", "value": "Ann"}


def did(
    desk: Desk, action_type: str = "update_account_context", **more: Any
) -> Execution:
    if action_type == "update_account_context":
        more = {"parameters": FIELD, **more}
    intent = desk.propose(action_type, **more)
    assert perform(intent.id, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent=intent)


def ask(desk: Desk, path: str, role: Role = Role.SELLER, **given: Any) -> Any:
    return desk.house.client(role).send("POST", path, given)


@pytest.mark.parametrize("role", [Role.SELLER, Role.APPROVER, Role.ADMIN])
def test_owner_approver_and_admin_take_back(desk: Desk, role: Role) -> None:
    """CONTRACT: undo/ {reason?} by the owner of the account, APPROVER, ADMIN."""
    act = did(desk)
    answer = ask(desk, f"executions/{act.id}/undo/", role, reason="Wrong name.")
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert (said["id"], said["status"]) == (str(act.id), "UNDONE")
    assert (said["undo"]["status"], said["undo"]["proof"]) == ("DONE", "HOUSE")
    (entry,) = entries(desk.house, "execution.undone")
    assert entry.actor["type"] == "person"
    with tenant_scope(desk.tenant):
        assert not ContextField.objects.exists()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.INTEGRATION])
def test_others_do_not(desk: Desk, role: Role) -> None:
    act = did(desk)
    assert ask(desk, f"executions/{act.id}/undo/", role).status_code == 403
    with tenant_scope(desk.tenant):
        assert not Undo.objects.exists()
        assert ContextField.objects.exists()


def test_a_seller_does_not_reach_anothers_account(desk: Desk) -> None:
    """T2: what is not theirs is not there."""
    other = another_account(desk.house)
    act = did(Desk(desk.house, other))
    assert problem(ask(desk, f"executions/{act.id}/undo/")) == (404, "NOT_FOUND")


def test_a_conflict_is_a_409_and_is_kept(desk: Desk) -> None:
    """X4: it says so, changes nothing, and what was found can be read."""
    act = did(desk)
    with tenant_scope(desk.tenant):
        ContextField.objects.update(value="Eve")
    answer = ask(desk, f"executions/{act.id}/undo/")
    assert problem(answer) == (409, "UNDO_CONFLICT")
    reader = desk.house.client(Role.SELLER)
    (row,) = reader.get(f"/api/v1/undos/?execution={act.id}").json()["results"]
    assert row["status"] == "CONFLICT"
    assert row["found"] == {"field": "champion", "value": "Eve", "there": True}
    assert reader.get(f"/api/v1/undos/{row['id']}/").json() == row
    stands = reader.get(f"/api/v1/executions/{act.id}/undo/").json()
    assert stands["can"] is True
    assert [each["id"] for each in stands["undos"]] == [row["id"]]
    with tenant_scope(desk.tenant):
        assert ContextField.objects.get().value == "Eve"


def test_a_second_time_is_refused_in_words(desk: Desk) -> None:
    act = did(desk, "create_internal_note")
    assert ask(desk, f"executions/{act.id}/undo/").status_code == 200
    answer = ask(desk, f"executions/{act.id}/undo/")
    assert problem(answer) == (409, "CANNOT_UNDO")
    assert "taken back already" in answer.json()["detail"]


def test_everything_since_of_an_account(desk: Desk) -> None:
    """X4: POST undos/sweeps/, then what became of each."""
    with tenant_scope(desk.tenant):
        since = clock()
    act = did(desk)
    given = {"since": since.isoformat(), "account": str(desk.account.id)}
    answer = ask(desk, "undos/sweeps/", reason="A bad morning.", **given)
    assert answer.status_code == 202, answer.content
    sweep = answer.json()
    assert (sweep["status"], sweep["ended"]) == ("RUNNING", {"REQUESTED": 1})
    reader = desk.house.client(Role.AUDITOR)
    assert reader.get(f"/api/v1/undos/sweeps/{sweep['id']}/").json() == sweep
    assert reader.get("/api/v1/undos/sweeps/").json()["results"] == [sweep]
    (row,) = reader.get(f"/api/v1/undos/?sweep={sweep['id']}").json()["results"]
    assert row["execution"] == str(act.id)


def test_only_an_admin_takes_back_everybodys(desk: Desk) -> None:
    given = {"since": "2026-01-01T00:00:00Z", "reason": "All."}
    assert ask(desk, "undos/sweeps/", Role.APPROVER, **given).status_code == 403
    assert ask(desk, "undos/sweeps/", Role.ADMIN, **given).status_code == 202
    with tenant_scope(desk.tenant):
        ahead = (clock() + timedelta(days=1)).isoformat()
    late = ask(desk, "undos/sweeps/", Role.ADMIN, since=ahead, reason="All.")
    assert problem(late) == (400, "NOTHING_SINCE")


def test_a_held_act_is_called_off(desk: Desk) -> None:
    """A5: within the hold it can be pulled back; afterwards it says why not."""
    intent = desk.propose("create_internal_note")
    answer = ask(desk, f"intents/{intent.id}/retract/", reason="Not now.")
    assert answer.status_code == 200
    assert answer.json()["proof"] == "RETRACTED"
    with tenant_scope(desk.tenant):
        assert Intent.objects.get(pk=intent.pk).status == "CANCELLED"
        assert not Effect.objects.exists()
    again = ask(desk, f"intents/{intent.id}/retract/")
    assert problem(again) == (409, "CANNOT_RETRACT")
