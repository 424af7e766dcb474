"""Who may enter the admin pages, what they see there, and what they may change."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.control_center import ControlCenter
from config.schedule import install_missing
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, tenant_scope
from perception import connectors, tenants, tokens
from perception.accounts import add_account
from perception.models import Account, ApiToken, Membership, Person, Tenant
from perception.rules.roles import Role
from tests.conftest import NOW, House

LISTS = (
    "ledger/entry", "ledger/export", "perception/tenant", "perception/membership",
    "perception/apitoken", "perception/account", "perception/opportunity",
    "perception/contact", "perception/connector",
    "autonomy/mode", "autonomy/optin", "autonomy/budget", "autonomy/actionrow",
    "autonomy/killswitch", "autonomy/bundle", "autonomy/policydata",
    "autonomy/profile", "autonomy/simulation", "autonomy/intent", "autonomy/verdict",
    "autonomy/execution", "autonomy/permit", "autonomy/receipt", "autonomy/run",
    "autonomy/approval", "autonomy/tool", "autonomy/triggerrow", "autonomy/effect",
    "autonomy/decisionbudget", "autonomy/objective", "autonomy/sloalert",
    "autonomy/undo", "autonomy/sweep", "autonomy/replay", "plans/plan",
    "autonomy/ritual", "autonomy/digest", "autonomy/ranking", "autonomy/evaluation",
    "autonomy/suggestion", "autonomy/telling",
)  # fmt: skip
BEAT = "django_celery_beat"
HOUSE_WIDE = (
    "perception/person", f"{BEAT}/periodictask", f"{BEAT}/intervalschedule",
    "autonomy/job", "autonomy/houseranking",
)  # fmt: skip


def enter(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def member(house: House, role: Role) -> Client:
    return enter(Person.objects.get(pk=house.members[role].person_id))


@pytest.fixture
def root(db: None) -> Client:
    """A superuser who is a member of no tenant."""
    email = f"root-{timezone.now().timestamp()}@house.example"
    return enter(Person.objects.create_superuser(email, "correct horse battery"))


def stated(house: House, kind: Kind) -> list[Any]:
    with tenant_scope(house.tenant):
        return list(Entry.objects.filter(kind=kind).order_by("number"))


def account_of(house: House, name: str = "Telltale Ltd") -> Account:
    given = {
        "external_id": name,
        "name": name,
        "owner": str(house.members[Role.SELLER].id),
        "opportunities": [{"external_id": "o", "stage": "discovery"}],
        "contacts": [{"external_id": "c", "name": "Somebody"}],
    }
    with tenant_scope(house.tenant):
        return add_account(given, by=house.caller(Role.ADMIN), now=NOW)


def test_the_site_is_ours_and_takes_in_no_strangers() -> None:
    assert isinstance(admin.site._wrapped, ControlCenter)  # type: ignore[attr-defined]
    known = {f"{m._meta.app_label}/{m._meta.model_name}" for m in admin.site._registry}
    assert known == {*LISTS, *HOUSE_WIDE}


def test_strangers_and_programs_are_sent_to_the_one_login(house: House) -> None:
    for client in (Client(), house.client(Role.ADMIN)):
        for path in ("/admin/", "/admin/login/", "/admin/ledger/entry/", "/admin/x/"):
            answer = client.get(path)
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/login/?next=/admin/")


@pytest.mark.parametrize("role", [Role.SELLER, Role.INTEGRATION])
def test_others_get_a_clear_page_and_no_loop(house: House, role: Role) -> None:
    client = member(house, role)
    for path in ("/admin/", "/admin/perception/account/", "/admin/ledger/entry/"):
        answer = client.get(path)
        assert answer.status_code == 403
        assert "This is not for your role." in answer.content.decode()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_overseers_read_every_list_of_their_tenant(house: House, role: Role) -> None:
    client = member(house, role)
    account_of(house)
    assert client.get("/admin/").status_code == 200
    for path in LISTS:
        assert client.get(f"/admin/{path}/", follow=True).status_code == 200, path
    for path in HOUSE_WIDE:
        assert client.get(f"/admin/{path}/").status_code == 403, path


def test_an_auditor_changes_nothing(house: House) -> None:
    client = member(house, Role.AUDITOR)
    person = house.members[Role.SELLER]
    with tenant_scope(house.tenant):
        before = Entry.objects.count()
        token = ApiToken.objects.first()
        assert token is not None
    settings = f"/admin/perception/tenant/{house.tenant}/change/"
    assert client.get(settings).status_code == 200
    for path in (
        settings,
        f"/admin/perception/membership/{person.pk}/change/",
        f"/admin/perception/membership/{person.pk}/delete/",
        "/admin/perception/membership/add/",
        "/admin/perception/apitoken/add/",
        "/admin/perception/account/add/",
        "/admin/ledger/entry/add/",
    ):
        answer = client.post(path, {"digest_hour": "3", "role": "ADMIN"})
        assert answer.status_code == 403, path
    client.post(
        "/admin/perception/apitoken/",
        {"action": "revoke_chosen", "_selected_action": [str(token.pk)]},
    )
    with tenant_scope(house.tenant):
        assert Entry.objects.count() == before
        assert Tenant.objects.get().digest_hour == 8
        assert not ApiToken.objects.exclude(revoked_at=None).exists()


def test_an_admin_cannot_write_what_the_ledger_would_not_know(house: House) -> None:
    client = member(house, Role.ADMIN)
    account = account_of(house)
    for path in (
        f"perception/account/{account.pk}/change",
        f"perception/account/{account.pk}/delete",
        "perception/account/add",
        "perception/tenant/add",
        f"perception/tenant/{house.tenant}/delete",
    ):
        answer = client.post(f"/admin/{path}/", {"name": "Other"})
        assert answer.status_code == 403, path


def test_another_tenants_rows_are_not_there(house: House, other: House) -> None:
    client, account = member(house, Role.ADMIN), account_of(other)
    for path in (
        f"/admin/perception/account/{account.pk}/change/",
        f"/admin/perception/tenant/{other.tenant}/change/",
        f"/admin/ledger/entry/{stated(other, Kind.ACCOUNT_CREATED)[0].pk}/change/",
    ):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/admin/"
    assert "Telltale" not in client.get("/admin/perception/account/").content.decode()


def test_a_superuser_without_membership_sees_the_house_and_no_tenant(
    house: House, root: Client
) -> None:
    assert root.get("/").status_code == 403
    assert root.get("/admin/").status_code == 200
    for path in HOUSE_WIDE:
        assert root.get(f"/admin/{path}/").status_code == 200, path
    for path in LISTS:
        assert root.get(f"/admin/{path}/").status_code == 403, path
    person = house.members[Role.SELLER].person
    path = f"/admin/perception/person/{person.pk}/change/"
    assert root.get(path).status_code == 200
    assert root.post(path, {"name": "Renamed"}).status_code == 302
    person.refresh_from_db()
    assert (person.name, person.is_active) == ("Renamed", False)


def test_the_timetable_refuses_a_foreign_task(root: Client) -> None:
    install_missing()
    interval = IntervalSchedule.objects.create(every=77, period="seconds")
    given = {"name": "mine", "interval": interval.pk, "enabled": "on"}
    path = "/admin/django_celery_beat/periodictask/"
    answer = root.post(f"{path}add/", {**given, "task": "os.system"})
    assert answer.status_code == 200
    assert "is not one of the available choices" in answer.content.decode()
    assert not PeriodicTask.objects.filter(name="mine").exists()
    given["args"] = '["never"]'
    assert (
        root.post(f"{path}add/", {**given, "task": "operate.seal"}).status_code == 302
    )
    made = PeriodicTask.objects.get(name="mine")
    with tenant_scope(PLATFORM):
        entry = Entry.objects.filter(kind=Kind.SETTING_CHANGED).latest("number")
    assert (entry.data["setting"], entry.data["name"]) == ("timetable", "mine")
    assert entry.data["after"]["task"] == "operate.seal"
    assert (made.task, made.args) == ("operate.seal", "[]")
    assert root.post(f"{path}{made.pk}/delete/", {"post": "yes"}).status_code == 302
    ours = PeriodicTask.objects.get(name="pulse")
    assert root.post(f"{path}{ours.pk}/delete/", {"post": "yes"}).status_code == 403
    changed = {"name": "x", "task": "operate.seal", "interval": interval.pk}
    assert root.post(f"{path}{ours.pk}/change/", changed).status_code == 302
    ours.refresh_from_db()
    assert (ours.name, ours.task, ours.interval.every) == ("pulse", "operate.pulse", 77)
    PeriodicTask.objects.filter(pk=ours.pk).delete()
    install_missing()


def test_members_come_and_change_by_the_ledger(house: House) -> None:
    client, path = member(house, Role.ADMIN), "/admin/perception/membership/"
    given = {"email": f"new@{house.slug}.example", "name": "New", "role": "SELLER"}
    assert client.post(f"{path}add/", {**given, "password": "123"}).status_code == 200
    good = {**given, "password": "correct horse battery"}
    assert client.post(f"{path}add/", good).status_code == 302
    assert "member already" in client.post(f"{path}add/", good).content.decode()
    with tenant_scope(house.tenant):
        made = Membership.objects.select_related("person").get(
            person__email=given["email"]
        )
    assert made.person.tenant_ids == [house.tenant]
    assert (
        client.post(f"{path}{made.pk}/change/", {"role": "AUDITOR"}).status_code == 302
    )
    changed = stated(house, Kind.MEMBER_CHANGED)
    assert [entry.data for entry in changed] == [
        {
            "before": {"role": "SELLER", "is_active": True},
            "after": {"role": "AUDITOR", "is_active": False},
        }
    ]
    assert changed[0].actor["id"] == str(house.members[Role.ADMIN].id)
    assert LogEntry.objects.filter(object_id=str(made.pk)).count() == 2
    made.person.refresh_from_db()
    assert made.person.tenant_ids == []
    back = {"role": "AUDITOR", "is_active": "on"}
    assert client.post(f"{path}{made.pk}/change/", back).status_code == 302
    made.person.refresh_from_db()
    assert made.person.tenant_ids == [house.tenant]


def test_nobody_changes_their_own_role(house: House) -> None:
    own, seller = house.members[Role.ADMIN], house.members[Role.SELLER]
    path = f"/admin/perception/membership/{own.pk}/change/"
    assert member(house, Role.ADMIN).post(path, {"role": "SELLER"}).status_code == 403
    with tenant_scope(house.tenant):
        same = {"role": Role.SELLER, "is_active": True}
        assert not tenants.change_member(seller.pk, **same, now=NOW)
    assert stated(house, Kind.MEMBER_CHANGED) == []


def test_a_token_is_shown_once_and_revoked_for_good(house: House) -> None:
    client, path = member(house, Role.ADMIN), "/admin/perception/apitoken/"
    program = str(house.members[Role.INTEGRATION].id)
    seller = str(house.members[Role.SELLER].id)
    refused = client.post(f"{path}add/", {"membership": seller, "days": 5})
    assert refused.status_code == 200
    answer = client.post(f"{path}add/", {"membership": program, "days": 5}, follow=True)
    text = answer.content.decode()
    assert text.count(f"aut_{house.tenant.hex}_") == 1
    shown = "aut_" + text.partition("aut_")[2].split("<")[0].strip()
    with tenant_scope(house.tenant):
        token, caller = tokens.find(shown, now=timezone.now())
    assert caller.role is Role.INTEGRATION
    assert "aut_" not in client.get(path).content.decode()
    chosen = {"action": "revoke_chosen", "_selected_action": [str(token.pk)]}
    assert client.post(path, chosen).status_code == 302
    assert stated(house, Kind.TOKEN_REVOKED)[0].subjects == {"token": str(token.pk)}


def test_no_secret_of_a_connector_is_shown(house: House) -> None:
    with tenant_scope(house.tenant):
        webhook = connectors.add_webhook("Telltale", now=NOW)
        secret = connectors.secrets_of(webhook)[0]
    path = f"/admin/perception/connector/{webhook.pk}/change/"
    page = member(house, Role.ADMIN).get(path).content.decode()
    assert "Telltale" in page
    assert secret not in page
    assert webhook.sealed_secrets not in page


def test_the_ledger_is_searched_by_id(house: House) -> None:
    account = account_of(house)
    client, path = member(house, Role.AUDITOR), "/admin/ledger/entry/"
    entry = stated(house, Kind.ACCOUNT_CREATED)[0]
    for term in (account.pk, entry.id):
        page = client.get(path, {"q": str(term)}).content.decode()
        assert "An account was added." in page
        assert "A person was given a role." not in page
    assert "An account" not in client.get(path, {"q": "nonsense"}).content.decode()
    filtered = client.get(path, {"kind__exact": "tenant.created"}).content.decode()
    assert "An account was added." not in filtered
    page = client.get(f"{path}{entry.pk}/change/").content.decode()
    assert f"/api/v1/ledger/{entry.id}/proof/" in page


@pytest.mark.parametrize("path", ["/", *(f"/admin/{path}/" for path in LISTS)])
def test_more_rows_cost_no_more_queries(house: House, path: str) -> None:
    client = member(house, Role.ADMIN)
    costs = []
    for numbers in (range(1), range(1, 13)):
        for number in numbers:
            account_of(house, f"Account {number}")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path, follow=True).status_code == 200
        costs.append(len(asked))
    assert costs[0] == costs[1] <= 20
