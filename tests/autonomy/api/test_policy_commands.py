"""policy: what operators do by command (A10, A13, A14)."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from autonomy.models import Activation, Bundle, Profile
from autonomy.policies import in_force
from autonomy.policy import shipped
from ledger.models import Entry
from ledger.scope import tenant_scope
from tests.autonomy.api.commands import Run, refused, runner
from tests.autonomy.api.small import NARROWER, SMALL, WIDER, ship_small
from tests.autonomy.conftest import Desk


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(capsys)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Bundles in files; the small one is as shipped."""
    ship_small(monkeypatch)
    odd = {**SMALL, "clauses": [{**SMALL["clauses"][0], "condition": "a &&\n b"}]}
    failing = {**SMALL, "tests": [{"given": {}, "expect": {"decision": "BLOCK"}}]}
    held = {"small": SMALL, "narrower": NARROWER, "wider": WIDER, "odd": odd,
            "failing": failing, "list": [1], "long": {**NARROWER, "name": "x" * 100}}  # fmt: skip
    for name, plain in held.items():
        (tmp_path / name).write_text(yaml.safe_dump(plain))
    (tmp_path / "text").write_text("{[")
    return {each.name: str(each) for each in tmp_path.iterdir()}


def bound(desk: Desk, role: str = "admin") -> tuple[str, ...]:
    slug = desk.house.slug
    return ("--tenant", slug, "--as", f"{role}@{slug}.example")


def version(desk: Desk) -> str:
    with tenant_scope(desk.tenant):
        held = in_force()
        return held.bundle.version if held else "shipped"


def test_a_bundle_is_tested(files: dict[str, str], run: Run) -> None:
    """A10, A14."""
    said = run("policy", "test", files["small"], files["wider"])
    assert said.endswith("2 tests pass, all theorems hold.")
    assert "tests[0]: decision is AUTO_EXECUTE, not BLOCK" in refused(
        "policy", "test", files["failing"]
    )


def test_the_shipped_bundle_is_tested(run: Run) -> None:
    """A10."""
    assert run("policy", "test") == (
        f"auto_approval_v1 ({shipped().version[:19]}): "
        f"{len(shipped().tests)} tests pass, all theorems hold."
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "/nowhere: No such file or directory."),
        ("text", "cannot be read"),
        ("list", "holds no bundle"),
        ("odd", "clauses[0].condition, line 1, column 1: undeclared reference"),
    ],
)
def test_files_that_hold_no_bundle(files: dict[str, str], name: str, said: str) -> None:
    """A10: with line and column; a person can mend it from that."""
    with pytest.raises(CommandError) as found:
        call_command("policy", "test", files.get(name, "/nowhere"))
    assert said in str(found.value)


def test_narrowing_by_command_and_back(
    desk: Desk, files: dict[str, str], run: Run
) -> None:
    """A10: signed with a name."""
    kept = run("policy", "save", files["narrower"], *bound(desk)).split()[-1]
    said = run("policy", "activate", "--version", kept, *bound(desk))
    assert (said, version(desk)) == (f"{kept} is in force", kept)
    listed = run("policy", "list", "--tenant", desk.house.slug).splitlines()
    assert [line.strip()[:1] for line in listed] == ["*", "s"]
    run("policy", "rollback", *bound(desk))
    assert version(desk) == "shipped"
    assert "NothingToRollBack" not in refused("policy", "rollback", *bound(desk))
    with tenant_scope(desk.tenant):
        entry = Entry.objects.get(kind="policy.activated")
        assert entry.actor == {"type": "person", "id": str(desk.admin.membership)}


def test_widening_by_command_takes_a_simulation_and_two_persons(
    desk: Desk, files: dict[str, str], run: Run
) -> None:
    """A10: simulate and activate are enough; nothing else has to be used between."""
    desk.propose()
    kept = run("policy", "save", files["wider"], *bound(desk)).split()[-1]
    words = ("policy", "activate", "--version", kept)
    assert "needs a completed simulation" in refused(*words, *bound(desk))
    tried = json.loads(
        run("policy", "simulate", "--tenant", desk.house.slug, "--bundle",
            files["wider"], "--json")
    )  # fmt: skip
    assert (tried["judged"], tried["unevaluable"]) == (1, 0)
    assert "another person must activate it" in run(*words, *bound(desk))
    refused(*words, *bound(desk))
    run(*words, *bound(desk, "approver"))
    assert version(desk) == kept


def test_an_approver_signs_and_does_nothing_else(
    desk: Desk, files: dict[str, str], run: Run
) -> None:
    """T2: by command no more than through the door."""
    kept = run("policy", "save", files["narrower"], *bound(desk)).split()[-1]
    for words in (
        ("save", files["wider"]),
        ("activate", "--version", kept),
        ("rollback",),
    ):
        refused("policy", *words, *bound(desk, "approver"))
    with tenant_scope(desk.tenant):
        assert (Bundle.objects.count(), Activation.objects.count()) == (1, 0)


@pytest.mark.parametrize("role", ["seller", "auditor", "integration", "nobody"])
def test_who_may_not_touch_policy(desk: Desk, files: dict[str, str], role: str) -> None:
    """T2."""
    refused("policy", "save", files["narrower"], *bound(desk, role))
    refused("policy", "rollback", *bound(desk, role))
    with tenant_scope(desk.tenant):
        assert not Bundle.objects.exists()


def test_a_simulation_by_command(desk: Desk, run: Run) -> None:
    """A13: the report in words, with its matrix."""
    for key in ("draft_email", "send_email", "commit_pricing"):
        desk.propose(key)
    words = ("policy", "simulate", "--tenant", desk.house.slug)
    assert run(*words).startswith("3 intents judged, 0 could not be, 0 differ.")
    said = run(*words, "--mode", "ASSIST")
    assert said.startswith("3 intents judged, 0 could not be, 1 differ.")
    assert "approvals saved: -1" in said


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "--tenant", "nobody"),
        ("simulate", "--tenant", "{slug}", "--from", "yesterday"),
        ("simulate", "--tenant", "{slug}", "--mode", "YOLO"),
        ("simulate", "--tenant", "{slug}", "--days", "-1"),
        ("activate", "--version", "sha256:x", "--tenant", "{slug}", "--as", "{admin}"),
        ("save", "{long}", "--tenant", "{slug}", "--as", "{admin}"),
        ("profile", "--tenant", "{slug}", "--action-type", "draft_email"),
        ("profile", "--tenant", "{slug}", "--action-type", "nosuch"),
        ("profile", "--tenant", "{slug}", "--action-type", "send_chat_message",
         "--hold", "-5"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_line(
    desk: Desk, files: dict[str, str], words: tuple[str, ...]
) -> None:
    """Operators: one clear line, and nothing was changed."""
    given: dict[str, Any] = {"slug": desk.house.slug, "long": files["long"],
                             "admin": f"admin@{desk.house.slug}.example"}  # fmt: skip
    refused("policy", *(word.format(**given) for word in words))
    with tenant_scope(desk.tenant):
        assert not Bundle.objects.exists()
        assert not Profile.objects.exists()


def test_a_profile_is_installed_by_command(desk: Desk, run: Run) -> None:
    """A5: an admin signs it; until then it lifts nothing."""
    words = ("--tenant", desk.house.slug, "--action-type", "send_chat_message")
    said = run("policy", "profile", *words, "--hold", "120")
    assert said.endswith(f"an admin of {desk.house.slug} signs it")
    with tenant_scope(desk.tenant):
        made = Profile.objects.get()
        assert (made.hold_seconds, made.signed_at) == (120, None)
