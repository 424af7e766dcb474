"""P5, P9: a source that is asked about one account at a time, by the real scheduler."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from ledger.scope import tenant_scope
from perception.models import Cursor, Pull, Signal
from perception.rules.roles import Role
from perception.scheduler import tick
from tests.conftest import NOW
from tests.perception.sources.servers import Said, Web
from tests.perception.watching.conftest import Watch

pytestmark = pytest.mark.usefixtures("alone")


def answer(path: str, headers: Any) -> Said:
    """Two pages about crm-0, one about crm-1, and nothing about anybody else."""
    if headers["Authorization"] != "Bearer hush":
        return 401, {}, b"{}"
    account, _, page = path.removeprefix("/of/").partition("?page=")
    rows = {"crm-0": [1, 2], "crm-1": [3]}.get(account)
    if rows is None:
        return 404, {}, b"{}"
    at = int(page or 1) - 1
    found = [{"id": each, "type": "news", "title": f"n{each}"} for each in rows]
    stray = [{"id": 9, "account": "crm-1", "type": "news"}]
    more = stray if account == "crm-0" and at == 0 else []
    return 200, {}, json.dumps([*found[at : at + 1], *more]).encode()


@pytest.fixture
def there(settings: Any) -> Iterator[Web]:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    made = Web(answer)
    yield made
    made.close()


def connect(watch: Watch, there: Web) -> Any:
    config = {
        "url": there.url() + "of/{account}",
        "pages": {"by": "page", "parameter": "page"},
        "fields": {"id": "id", "account": "account", "type": "type"},
        "auth": "bearer",
    }
    return watch.connect("lookup", config=config)


def test_each_account_that_is_due_is_asked_about_with_its_own_cursor(
    make_watch: Callable[..., Watch], there: Web
) -> None:
    """P5, P7, P9: due, a pull for each, signals and a cursor of each alone."""
    watch = make_watch(3)
    connector = connect(watch, there)
    assert tick(now=NOW).admitted == 3
    accounts = {each.id: each.external_id for each in watch.accounts()}
    assert {accounts[pull.account_id] for pull in watch.pulls() if pull.account_id} == {
        "crm-0", "crm-1", "crm-2",
    }  # fmt: skip
    for pull in watch.pulls():
        assert watch.run(pull.id) == "DONE"
    with tenant_scope(watch.tenant):
        kept = Signal.objects.values_list("account__external_id", "payload__title")
        assert sorted(kept) == [("crm-0", "n1"), ("crm-0", "n2"), ("crm-1", "n3")]
        assert set(Signal.objects.values_list("connector_id", "source")) == {
            (connector, "lookup")
        }
        of = Cursor.objects.filter(connector_id=connector)
        assert {each.account_id for each in of} == set(accounts)
        told = dict(Pull.objects.values_list("account__external_id", "error"))
    # What named another account was told, and so was who is not known there.
    assert told["crm-0"] == "1 thing could not be kept. Item 2 names another account."
    assert told["crm-1"] == ""
    assert told["crm-2"].startswith("1 thing could not be kept. ")
    assert told["crm-2"].endswith(" has nothing about crm-2 (404).")
    assert watch.connector(connector).failures == []


def test_an_account_shows_how_it_is_watched(
    make_watch: Callable[..., Watch], there: Web
) -> None:
    """U3, P7: when next and why, and each pull with the reason that let it out."""
    watch = make_watch(3)
    connector = connect(watch, there)
    admin = watch.house.client(Role.ADMIN)
    first, _, quiet = watch.accounts()
    shown = admin.send("GET", f"accounts/{first.id}/").json()
    assert shown["seen_at"] is None
    assert shown["watch"].endswith(" because it was never looked at")
    assert admin.send("GET", f"accounts/{first.id}/pulls/").json()["results"] == []

    tick(now=NOW)
    for pull in watch.pulls():
        watch.run(pull.id)
    shown = admin.send("GET", f"accounts/{quiet.id}/").json()
    assert shown["seen_at"]
    assert "because COLD, every " in shown["watch"]
    (pull,) = admin.send("GET", f"accounts/{first.id}/pulls/").json()["results"]
    assert pull["connector"] == str(connector)
    assert (pull["depth"], pull["status"], pull["signals"]) == ("SHALLOW", "DONE", 2)
    assert (pull["reason"], pull["unmatched"]) == ("ADMITTED", 0)
    assert pull["explanation"].startswith("It goes out at ")
    assert pull["error"].endswith("Item 2 names another account.")
    assert "hush" not in json.dumps(pull)
    later = {"next_poll_at": NOW + timedelta(hours=1), "seen_at": NOW}
    watch.move(heat_tier="WARM", **later)
    said = admin.send("GET", "accounts/").json()["results"]
    assert all("because WARM, sooner than every 6 h" in each["watch"] for each in said)


def test_pulls_are_seen_by_whoever_sees_the_account(
    make_watch: Callable[..., Watch],
) -> None:
    """T3: a seller's own accounts, and nobody's of another tenant."""
    watch, other = make_watch(1), make_watch(1)
    path = f"accounts/{watch.accounts()[0].id}/pulls/"
    for role, status in (
        (Role.ADMIN, 200), (Role.AUDITOR, 200), (Role.APPROVER, 200),
        (Role.SELLER, 404), (Role.INTEGRATION, 403),
    ):  # fmt: skip
        assert watch.house.client(role).send("GET", path).status_code == status
    assert other.house.client(Role.ADMIN).send("GET", path).status_code == 404
    watch.move(owner_id=watch.house.members[Role.SELLER].id)
    assert watch.house.client(Role.SELLER).send("GET", path).status_code == 200
