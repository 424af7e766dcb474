"""Integrators' tools: signed, paced, broken off, and changed in the open (P10, X2)."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIRequestFactory, force_authenticate

from autonomy.api.executions import Executions, OneExecution, Settle
from autonomy.api.tools import OneTool, ToolBreaker, Tools
from autonomy.errors import NoSuchTool, ToolExists
from autonomy.models import Execution, Intent, Tool
from autonomy.perform import perform
from autonomy.registry import all_types, change_type, merge, one_type
from autonomy.tools.binding import add_tool
from ledger.clock import clock
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import guards, vault
from perception.errors import NotNow
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import (
    SECRET,
    Integrator,
    approved,
    bound,
    due,
    integrator,
)
from tests.conftest import NOW
from tests.races import in_threads

GIVEN = {
    "key": "gift-shop",
    "url": "https://gifts.example/act",
    "secret": SECRET,
    "effect": "KEYED",
    "undo": False,
    "timeout_s": 5.0,
    "rate_per_s": 2.0,
}


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def _tool(desk: Desk, key: str = "hook") -> Any:
    with tenant_scope(desk.tenant):
        return Tool.objects.get(key=key)


def _set(desk: Desk, **values: Any) -> None:
    with tenant_scope(desk.tenant):
        Tool.objects.filter(key="hook").update(**values)


def _ago(desk: Desk, seconds: float) -> Any:
    with tenant_scope(desk.tenant):
        return clock() - timedelta(seconds=seconds)


def _moves(desk: Desk) -> list[tuple[str, str]]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(kind="breaker.moved").order_by("number")
        return [(row.data["before"], row.data["after"]) for row in rows]


def test_a_call_is_signed_as_standard_webhooks_has_it(
    desk: Desk, peer: Integrator
) -> None:
    """X2: v1, HMAC-SHA256 over id, time and body, with the secret's bytes."""
    bound(desk, peer.url)
    intent = approved(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    headers, body = peer.asked[0]
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mark = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mark}"
    assert headers["idempotency-key"] == headers["webhook-id"] == str(intent)
    assert headers["content-type"] == "application/json"
    with tenant_scope(desk.tenant):
        drift = int(headers["webhook-timestamp"]) - clock().timestamp()
    assert abs(drift) < 10


def test_five_failures_open_the_breaker_for_all(desk: Desk, peer: Integrator) -> None:
    """P10: then nothing starts, no permit is spent, and each comes back later."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(500)
    for _ in range(5):
        assert perform(approved(desk), tenant=desk.tenant) == "IN_DOUBT"
    waiting = approved(desk)
    assert perform(waiting, tenant=desk.tenant) == "WAITS"
    assert len(peer.asked) == 5
    opened = _tool(desk).opened_at
    with tenant_scope(desk.tenant):
        row = Intent.objects.get(pk=waiting)
        assert Execution.objects.filter(intent_id=waiting).count() == 0
    assert (row.status, row.due_at) == ("APPROVED", opened + timedelta(seconds=30))
    assert _moves(desk) == [("CLOSED", "OPEN")]


@pytest.mark.parametrize(("answer", "after"), [(200, "CLOSED"), (500, "OPEN")])
def test_exactly_one_of_twenty_probes(
    desk: Desk, peer: Integrator, answer: int, after: str
) -> None:
    """P10: after the cooldown one call goes out, whatever the rush."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(answer)
    _set(desk, opened_at=_ago(desk, 31))
    intents = [approved(desk) for _ in range(2)]

    def one(_: int) -> str:
        with tenant_scope(desk.tenant):
            try:
                probe = guards.admit(_tool_here(), probe_for=timedelta(seconds=20))
            except NotNow:
                return "NOT_NOW"
            assert probe is not None
            return "PROBE"

    assert sorted(in_threads(20, one)) == ["NOT_NOW"] * 19 + ["PROBE"]
    # The probe died; its lease ends, and the next one is a real call.
    _set(desk, probe_until=_ago(desk, 1))
    said = perform(intents[0], tenant=desk.tenant)
    assert said == ("SUCCEEDED" if answer == 200 else "IN_DOUBT")
    assert perform(intents[1], tenant=desk.tenant) == (
        "SUCCEEDED" if answer == 200 else "WAITS"
    )
    with tenant_scope(desk.tenant):
        assert guards.state_of(_tool_here(), now=clock()).value == after
    assert _moves(desk)[-1] == ("PROBING", after)


def _tool_here() -> Tool:
    return Tool.objects.get(key="hook")


