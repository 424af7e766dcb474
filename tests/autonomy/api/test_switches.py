"""kill-switches/: stop, let go in stages, prove the stop (A1)."""

import base64
from typing import Any
from uuid import uuid4

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection
from django.test.utils import CaptureQueriesContext

from autonomy.execute import start
from autonomy.models import Board, Execution, KillSwitch
from ledger.rules.canonical import canonical
from ledger.rules.note import parse_verifier_key
from ledger.scope import tenant_scope
from ledger.signing import public_key
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, entries, errors, post, problem
from tests.autonomy.conftest import Desk
from tests.conftest import House

FIELDS = {
    "id", "scope", "target", "reason", "status", "engaged_by", "committed_at",
    "release_reason", "released_by", "released_at", "full_at",
}  # fmt: skip
NOT_THERE = (404, "NO_SUCH_SCOPE")
CERTIFICATE = {
    "kill_switch", "scope", "target", "since", "committed_at", "released_at",
    "acts_before", "in_flight", "acts_after", "latency_ms", "signature",
}  # fmt: skip


def engage(desk: Desk, scope: str = "tenant", target: str = "", **more: Any) -> Any:
    body = {"scope": scope, "reason": "Wrong prices.", **more}
    if target:
        body["target"] = target
    return desk.house.client(Role.ADMIN).send("POST", "kill-switches/engage/", body)


def release(desk: Desk, id_: str, **more: Any) -> Any:
    body = {"id": id_, "reason": "Mended.", **more}
    return desk.house.client(Role.ADMIN).send("POST", "kill-switches/release/", body)


def verdict(desk: Desk, **more: Any) -> tuple[str, str]:
    intent = post(desk, **more).json()
    return intent["verdict"]["reason"], intent["status"]


def switches(house: House) -> int:
    with tenant_scope(house.tenant):
        return KillSwitch.objects.count()


def test_stopped_released_in_stages_and_free_again(desk: Desk) -> None:
    """A1: BLOCK, then only proposed, then full; each step is stated with its actor."""
    made = engage(desk)
    assert made.status_code == 201
    shown = made.json()
    assert set(shown) == FIELDS
    assert (shown["status"], shown["target"]) == ("ENGAGED", "")
    assert verdict(desk) == ("KILL_SWITCH", "BLOCKED")
    back = release(desk, shown["id"])
    assert (back.status_code, back.json()["status"]) == (200, "RETURNING")
    assert back.json()["committed_at"] == shown["committed_at"]
    assert verdict(desk) == ("KILL_SWITCH_RETURNING", "AWAITING_APPROVAL")
    ended = release(desk, shown["id"])
    assert (ended.status_code, ended.json()["status"]) == (200, "RELEASED")
    assert verdict(desk) == ("ALLOWED", "APPROVED")
    assert problem(release(desk, shown["id"])) == (409, "NOT_ENGAGED")
    me = {"type": "person", "id": str(desk.house.members[Role.ADMIN].id)}
    (on,) = entries(desk.house, "kill_switch.engaged")
    off = entries(desk.house, "kill_switch.released")
    assert [each.actor for each in (on, *off)] == [me] * 3
    assert on.data["reason"] == "Wrong prices."
    assert {each.data["reason"] for each in off} == {"Mended."}
    assert on.at.isoformat()[:26] == shown["committed_at"][:26]


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ("account", "{account}"),
        ("seller", "{seller}"),
        ("action_type", " Create_Internal_Note "),
        ("tool", "internal.note"),
        ("connector", "internal"),
    ],
)
def test_a_scope_stops_what_it_covers_and_no_more(
    desk: Desk, scope: str, target: str
) -> None:
    """A1."""
    another_account(desk.house)
    desk.budget(50)
    named = target.format(account=desk.account.id, seller=desk.account.owner_id)
    made = engage(desk, scope, named).json()
    assert verdict(desk) == ("KILL_SWITCH", "BLOCKED")
    elsewhere = (
        {"account": "other"}
        if scope in ("account", "seller")
        else {"action_type": "create_follow_up_task"}
    )
    free = (
        ("KILL_SWITCH", "BLOCKED") if scope == "connector" else ("ALLOWED", "APPROVED")
    )
    assert verdict(desk, **elsewhere) == free
    release(desk, made["id"], hold_seconds=0)
    assert verdict(desk) == ("ALLOWED", "APPROVED")


def test_two_switches_must_both_be_released(desk: Desk) -> None:
    """A1: what two people stopped, one does not let go."""
    first, second = engage(desk).json(), engage(desk).json()
    release(desk, first["id"], hold_seconds=0)
    assert verdict(desk) == ("KILL_SWITCH", "BLOCKED")
    release(desk, second["id"], hold_seconds=0)
    assert verdict(desk) == ("ALLOWED", "APPROVED")


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"scope": "global", "reason": "x"}, "scope", "INVALID_CHOICE"),
        ({"scope": "planet", "reason": "x"}, "scope", "INVALID_CHOICE"),
        ({"scope": "tenant"}, "reason", "REQUIRED"),
        ({"scope": "tenant", "reason": "  "}, "reason", "BLANK"),
        ({"scope": "tenant", "reason": "x" * 301}, "reason", "MAX_LENGTH"),
        ({"scope": "tool", "target": "x" * 65, "reason": "x"}, "target", "MAX_LENGTH"),
        ({"scope": "tenant", "reason": "x", "at": "now"}, "at", "UNKNOWN_FIELD"),
    ],
)
def test_what_stops_nothing_is_refused(
    still: Desk, body: dict[str, str], field: str, code: str
) -> None:
    refused = still.house.client(Role.ADMIN).send("POST", "kill-switches/engage/", body)
    assert errors(refused) == {field: code}
    assert switches(still.house) == 0


