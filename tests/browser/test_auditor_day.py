"""The day of an auditor: everything is read, nothing is changed, and one act is proven."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Page, expect

from autonomy.models import Execution, Goal, Suggestion
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.browser.guard import Guard
from tests.browser.world import World

VERIFIER = Path(__file__).parents[2] / "tools" / "verify_bundle.py"
# What somebody who reads could press, were it there.
VERBS = (
    "inbox/{asked}/approve/", "inbox/{asked}/reject/", "inbox/{asked}/snooze/",
    "inbox/{asked}/delegate/", "inbox/{asked}/answer/", "inbox/{asked}/edit/",
    "inbox/together/", "inbox/doubts/{doubt}/done/", "inbox/held/{held}/undo/",
    "inbox/runs/{parked}/retry/", "autopilot/{done}/undo/", "intents/{intent}/undo/",
    "intents/{intent}/approve/", "accounts/{account}/owner/",
    "accounts/{account}/closing/", "accounts/{account}/undo/{done}/", "goals/set/",
    "goals/{goal}/withdraw/", "goals/{goal}/help/", "plans/propose/",
    "plans/{plan}/approve/", "plans/{plan}/abort/", "stop/", "digest/undo/{done}/",
    "admin/autonomy/mode/add/", "admin/autonomy/suggestion/{suggestion}/sign/",
    "admin/autonomy/evaluation/write/", "admin/autonomy/killswitch/add/",
)  # fmt: skip


def test_an_auditor_reads_everything_and_changes_nothing(
    day: Guard, world: World, page: Page, tmp_path: Path
) -> None:
    """T2, L4, U1: no button that could be pressed, no POST that is heard; a proof."""
    day.log_in(Role.AUDITOR)
    known = _known(world)
    for path in (
        "", "inbox/", "inbox/{asked}/", "autopilot/", "accounts/", "accounts/{account}/",
        "intents/{intent}/", "runs/{parked}/", "plans/", "plans/{plan}/", "goals/",
        "digest/",
    ):  # fmt: skip
        _only_reads(day, path.format(**known))
    for path in ("", "ledger/entry/", "autonomy/killswitch/", "autonomy/mode/",
                 "autonomy/suggestion/", "autonomy/evaluation/"):  # fmt: skip
        page.goto(f"/admin/{path}")
        day.look(f"admin/{path}")
    page.goto("/")
    pass_ = page.locator("form[action='/logout/'] [name=csrfmiddlewaretoken]")
    given = {"csrfmiddlewaretoken": pass_.first.input_value(), "reason": "Mine."}
    # The pass holds: what readers may set for themselves is heard.
    own = page.request.post("/settings/notifications/", form=given, max_redirects=0)
    assert own.status == 302
    with tenant_scope(world.tenant):
        before = Entry.objects.count()
    heard = {}
    for verb in VERBS:
        answer = page.request.post(
            "/" + verb.format(**known), form=given, max_redirects=0,
            headers={"Referer": page.url},
        )  # fmt: skip
        if answer.status not in (403, 404):
            heard[verb] = answer.status
    assert heard == {}
    with tenant_scope(world.tenant):
        assert Entry.objects.count() == before
    _proves(day, known["intent"], tmp_path)


def _known(world: World) -> dict[str, Any]:
    """What is named in addresses."""
    with tenant_scope(world.tenant):
        acts = {key: Execution.objects.get(intent=world.acts[key]).pk
                for key in ("done", "doubt")}  # fmt: skip
        return {
            **acts, "asked": world.asked("yes").pk, "held": world.acts["held"].pk,
            "parked": world.parked, "intent": world.acts["done"].pk,
            "account": world.accounts["Fennimore Foods"].pk,
            "plan": world.plans["draft"].pk, "goal": Goal.objects.latest("id").pk,
            "suggestion": Suggestion.objects.get().pk,
        }  # fmt: skip


def _only_reads(day: Guard, path: str) -> None:
    """Nothing on the page could change anything."""
    page = day.page
    answer = page.goto(f"/{path}")
    assert answer is not None
    assert answer.status == 200, path
    assert page.locator("main form[method=post]").count() == 0, path
    day.look(path or "Next")


def _proves(day: Guard, intent: UUID, folder: Path) -> None:
    """What happened is proven elsewhere, with nothing but the file and the key."""
    page = day.page
    page.goto(f"/intents/{intent}/")
    expect(page.get_by_text("Proven just now")).to_be_visible()
    page.locator("#outside > summary").click()
    with page.expect_download() as brought:
        page.get_by_role("link", name="Download the proof of this act").click()
    bundle = folder / "bundle.json"
    brought.value.save_as(bundle)
    key = page.locator("#outside code").inner_text()
    checked = subprocess.run(
        [sys.executable, VERIFIER, bundle, "--key", key],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    day.log_in(Role.SELLER)
    refused = page.request.get(f"/intents/{intent}/?proof=bundle")
    assert refused.status == 404
