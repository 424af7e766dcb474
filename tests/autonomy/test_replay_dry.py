"""A dry run says what would be done, and can do nothing (X5)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError

from autonomy.models import (
    Effect,
)
from autonomy.perform import perform
from autonomy.replay import _untouched
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception import egress, vault
from perception.dry import dry
from perception.errors import DryRun
from tests.autonomy.conftest import Desk
from tests.autonomy.replays import (
    counts,
    failed,
    kinds,
    rehearsed,
    row_of,
    wanted,
)  # fmt: skip
from tests.autonomy.tools.peer import Integrator, bound, integrator

# What a dry run leaves behind: itself, and its entries.
LEFT = {"autonomy_replay", "ledger_entry", "ledger_pending"}


@pytest.fixture
def peer(settings: Any) -> Iterator[Integrator]:
    with integrator(settings) as made:
        yield made


def test_in_a_dry_run_nothing_can_be_done(desk: Desk, peer: Integrator) -> None:
    """X5: it holds no credentials and cannot act, whoever tries."""
    tool = bound(desk, peer.url)
    tries: list[Callable[[], Any]] = [
        lambda: vault.unseal(tool.sealed_secret),
        lambda: vault.resealed(tool.sealed_secret.encode()),
        lambda: vault.stamp("permit", b"x"),
        lambda: vault.stamps("permit", b"x"),
        lambda: egress.send("POST", peer.url, headers={}, timeout=5),
        lambda: egress.dial("127.0.0.1", peer.port, tls=False, timeout=5).__enter__(),
        lambda: egress.located("127.0.0.1", peer.port, tls=False, timeout=5),
    ]
    for each in tries:
        with dry(), pytest.raises(DryRun):
            each()
    assert peer.asked == []
    # Outside of it, the same works.
    assert vault.unseal(tool.sealed_secret)
    with tenant_scope(desk.tenant):
        with pytest.raises(DatabaseError), _untouched():
            Effect.objects.update(kind="x")
        Effect.objects.update(kind="x")


def test_dry_changes_nothing_and_says_all(desk: Desk, peer: Integrator) -> None:
    """X5: the verdict then and now, what would be sent where, and whether it may be."""
    tool = bound(desk, f"{peer.url}?key=of-ours")
    intent = failed(desk, peer)
    desk.mode("APPROVAL")
    calls, before, stood = len(peer.asked), counts(), row_of(desk, intent)
    result = rehearsed(desk, intent)
    grown = {name: n - before[name] for name, n in counts().items()}
    assert {name for name, n in grown.items() if n} == LEFT
    assert (grown["autonomy_replay"], grown["ledger_entry"]) == (1, 3)
    assert len(peer.asked) == calls
    assert vars(row_of(desk, intent)) | {"_state": None} == vars(stood) | {
        "_state": None
    }
    assert result["verdict"]["decision"] == "REQUIRE_APPROVAL"
    assert result["first"]["decision"] == "AUTO_EXECUTE"
    differs = result["differs"]
    assert differs["verdict"]["decision"] == ["AUTO_EXECUTE", "REQUIRE_APPROVAL"]
    assert differs["layers"]["mode"][1]["decision"] == "REQUIRE_APPROVAL"
    assert differs["traits"] == {}
    assert "modes" in differs["facts"]
    would = result["would"]
    assert (would["tool"], would["by"], would["kind"]) == ("hook", "tool", "KEYED")
    assert would["where"] == peer.url
    assert (would["original_key"], result["key"]) == (True, str(intent))
    assert would["request"]["account"] == str(desk.account.id)
    assert result["may_commit"] == {
        "allowed": True, "code": "", "why": "", "decision": "REQUIRE_APPROVAL",
    }  # fmt: skip
    assert "of-ours" not in str(result)
    assert tool.sealed_secret not in str(result)
    said = kinds(desk, intent)[-3:]
    assert said == ["replay.requested", "replay.started", "replay.completed"]
    with tenant_scope(desk.tenant):
        entry = Entry.objects.filter(kind="replay.requested").get()
    assert entry.data == {"commit": False, "reason": "It is back.", "status": "FAILED"}
    assert entry.actor == wanted(desk).by.stated()


@pytest.mark.parametrize(
    ("mode", "allowed"), [("AUTOPILOT", True), ("APPROVAL", True), ("DISABLED", False)]
)
def test_dry_says_whether_it_may_be_done_for_good(
    desk: Desk, peer: Integrator, mode: str, allowed: bool
) -> None:
    bound(desk, peer.url)
    intent = failed(desk, peer)
    desk.mode(mode)
    may = rehearsed(desk, intent)["may_commit"]
    assert may["allowed"] is allowed
    assert bool(may["why"]) is not allowed


def test_dry_of_what_the_house_does(desk: Desk) -> None:
    """Anything may be looked at again, what was done too."""
    intent = desk.propose().id
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    result = rehearsed(desk, intent)
    assert (result["would"]["by"], result["would"]["kind"]) == ("house", "note")
    assert result["would"]["original_key"] is False
    assert result["may_commit"]["code"] == "ALREADY_DONE"
    with tenant_scope(desk.tenant):
        assert Effect.objects.count() == 1