@pytest.mark.parametrize(
    ("scope", "target", "refusal"),
    [
        ("tenant", "x", (400, "NEEDS_TARGET")),
        ("account", "", (400, "NEEDS_TARGET")),
        ("account", "nobody", NOT_THERE),
        ("account", "{foreign}", NOT_THERE),
        ("seller", "{foreign}", NOT_THERE),
        ("tool", "internl.note", NOT_THERE),
        ("connector", "internl", NOT_THERE),
        ("action_type", "draft_mail", NOT_THERE),
        ("plan_type", "RENEWAL_DEFENCE", NOT_THERE),
    ],
)
def test_a_target_must_be_there_to_be_found(
    desk: Desk, other: House, scope: str, target: str, refusal: tuple[int, str]
) -> None:
    """A1: somebody who presses it and misspells must not believe that it stopped."""
    theirs = another_account(other)
    refused = engage(desk, scope, target.format(foreign=theirs.id))
    assert problem(refused) == refusal
    assert switches(desk.house) == 0


def test_a_long_name_is_no_fault_of_the_house(desk: Desk) -> None:
    """A1: folding may lengthen it."""
    assert engage(desk, "action_type", "ß" * 64).status_code < 500


def test_who_may_press_it(desk: Desk, other: House) -> None:
    """T1, T2: admins of the tenant; another tenant's switch is not there."""
    made = engage(desk).json()
    for role in (Role.SELLER, Role.APPROVER, Role.AUDITOR, Role.INTEGRATION):
        client = desk.house.client(role)
        for path, body in (
            ("engage", {"scope": "tenant", "reason": "x"}),
            ("release", {"id": made["id"], "reason": "x"}),
        ):
            refused = client.send("POST", f"kill-switches/{path}/", body)
            assert problem(refused) == (403, "PERMISSION_DENIED")
    stranger = other.client(Role.ADMIN)
    for id_ in (made["id"], str(uuid4())):
        body = {"id": id_, "reason": "x"}
        refused = stranger.send("POST", "kill-switches/release/", body)
        assert problem(refused) == (404, "NOT_FOUND")
        path = f"kill-switches/{id_}/certificate/"
        assert problem(stranger.send("GET", path)) == (404, "NOT_FOUND")
    assert switches(desk.house) == 1
    assert verdict(desk) == ("KILL_SWITCH", "BLOCKED")


def test_the_certificate_says_what_the_switch_met_and_is_signed(desk: Desk) -> None:
    """A1: acts before, those in flight, none after; offline, with the public key."""
    before, waiting = desk.propose(), desk.propose()
    with tenant_scope(desk.tenant):
        assert start(before.id).execution
    made = engage(desk).json()
    with tenant_scope(desk.tenant):
        assert start(waiting.id).reason == "STOPPED"
        execution = Execution.objects.get()
    path = f"kill-switches/{made['id']}/certificate/"
    shown = desk.house.client(Role.AUDITOR).send("GET", path).json()
    assert set(shown) == CERTIFICATE
    assert (shown["acts_before"], shown["acts_after"]) == (1, 0)
    assert shown["in_flight"] == [{"execution": str(execution.id), "status": "STARTED"}]
    assert 0 <= shown["latency_ms"] < 1000
    assert shown["committed_at"][:26] == made["committed_at"][:26]
    text, _, lines = shown.pop("signature").partition("\n\n")
    assert text.encode() == canonical(shown)
    assert orjson.loads(text) == shown
    key = parse_verifier_key(public_key())
    _, name, encoded = lines.strip().split(" ")
    blob = base64.b64decode(encoded, validate=True)
    assert (name, blob[:4]) == (key.name, key.key_id)
    Ed25519PublicKey.from_public_bytes(key.public).verify(
        blob[4:], text.encode() + b"\n"
    )


def test_a_board_that_is_gone_stops_everything(desk: Desk, superuser: Any) -> None:
    """A1: unreadable state counts as on."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "DELETE FROM autonomy_board WHERE tenant_id = %s", [str(desk.tenant)]
        )
    assert verdict(desk) == ("KILL_SWITCH_UNREADABLE", "BLOCKED")
    made = engage(desk).json()
    release(desk, made["id"], hold_seconds=0)
    with tenant_scope(desk.tenant):
        assert Board.objects.get().epoch == 2


def test_the_list_is_newest_first_and_costs_the_same(desk: Desk) -> None:
    reader, counts, ids = desk.house.client(Role.AUDITOR), [], []
    for number in range(8):
        ids.insert(0, engage(desk, "tool", "internal.note").json()["id"])
        if number in (0, 7):
            reader.send("GET", "kill-switches/")
            with CaptureQueriesContext(connection) as seen:
                reader.send("GET", "kill-switches/")
            counts.append(len(seen))
    rows = reader.send("GET", "kill-switches/").json()["results"]
    assert [row["id"] for row in rows] == ids
    assert counts[0] == counts[1]
    assert all(set(row) == FIELDS for row in rows)


def test_a_seller_sees_no_switch_or_act_of_other_accounts(desk: Desk) -> None:
    """T2: neither the switch of an account that is not theirs, nor acts on it."""
    free = another_account(desk.house)
    by_account = engage(desk, "account", str(free.id)).json()
    seller = desk.house.client(Role.SELLER)
    listed = seller.send("GET", "kill-switches/").content.decode()
    shown = seller.send("GET", f"kill-switches/{by_account['id']}/certificate/")
    assert str(free.id) not in listed
    assert str(free.id) not in shown.content.decode()