def test_twenty_acts_at_once_after_the_cooldown_make_one_call(
    desk: Desk, peer: Integrator
) -> None:
    """P10: end to end, with a probe that fails."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(500)
    _set(desk, opened_at=_ago(desk, 31))
    intents = [approved(desk) for _ in range(20)]
    said = in_threads(20, lambda place: perform(intents[place], tenant=desk.tenant))
    assert sorted(said) == ["IN_DOUBT"] + ["WAITS"] * 19
    assert len(peer.asked) == 1


def test_a_rate_is_kept_by_all_together(desk: Desk, peer: Integrator) -> None:
    """S3: three a second: of twenty at once three go, the rest queue up."""
    bound(desk, peer.url, rate_per_s=3.0)
    intents = [approved(desk) for _ in range(20)]
    said = in_threads(20, lambda place: perform(intents[place], tenant=desk.tenant))
    # What the rush itself lasted may have let one or two more through.
    assert 3 <= said.count("SUCCEEDED") <= 6
    assert len(peer.asked) == said.count("SUCCEEDED")
    with tenant_scope(desk.tenant):
        waiting = Intent.objects.filter(status="APPROVED")
        moments: list[Any] = list(waiting.values_list("due_at", flat=True))
        assert Execution.objects.count() == said.count("SUCCEEDED")
    assert len(moments) == said.count("WAITS")
    assert max(moments) - min(moments) > timedelta(seconds=1)


def test_a_breaker_is_forced_and_let_go(desk: Desk, peer: Integrator) -> None:
    """P10: visible, resettable, ledgered with who did it."""
    tool = bound(desk, peer.url)
    intent = approved(desk)
    given = _ask(desk, ToolBreaker, "PATCH", {"forced_open": True}, key="hook")
    assert (given.status_code, given.data["state"]) == (200, "OPEN")
    assert perform(intent, tenant=desk.tenant) == "WAITS"
    assert peer.asked == []
    given = _ask(desk, ToolBreaker, "PATCH", {"forced_open": False}, key="hook")
    assert given.data["state"] == "CLOSED"
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    with tenant_scope(desk.tenant):
        moved = Entry.objects.filter(kind="breaker.moved").order_by("number")
        assert [row.actor["id"] for row in moved] == [str(desk.admin.membership)] * 2
        assert moved[0].subjects == {"tool": str(tool.id)}


def test_a_secret_is_sealed_and_shown_nowhere(desk: Desk) -> None:
    """T5: at rest encrypted, in the ledger and at the doors absent."""
    made = _ask(desk, Tools, "POST", GIVEN)
    assert made.status_code == 201
    assert "secret" not in made.data
    tool = _tool(desk, "gift-shop")
    assert vault.unseal(tool.sealed_secret) == SECRET
    changed = _ask(
        desk,
        OneTool,
        "PUT",
        {"secret": SECRET[:-4] + "QUJD", "undo": True},
        key="gift-shop",
        if_match=made["ETag"],
    )
    assert (changed.status_code, changed.data["undo"]) == (200, True)
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(kind="setting.changed", data__setting="tool")
        told = [row.data for row in rows.order_by("number")]
    assert SECRET not in str(told)
    assert [each["replaced"] for each in told] == [[], ["secret"]]
    assert (told[1]["before"], told[1]["after"]) == ({"undo": False}, {"undo": True})


def test_a_change_needs_the_state_it_was_made_from(desk: Desk) -> None:
    """U3: 428 without, 412 stale; a breaker that moves makes nothing stale."""
    tag = _ask(desk, Tools, "POST", GIVEN)["ETag"]
    change = {"timeout_s": 3.0}
    key = "gift-shop"
    assert _ask(desk, OneTool, "PUT", change, key=key).status_code == 428
    stale = _ask(desk, OneTool, "PUT", change, key=key, if_match='"x"')
    assert stale.status_code == 412
    _ask(desk, ToolBreaker, "PATCH", {"forced_open": True}, key=key)
    fine = _ask(desk, OneTool, "PUT", change, key=key, if_match=tag)
    assert (fine.status_code, fine.data["timeout_s"]) == (200, 3.0)
    again = _ask(desk, OneTool, "PUT", {"timeout_s": 4.0}, key=key, if_match=tag)
    assert again.status_code == 412
    assert _tool(desk, key).timeout_s == 3.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://gifts.example"},
        {"url": "https://"},
        {"url": "https://me:word@gifts.example"},
        {"url": "https://gifts.example/ü"},
        {"url": "http://[::1"},
        {"secret": "short"},
        {"secret": "whsec_AAAA"},
        {"effect": "EXACTLY_ONCE"},
        {"key": "Gift Shop"},
        {"timeout_s": 0},
        {"rate_per_s": 0},
        {"breaker": "open"},
    ],
)
def test_what_cannot_work_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    """X3: a tool declares what it is, or is not added."""
    assert _ask(desk, Tools, "POST", {**GIVEN, **wrong}).status_code == 400
    with tenant_scope(desk.tenant):
        assert Tool.objects.count() == 0


@pytest.mark.parametrize("key", ["gift-shop", "mail.send", "internal.own"])
def test_a_key_is_used_once_and_is_not_the_houses(desk: Desk, key: str) -> None:
    with tenant_scope(desk.tenant):
        add_tool(GIVEN, by=desk.admin, now=NOW)
        with pytest.raises(ToolExists):
            add_tool({**GIVEN, "key": key}, by=desk.admin, now=NOW)
        assert Tool.objects.count() == 1


@pytest.mark.parametrize(
    ("effect", "undo", "reversal", "idempotent"),
    [
        ("KEYED", True, "INVERSE", True),
        ("KEYED", False, "NONE", True),
        ("AT_MOST_ONCE", True, "INVERSE", False),
        ("AT_MOST_ONCE", False, "NONE", False),
    ],
)
def test_a_bound_type_is_what_its_tool_says(
    desk: Desk, effect: str, undo: bool, reversal: str, idempotent: bool
) -> None:
    """CONTRACT: INVERSE only with undo, idempotent only if KEYED."""
    bound(desk, "https://gifts.example", effect, undo=undo)
    with tenant_scope(desk.tenant):
        traits = one_type("create_internal_note").traits
        listed = {each.key: each.traits for each in all_types()}
    assert (traits.tool, traits.reversal, traits.idempotent) == (
        "hook",
        reversal,
        idempotent,
    )
    assert listed["create_internal_note"] == traits
    assert listed["create_follow_up_task"].reversal == "INVERSE"


def test_a_tool_that_nobody_knows_undoes_and_repeats_nothing(desk: Desk) -> None:
    """A4: what is not known stays on the safe side; and none can be bound."""
    row = {"tier": "", "tool": "gone", "min_confidence": None, "declared": None}
    found = merge("create_internal_note", row)
    assert (found.traits.reversal, found.traits.idempotent) == ("NONE", False)
    with tenant_scope(desk.tenant):
        with pytest.raises(NoSuchTool):
            change_type(
                "create_internal_note", {"tool": "gone"}, by=desk.admin, now=NOW
            )
        assert one_type("create_internal_note").traits.tool == "internal.note"


def test_executions_are_seen_and_settled(desk: Desk, peer: Integrator) -> None:
    """CONTRACT executions/: the shape, the filters, the end of a doubt."""
    bound(desk, peer.url, "AT_MOST_ONCE")
    peer.says(500)
    doubted, done = approved(desk), approved(desk, "draft_email")
    perform(doubted, tenant=desk.tenant)
    perform(done, tenant=desk.tenant)
    assert len(_ask(desk, Executions, "GET").data["results"]) == 2
    found = _ask(desk, Executions, "GET", {"status": "IN_DOUBT"}).data["results"]
    assert [row["intent"] for row in found] == [str(doubted)]
    shown = found[0]
    assert (shown["tool"], shown["attempts"]) == ("hook", 1)
    assert (shown["auto_executed"], shown["approval_source"]) == (False, "HUMAN")
    one = _ask(desk, OneExecution, "GET", pk=shown["id"])
    assert one.data == shown
    integration = {"role": Role.INTEGRATION, "pk": shown["id"]}
    hidden = _ask(desk, Settle, "POST", {"done": True}, **integration)
    assert hidden.status_code == 404
    settled = _ask(
        desk, Settle, "POST", {"done": True, "note": "Seen."}, pk=shown["id"]
    )
    assert (settled.status_code, settled.data["status"]) == (200, "SUCCEEDED")
    assert settled.data["outcome"]["settled"]["note"] == "Seen."


def _ask(
    desk: Desk,
    view: Any,
    method: str,
    body: Any = None,
    *,
    role: Role = Role.ADMIN,
    if_match: str | None = None,
    **where: Any,
) -> Any:
    """Call a door in its tenant's scope, past the table of roles."""
    headers = {"if-match": if_match} if if_match else None
    make = getattr(APIRequestFactory(), method.lower())
    request = make("/", body, headers=headers)
    force_authenticate(
        request, user=desk.house.members[role].person, token=desk.house.caller(role)
    )
    door = view.as_view(permission_classes=[], throttle_classes=[])
    with tenant_scope(desk.tenant):
        response = door(request, **where)
        response.render()
    return response
