"""Who sees the pages of governance, what they may do there, and what pages cost."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin as pages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autonomy import policies, steering
from autonomy.models import (
    Approval,
    Budget,
    Bundle,
    Digest,
    Effect,
    Evaluation,
    Execution,
    Intent,
    KillSwitch,
    Mode,
    OptIn,
    Permit,
    PolicyData,
    Profile,
    Ranking,
    Receipt,
    Replay,
    Ritual,
    Run,
    Simulation,
    SloAlert,
    Suggestion,
    Sweep,
    Telling,
    Tool,
    Undo,
    Verdict,
)
from autonomy.rules.switches import Scope
from ledger.models import Entry
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import (
    alert,
    fill,
    member,
    narrower,
    parked,
    press,
    simulated,
    tool,
)
from tests.autonomy.conftest import Desk

MODELS = (
    Mode, OptIn, Budget, KillSwitch, Bundle, PolicyData, Profile, Simulation, Intent,
    Verdict, Execution, Permit, Receipt, Run, Replay, Approval, Tool, SloAlert,
    Effect, Undo, Sweep, Ritual, Ranking, Evaluation, Suggestion, Digest, Telling,
)  # fmt: skip
WHOLE = ("actionrow", "triggerrow", "decisionbudget", "objective")
LISTS = (*(str(model._meta.model_name) for model in MODELS), *WHOLE)
# For superusers, outside of every tenant.
HOUSE_WIDE = ("job", "houseranking")
# What approvers come to as well: what they decide, the acts that are in doubt, and the
# policy, since they can be the second person.
DECIDED = ("approval", "execution", "undo", "sweep", "bundle")
ADDS = (
    "mode", "optin", "budget", "actionrow", "killswitch", "bundle", "policydata",
    "simulation", "tool",
)  # fmt: skip
DOORS = (
    ("mode", Mode, "unset"),
    ("mode", Mode, "preview"),
    ("budget", Budget, "withdraw"),
    ("killswitch", KillSwitch, "release"),
    ("bundle", Bundle, "activate"),
    ("profile", Profile, "sign"),
    ("profile", Profile, "withdraw"),
    ("run", Run, "retry"),
    ("approval", Approval, "approve"),
    ("approval", Approval, "reject"),
    ("approval", Approval, "edit"),
    ("approval", Approval, "snooze"),
    ("execution", Execution, "done"),
    ("execution", Execution, "undone"),
    ("execution", Execution, "replay"),
    ("execution", Execution, "lookup"),
    ("execution", Execution, "undo"),
    ("undo", Undo, "done"),
    ("undo", Undo, "failed"),
    ("replay", Replay, "commit"),
    ("suggestion", Suggestion, "sign"),
    ("suggestion", Suggestion, "decline"),
    ("ranking", Ranking, "promote"),
    ("ranking", Ranking, "retire"),
    ("tool", Tool, "hold"),
    ("tool", Tool, "reset"),
)


def ones(desk: Desk) -> list[str]:
    """The page of one of everything."""
    with tenant_scope(desk.tenant):
        keys = [(model, model.objects.order_by("pk").first()) for model in MODELS]
    return [f"{model._meta.model_name}/{row.pk}/change" for model, row in keys]


def test_every_model_of_steering_has_its_page() -> None:
    known = {
        model._meta.model_name
        for model in pages.site._registry
        if model._meta.app_label == "autonomy"
    }
    assert known == {*LISTS, *HOUSE_WIDE}


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_overseers_read_every_page(governed: Desk, role: Role) -> None:
    client = member(governed.house, role)
    assert "Kill switch" in client.get("/admin/").content.decode()
    paths = [*LISTS, *ones(governed), "actionrow/send_gift_card/change"]
    paths += ["triggerrow/MANUAL/change", f"decisionbudget/{governed.tenant}/change"]
    for path in (*paths, "actionrow/modify_discount/change"):
        answer = client.get(f"/admin/autonomy/{path}/", follow=True)
        assert answer.status_code == 200, path
        assert "They asked us to wait." in answer.content.decode(), path


def test_an_empty_tenant_has_every_page_too(desk: Desk) -> None:
    client = member(desk.house, Role.ADMIN)
    for path in LISTS:
        answer = client.get(f"/admin/autonomy/{path}/", follow=True)
        assert answer.status_code == 200, path
    page = client.get("/admin/autonomy/profile/").content.decode()
    assert "No profile is offered: every outreach asks a person." in page


@pytest.mark.parametrize("role", [Role.SELLER, Role.APPROVER, Role.INTEGRATION])
def test_others_see_nothing(governed: Desk, role: Role) -> None:
    client = member(governed.house, role)
    for path in (*LISTS, *ones(governed), *(f"{each}/add" for each in ADDS)):
        shown = path.split("/")[0] in DECIDED and not path.endswith("/add")
        if role is Role.APPROVER and shown:
            continue
        assert client.get(f"/admin/autonomy/{path}/").status_code == 403, path


def test_an_auditor_changes_nothing(governed: Desk) -> None:
    client = member(governed.house, Role.AUDITOR)
    with tenant_scope(governed.tenant):
        before = Entry.objects.count()
    paths = [*(f"{each}/add" for each in ADDS), "mode/preview", "bundle/roll-back"]
    paths += [f"actionrow/{key}/change" for key in ("send_email", "send_gift_card")]
    paths += [path for path in ones(governed) if path.startswith(("mode", "budget"))]
    paths += ["triggerrow/MANUAL/change", f"decisionbudget/{governed.tenant}/change"]
    for name, model, door in DOORS:
        with tenant_scope(governed.tenant):
            row: Any = model.objects.order_by("pk").first()
        paths.append(f"{name}/{row.pk}/{door}")
    for path in paths:
        given = {"mode": "AUTOPILOT", "tier": "HARD_STOP", "reason": "x", "agreed": "y"}
        answer = client.post(f"/admin/autonomy/{path}/", given)
        assert answer.status_code == 403, path
    for path in paths:
        page = client.get(f"/admin/autonomy/{path}/").content.decode()
        assert 'class="gv-button' not in page, path
    with tenant_scope(governed.tenant):
        assert Entry.objects.count() == before


def test_nobody_writes_past_the_verbs(governed: Desk) -> None:
    client = member(governed.house, Role.ADMIN)
    for path in ones(governed):
        name = path.split("/")[0]
        assert client.post(f"/admin/autonomy/{path[:-6]}delete/").status_code == 403
        if name not in ADDS:
            assert client.get(f"/admin/autonomy/{name}/add/").status_code == 403
        if name not in ("mode", "optin", "budget", "tool"):
            answer = client.post(f"/admin/autonomy/{path}/", {"status": "SUCCEEDED"})
            assert answer.status_code == 403, path


def test_another_tenants_rows_are_not_there(
    desk: Desk, make_desk: Callable[..., Desk]
) -> None:
    theirs = make_desk()
    fill(theirs)
    client = member(desk.house, Role.ADMIN)
    paths = [f"/admin/autonomy/{path}/" for path in ones(theirs)]
    for name, model, door in DOORS:
        with tenant_scope(theirs.tenant):
            row: Any = model.objects.order_by("pk").first()
        paths.append(f"/admin/autonomy/{name}/{row.pk}/{door}/")
    paths.append("/admin/autonomy/actionrow/send_gift_card/change/")
    for path in paths:
        answer = client.get(path)
        gone = "preview" in path
        assert answer.status_code == (404 if gone else 302), path
        assert gone or answer.headers["Location"] == "/admin/", path
        refused = client.post(path, {"reason": "x"}).status_code
        assert refused in (302, 403, 404), path
    for path in LISTS:
        page = client.get(f"/admin/autonomy/{path}/").content.decode()
        assert "They asked us to wait." not in page
        assert "send gift card" not in page


def more(desk: Desk, number: int) -> None:
    """Another row of everything that there can be many of."""
    now = timezone.now()
    given = {"external_id": f"a{number}", "name": f"Account {number}", "owner": None}
    with tenant_scope(desk.tenant):
        account = add_account(given, by=desk.admin, now=now)
        steering.set_opt_in(True, account.id, by=desk.admin, now=now)
        plain = narrower()
        plain["clauses"][1]["explanation"] = f"Version {number}."
        policies.save_bundle(plain, by=desk.admin, now=now)
        data = {**policies.data_in_force(), "amount_caps": {"default": float(number)}}
        policies.save_data(data, by=desk.admin, now=now)
    desk.mode("APPROVAL", account=account.id)
    desk.budget(number + 1, account=account.id)
    desk.propose()
    desk.propose("send_email")
    parked(desk)
    alert(desk, tool(desk, f"shop-{number}").key)
    simulated(desk)
    press(desk, Scope.ACCOUNT, str(account.id), "Wait.")


def test_more_rows_cost_no_more_queries(governed: Desk) -> None:
    client = member(governed.house, Role.ADMIN)
    costs: dict[str, list[int]] = {path: [] for path in LISTS}
    counted: list[str] = []
    for numbers in (range(1), range(1, 13)):
        for number in numbers:
            more(governed, number)
        for path, seen in costs.items():
            with CaptureQueriesContext(connection) as asked:
                answer = client.get(f"/admin/autonomy/{path}/", follow=True)
                assert answer.status_code == 200
            seen.append(len(asked))
            counted += [
                query["sql"]
                for query in asked
                if query["sql"].startswith("SELECT COUNT")
            ]
    assert {path: seen for path, seen in costs.items() if seen[0] != seen[1]} == {}
    assert max(seen[0] for seen in costs.values()) <= 20
    big = (
        "autonomy_run",
        "autonomy_approval",
        "autonomy_intent",
        "autonomy_verdict",
        "autonomy_execution",
        "ledger_entry",
    )
    assert [sql for sql in counted if any(table in sql for table in big)] == []
