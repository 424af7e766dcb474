"""N7: the doors of earned autonomy: who reads, who decides, what is refused."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from autonomy.models import Mode, Suggestion
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.records import (
    DAY,
    NOTE,
    decided,
    found,
    looked,
    mode_rows,
    regretted,
    statuses,
    with_four_eyes,
)

HERE = "learning/suggestions/"


@pytest.fixture
def earned(make_desk: Callable[..., Desk]) -> Desk:
    """A tenant with a suggestion that holds now."""
    desk = make_desk(mode="APPROVAL")
    with tenant_scope(desk.tenant):
        now = clock()
        Mode.objects.update(set_at=now - 30 * DAY)
    decided(desk, 60, at=now - 20 * DAY)
    assert looked(desk, now) == 1
    return desk


def sent(desk: Desk, role: Role, verb: str, **more: Any) -> Any:
    path = f"{HERE}{more.get('id') or found(desk)[0].id}/{verb}/"
    return desk.house.client(role).send("POST", path)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("verb", ["sign", "decline"])
def test_only_admins_decide(earned: Desk, role: Role, verb: str) -> None:
    """T2: approvers and auditors read; sellers and integrations do not even that."""
    reads = role in (Role.ADMIN, Role.APPROVER, Role.AUDITOR)
    client = earned.house.client(role)
    for path in (HERE, "learning/records/"):
        assert client.send("GET", path).status_code == (200 if reads else 403)
    answer = sent(earned, role, verb)
    if role is not Role.ADMIN:
        assert answer.status_code == 403
        assert statuses(earned) == ["OPEN"]
        assert mode_rows(earned) == {"": "APPROVAL"}
        return
    assert answer.status_code == 200
    assert answer.json()["status"] == {"sign": "SIGNED", "decline": "DECLINED"}[verb]
    assert answer.json()["decided_by"] == str(earned.admin.membership)
    assert (NOTE in mode_rows(earned)) == (verb == "sign")
    # The same again says the same; the other is refused.
    assert sent(earned, role, verb).json() == answer.json()
    other = sent(earned, role, "decline" if verb == "sign" else "sign")
    assert (other.status_code, other.json()["code"]) == (409, "SUGGESTION_DECIDED")


def test_a_suggestion_shows_its_record(earned: Desk) -> None:
    """N7: in words, and the bound as a number with its level."""
    client = earned.house.client(Role.AUDITOR)
    (shown,) = client.send("GET", f"{HERE}?status=OPEN").json()["results"]
    record = shown["record"]
    assert (shown["action_type"], record["mode"], record["to"]) == (
        NOTE, "APPROVAL", "AUTOPILOT",
    )  # fmt: skip
    assert (record["trials"], record["regrets"], record["level"]) == (60, 0, 0.95)
    assert record["lower"] >= record["threshold"] == 0.9
    assert (
        "of 60 acts that people decided, 60 went through unchanged"
        in (record["explanation"])
    )
    assert client.send("GET", f"{HERE}?status=SIGNED").json()["results"] == []
    records = {each["action_type"]: each for each in _records(earned)}
    assert records[NOTE]["says"] == "WIDEN"
    assert records["draft_email"]["says"] == "TOO_LITTLE"
    assert records["draft_email"]["lower"] is None
    assert "too little" in records["draft_email"]["explanation"]


def _records(desk: Desk) -> list[dict[str, Any]]:
    answer = desk.house.client(Role.ADMIN).send("GET", "learning/records/")
    rows: list[dict[str, Any]] = answer.json()
    return rows


def test_what_fell_is_not_signed(earned: Desk) -> None:
    with tenant_scope(earned.tenant):
        at = clock() - 9 * DAY
    regretted(earned, decided(earned, 9, at=at))
    refused = sent(earned, Role.ADMIN, "sign")
    assert (refused.status_code, refused.json()["code"]) == (409, "RECORD_FELL")
    assert mode_rows(earned) == {"": "APPROVAL"}


def test_two_sign_where_four_eyes_are_asked_for(earned: Desk) -> None:
    with_four_eyes(earned)
    first = sent(earned, Role.ADMIN, "sign")
    assert (first.status_code, first.json()["status"]) == (200, "OPEN")
    assert first.json()["first_by"] == str(earned.admin.membership)
    second = sent(earned, Role.ADMIN, "sign")
    assert (second.status_code, second.json()["code"]) == (409, "NEEDS_SECOND_PERSON")
    assert mode_rows(earned) == {"": "APPROVAL"}


@pytest.mark.parametrize("verb", ["sign", "decline"])
def test_a_foreign_suggestion_is_not_found(
    earned: Desk, make_desk: Callable[..., Desk], verb: str
) -> None:
    """T1: neither another tenant's, nor one that there is not."""
    other = make_desk(mode="APPROVAL")
    for id_ in (found(earned)[0].id, uuid4()):
        assert sent(other, Role.ADMIN, verb, id=id_).status_code == 404
    assert other.house.client(Role.ADMIN).send("GET", HERE).json()["results"] == []
    assert statuses(earned) == ["OPEN"]
    with tenant_scope(other.tenant):
        assert not Suggestion.objects.exists()
