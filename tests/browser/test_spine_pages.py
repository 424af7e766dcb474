"""A story of the walk: what came, what is asked, what is in doubt, what carries it out."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from autonomy import pacing
from autonomy.execute import start
from autonomy.models import Approval, Execution, Intent, Run, Tool
from autonomy.propose import propose
from autonomy.rules.catalogue import CORE
from autonomy.settle import finish
from autonomy.steering import set_budget, set_mode
from autonomy.tools.base import End
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.intake import receive
from perception.members import person_acting
from perception.models import Account, Signal
from perception.rules.roles import Role
from tests.conftest import NOW, House

LogIn = Callable[..., None]
HERE = "/admin/autonomy"
LISTS = (
    "autonomy/run", "autonomy/approval", "autonomy/execution", "autonomy/tool",
    "autonomy/triggerrow", "autonomy/decisionbudget", "perception/connector",
)  # fmt: skip
OPENED = ("autonomy/run", "autonomy/approval", "autonomy/execution")


def _propose(house: House, account: Account, kind: str) -> Intent:
    given = {
        "action_type": kind,
        "parameters": dict(CORE[kind].example),
        "confidence": 0.9,
        "rationale": "They read the page about prices seven times this week.",
    }
    by = person_acting(house.caller(Role.ADMIN))
    now = datetime.now(UTC)
    return propose(given, account, origin="agent", by=by, member=None, now=now)


def _run(account: Account, signal: Signal, **more: object) -> Run:
    now = datetime.now(UTC)
    values = {
        "trigger": "SIGNAL_ARRIVED",
        "stage": "APPROVE",
        "status": "DONE",
        "gate_result": "ALLOW",
        "gate_reason": "ALLOWED",
        "gate_explanation": "Worth a decision now.",
        **more,
    }
    return Run.objects.create(
        tenant_id=account.tenant_id, account=account, signal_id=signal.id,
        key=uuid4().hex, due_at=now, created_at=now, updated_at=now, **values,
    )  # fmt: skip


@pytest.fixture
def walked(house: House) -> House:
    """A tenant where something ran, something waits, and something went wrong."""
    by = house.caller(Role.ADMIN)
    given = {"external_id": "acme", "name": "Acme", "owner": None}
    with tenant_scope(house.tenant):
        account = add_account(given, by=by, now=NOW)
        set_mode("AUTOPILOT", {}, by=by, now=NOW)
        set_budget({"limit_per_day": 10}, by=by, now=NOW)
        said = {
            "account": str(account.id),
            "type": "buying_signal",
            "payload": {"page": "prices", "visits": 7},
        }
        receive([said], by=person_acting(by), now=datetime.now(UTC))
        signal = Signal.objects.get()
        run = _run(account, signal)
        _run(
            account, signal, status="PARKED", stage="DECIDE", attempts=5,
            error="The synthesizer was cut off before it had answered.",
        )  # fmt: skip
        kinds = ("create_internal_note", "create_follow_up_task", "send_email")
        intents = [_propose(house, account, kind) for kind in kinds]
        Intent.objects.filter(pk__in=[each.pk for each in intents]).update(
            run_id=run.id
        )
        for each in intents[:2]:
            start(each.id)
        act = Execution.objects.select_related("intent").get(intent=intents[1])
        doubt = End(
            status=Execution.Status.IN_DOUBT, outcome={}, error="It did not answer."
        )
        finish(act, doubt, fence=act.intent.fence, at=datetime.now(UTC))
    return house


def test_an_admin_goes_through_what_waits(
    walked: House, page: Page, log_in: LogIn
) -> None:
    """U2, S5, H1, X3: parked work goes on, a question is answered, a doubt ends."""
    log_in(Role.ADMIN)
    page.goto("/admin/")
    page.get_by_role("link", name="Parked work").click()
    expect(page.get_by_text("The synthesizer was cut off")).to_be_visible()
    page.locator("#result_list a").first.click()
    page.get_by_role("button", name="Send it on again").click()
    expect(page.get_by_text("It is on its way again, from decide.")).to_be_visible()
    page.get_by_role("link", name="Waiting for people").click()
    page.locator("#result_list a").first.click()
    expect(page.get_by_role("heading", name="What would be done")).to_be_visible()
    expect(page.get_by_text("seven times this week")).to_be_visible()
    page.get_by_role("link", name="Snooze …").click()
    page.get_by_text("In four hours").click()
    page.get_by_role("button", name="Snooze").click()
    expect(page.get_by_text("Put off until").first).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: it starts as soon as it may.")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    page.get_by_role("link", name="In doubt", exact=True).first.click()
    page.locator("#result_list a").first.click()
    page.get_by_role("link", name="It was done …").click()
    page.get_by_label("How you know").fill("It is on their list.")
    page.get_by_role("button", name="It was done").click()
    expect(page.get_by_text("The doubt is over: it succeeded.")).to_be_visible()
    with tenant_scope(walked.tenant):
        assert Approval.objects.get().status == "APPROVED"
        assert not Run.objects.filter(status="PARKED").exists()
        assert not Execution.objects.filter(status="IN_DOUBT").exists()


def test_an_admin_adds_a_tool_a_connector_and_slows_a_trigger(
    house: House, page: Page, log_in: LogIn
) -> None:
    """X2, P2, G1: what carries out, what comes in, and how often it starts anything."""
    log_in(Role.ADMIN)
    page.goto(f"{HERE}/tool/")
    expect(page.get_by_text("No tool of your own")).to_be_visible()
    page.get_by_role("link", name="Add a tool").click()
    page.locator("#id_key").fill("gift-shop")
    page.get_by_label("URL").fill("https://shop.example/act")
    page.locator("#id_secret").fill("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    page.get_by_label("Calls a second, at most").fill("5")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#result_list a").first.click()
    page.get_by_role("link", name="Hold it open …").click()
    page.get_by_role("button", name="Hold it open").click()
    expect(page.get_by_text("held open by a person")).to_be_visible()
    page.goto(f"{HERE}/triggerrow/")
    page.get_by_role("link", name="Signal arrived").click()
    page.get_by_label("Cooldown, in seconds").fill("900")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("changed here")).to_be_visible()
    page.goto("/admin/perception/connector/")
    page.get_by_role("link", name="Add a connector").click()
    page.get_by_role("link", name="Webhook The system").click()
    page.get_by_label("Name").fill("CRM")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(re.compile("shown only once: whsec_"))).to_be_visible()
    with tenant_scope(house.tenant):
        assert Tool.objects.get().forced_open
        assert pacing.trigger("SIGNAL_ARRIVED")["cooldown_s"] == 900


def test_nothing_overflows_on_a_phone(walked: House, page: Page, log_in: LogIn) -> None:
    log_in(Role.ADMIN)
    page.set_viewport_size({"width": 390, "height": 844})
    too_wide = {}
    for path in LISTS:
        page.goto(f"/admin/{path}/")
        too_wide[path] = _overflow(page)
    for path in OPENED:
        page.goto(f"/admin/{path}/")
        page.locator("#result_list a").first.click()
        page.wait_for_url("**/change/")
        for details in page.locator("details").all():
            details.evaluate("each => each.open = true")
        too_wide[f"{path}/change"] = _overflow(page)
    with tenant_scope(walked.tenant):
        asked = Approval.objects.get()
    for door in ("reject", "edit", "snooze"):
        page.goto(f"{HERE}/approval/{asked.pk}/{door}/")
        too_wide[door] = _overflow(page)
    page.goto(f"{HERE}/tool/add/")
    too_wide["tool/add"] = _overflow(page)
    assert {path: by for path, by in too_wide.items() if by} == {}


def _overflow(page: Page) -> int:
    too_wide: int = page.evaluate(
        "Math.max(0, document.documentElement.scrollWidth"
        " - document.documentElement.clientWidth)"
    )
    return too_wide
