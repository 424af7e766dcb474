"""budgets/ and usage/: how much runs by itself in a day (A11)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from autonomy.models import Budget, BudgetUse, Intent
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.api.doors import another_account, entries, errors, post, problem
from tests.autonomy.conftest import Desk

FIELDS = {
    "id", "account", "seller", "action_type", "each", "limit_per_day",
    "decay_percent", "set_at",
}  # fmt: skip
USAGE = {
    "budget", "scope", "account", "seller", "action_type", "limit", "used",
    "remaining", "day",
}  # fmt: skip


def set_limit(desk: Desk, limit: int, **scope: Any) -> Any:
    body = {**scope, "limit_per_day": limit}
    return desk.house.client(Role.ADMIN).send("POST", "budgets/", body)


def outcomes(desk: Desk, count: int, **more: Any) -> list[str]:
    """The reasons of that many proposals, one after the other."""
    return [post(desk, **more).json()["verdict"]["reason"] for _ in range(count)]


def usage(desk: Desk, query: str = "") -> list[dict[str, Any]]:
    answer = desk.house.client(Role.ADMIN).send("GET", f"budgets/usage/{query}")
    assert answer.status_code == 200
    return list(answer.json())


def used(desk: Desk) -> list[int]:
    with tenant_scope(desk.tenant):
        return sorted(BudgetUse.objects.values_list("used", flat=True))


def test_a_new_tenant_has_no_budget(make_desk: Callable[..., Desk]) -> None:
    """A11: NO_BUDGET asks a person; setting one is all that was missing."""
    desk = make_desk(limit=None)
    assert desk.house.client(Role.ADMIN).send("GET", "budgets/").json()["results"] == []
    intent = post(desk).json()
    assert intent["status"] == "AWAITING_APPROVAL"
    assert intent["verdict"]["reason"] == "NO_BUDGET"
    assert intent["verdict"]["would_be_automatic_if"] == ["a budget is set"]
    assert used(desk) == []
    made = set_limit(desk, 1)
    assert (made.status_code, set(made.json())) == (201, FIELDS)
    assert outcomes(desk, 1) == ["ALLOWED"]


def test_an_empty_budget_asks_a_person_and_drops_nothing(
    make_desk: Callable[..., Desk],
) -> None:
    """A11: BUDGET_EXHAUSTED, still waiting for somebody."""
    desk = make_desk(limit=2)
    assert outcomes(desk, 4) == ["ALLOWED"] * 2 + ["BUDGET_EXHAUSTED"] * 2
    with tenant_scope(desk.tenant):
        waiting = Intent.objects.filter(status="AWAITING_APPROVAL").count()
    assert (waiting, used(desk)) == (2, [2])
    (line,) = usage(desk)
    assert set(line) == USAGE
    assert (line["scope"], line["limit"], line["used"], line["remaining"]) == (
        "tenant", 2, 2, 0,
    )  # fmt: skip


def test_a_limit_of_none_lets_nothing_run(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(limit=0)
    assert outcomes(desk, 1) == ["BUDGET_EXHAUSTED"]
    assert used(desk) == []


def test_a_limit_below_what_is_used_and_up_again(
    make_desk: Callable[..., Desk],
) -> None:
    """A11: what was used stays used, whatever the limit becomes."""
    desk = make_desk(limit=3)
    assert outcomes(desk, 3) == ["ALLOWED"] * 3
    lowered = set_limit(desk, 1)
    assert (lowered.status_code, lowered.json()["limit_per_day"]) == (200, 1)
    assert outcomes(desk, 1) == ["BUDGET_EXHAUSTED"]
    (line,) = usage(desk)
    assert (line["used"], line["remaining"]) == (3, 0)
    set_limit(desk, 4)
    assert outcomes(desk, 2) == ["ALLOWED", "BUDGET_EXHAUSTED"]
    assert used(desk) == [4]
    stated = [dict(entry.data) for entry in entries(desk.house, "setting.changed")]
    limits = [
        (each["before"]["limit_per_day"], each["after"]["limit_per_day"])
        for each in stated
        if each["setting"] == "budget" and each["before"]
    ]
    assert limits == [(3, 1), (1, 4)]


def test_withdrawing_opens_no_fresh_day(make_desk: Callable[..., Desk]) -> None:
    """A11: withdrawn is NO_BUDGET; set again, the day goes on where it was."""
    desk = make_desk(limit=2)
    assert outcomes(desk, 2) == ["ALLOWED"] * 2
    admin = desk.house.client(Role.ADMIN)
    (row,) = admin.send("GET", "budgets/").json()["results"]
    assert admin.send("DELETE", f"budgets/{row['id']}/").status_code == 204
    assert admin.send("GET", "budgets/").json()["results"] == []
    assert problem(admin.send("GET", f"budgets/{row['id']}/")) == (404, "NOT_FOUND")
    assert outcomes(desk, 1) == ["NO_BUDGET"]
    assert set_limit(desk, 2).status_code == 201
    assert outcomes(desk, 1) == ["BUDGET_EXHAUSTED"]
    assert used(desk) == [2]


@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC", "Asia/Kathmandu"]
)
def test_another_time_zone_opens_no_fresh_day(
    make_desk: Callable[..., Desk], zone: str
) -> None:
    """A11: the running day ends where it would have ended."""
    desk = make_desk(limit=1)
    assert outcomes(desk, 2) == ["ALLOWED", "BUDGET_EXHAUSTED"]
    admin = desk.house.client(Role.ADMIN)
    for wanted in (zone, "Asia/Tokyo", zone):
        tag = admin.send("GET", "settings/")["ETag"]
        changed = admin.send("PATCH", "settings/", {"timezone": wanted}, If_Match=tag)
        assert changed.status_code == 200
        assert outcomes(desk, 1) == ["BUDGET_EXHAUSTED"]
    assert used(desk) == [1]
    (line,) = usage(desk)
    assert (line["used"], line["remaining"]) == (1, 0)
    with tenant_scope(desk.tenant):
        since = Tenant.objects.get().timezone_since
    assert since is not None
    assert since - timezone.now() < timedelta(days=1)


def test_each_gives_way_to_a_row_of_its_own(make_desk: Callable[..., Desk]) -> None:
    """A11: `each` is for every account without a row of its own."""
    desk = make_desk(limit=None)
    another_account(desk.house)
    assert set_limit(desk, 1, each="account").status_code == 201
    assert outcomes(desk, 2) == ["ALLOWED", "BUDGET_EXHAUSTED"]
    assert outcomes(desk, 2, account="other") == ["ALLOWED", "BUDGET_EXHAUSTED"]
    assert set_limit(desk, 2, account=str(desk.account.id)).status_code == 201
    assert outcomes(desk, 3) == ["ALLOWED", "ALLOWED", "BUDGET_EXHAUSTED"]
    assert outcomes(desk, 1, account="other") == ["BUDGET_EXHAUSTED"]
    assert used(desk) == [1, 1, 2]


def test_usage_of_an_account_shows_what_applies_to_it(
    make_desk: Callable[..., Desk],
) -> None:
    """A11: the rows that a verdict would look at, and no others."""
    desk = make_desk(limit=9)
    free, account = another_account(desk.house), str(desk.account.id)
    set_limit(desk, 5, each="account")
    set_limit(desk, 6, account=account)
    set_limit(desk, 7, account=str(free.id))
    set_limit(desk, 8, seller=str(desk.account.owner_id))
    set_limit(desk, 4, each="account", action_type="draft_email")
    assert outcomes(desk, 2) == ["ALLOWED"] * 2
    seen = {
        (line["scope"], line["limit"], line["used"])
        for line in usage(desk, f"?account={account}")
    }
    assert seen == {
        ("tenant", 9, 2),
        ("account", 6, 2),
        ("seller", 8, 2),
        ("account+action_type", 4, 0),
    }


def test_usage_of_what_is_not_there(desk: Desk) -> None:
    """T2: an account that the caller does not see is 404; a word is 400."""
    free = another_account(desk.house)
    seller = desk.house.client(Role.SELLER)
    for id_ in (free.id, uuid4()):
        refused = seller.send("GET", f"budgets/usage/?account={id_}")
        assert problem(refused) == (404, "NOT_FOUND")
    assert errors(seller.send("GET", "budgets/usage/?account=acme")) == {
        "account": "INVALID"
    }


def test_usage_shows_the_limit_that_counts(make_desk: Callable[..., Desk]) -> None:
    """A11: a limit that idle days have shrunk is shown as it is worth today."""
    desk = make_desk(limit=None)
    set_limit(desk, 10, decay_percent=50)
    before = timezone.now() - timedelta(days=3)
    with tenant_scope(desk.tenant):
        Budget.objects.update(set_at=before)
    assert outcomes(desk, 3) == ["ALLOWED", "ALLOWED", "BUDGET_EXHAUSTED"]
    (line,) = usage(desk)
    assert (line["limit"], line["used"], line["remaining"]) == (2, 2, 0)


def test_budgets_of_action_types_and_sellers_add_up(
    make_desk: Callable[..., Desk],
) -> None:
    """A11: all matching rows are consumed, or none."""
    desk = make_desk(limit=10)
    set_limit(desk, 1, action_type="draft_email")
    set_limit(desk, 2, each="seller")
    reasons = [
        post(desk, "draft_email").json()["verdict"]["reason"],
        post(desk, "draft_email").json()["verdict"]["reason"],
        *outcomes(desk, 2),
    ]
    assert reasons == ["ALLOWED", "BUDGET_EXHAUSTED", "ALLOWED", "BUDGET_EXHAUSTED"]
    assert used(desk) == [1, 2, 2]
