"""N5, N6, U2: models and reports in the admin: looked at, moved through the registry."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from autonomy.learning import registry
from autonomy.models import Evaluation, HouseRanking, Intent, Ranking
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import learned, member, stated
from tests.autonomy.conftest import Desk
from tests.autonomy.learning.seller import seller_at

LIST = "/admin/autonomy/ranking/"
REPORTS = "/admin/autonomy/evaluation/"
DAY = timedelta(days=1)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_a_model_is_tried_refused_and_says_why(desk: Desk, admin: Client) -> None:
    """N5: through the registry, stated; the gate answers in words, and nothing moved."""
    made = learned(desk, "CANDIDATE")
    page = f"{LIST}{made.pk}/change/"
    shown = text(admin.get(page))
    for words in (
        "It was fitted, and does nothing yet.", "Type: draft email", "+2.00", "-0.45",
        "400 that became clear, 150 of them good", "at least 200 choices",
        "+0.210, between +0.120 and +0.300 (25 days)",
    ):  # fmt: skip
        assert words in shown, words
    assert "without effect" in text(admin.get(f"{LIST}{made.pk}/promote/"))
    assert admin.post(f"{LIST}{made.pk}/promote/").status_code == 302
    asked = text(admin.get(f"{LIST}{made.pk}/promote/"))
    assert "It may not rank yet" in asked
    assert "0 choices have become clear." in asked
    refused = admin.post(f"{LIST}{made.pk}/promote/", follow=True)
    assert "The gate says: too few choices have become clear." in text(refused)
    with tenant_scope(desk.tenant):
        assert Ranking.objects.get(pk=made.pk).status == "SHADOW"
    assert admin.post(f"{LIST}{made.pk}/retire/").status_code == 302
    moves = [each.data["after"] for each in stated(desk.house, Kind.MODEL_MOVED)]
    assert moves == ["CANDIDATE", "SHADOW", "RETIRED"]
    again = text(admin.post(f"{LIST}{made.pk}/retire/", follow=True))
    assert "It is RETIRED already." in again


def test_what_ranks_is_rolled_back_at_once(desk: Desk, admin: Client) -> None:
    """N5: what it replaced is named before and ranks after."""
    made = learned(desk)
    now = timezone.now()
    none = text(admin.post(f"{LIST}roll-back/", follow=True))
    assert "No model ranks that could be rolled back." in none
    with tenant_scope(desk.tenant):
        passed = {"passes": True, "why": "BETTER BEYOND DOUBT", "rows": 300}
        registry.activate(made.version, passed, by=desk.admin, now=now)
    assert "It passes: better beyond doubt." in text(
        admin.get(f"{LIST}{made.pk}/change/")
    )
    asked = text(admin.get(f"{LIST}roll-back/"))
    assert f"Now: {made.version}." in asked
    assert "confidence, or the model of the house" in asked
    assert "It is rolled back" in text(admin.post(f"{LIST}roll-back/", follow=True))
    with tenant_scope(desk.tenant):
        assert not Ranking.objects.filter(status="ACTIVE").exists()


def test_reports_are_pages_and_json(desk: Desk, admin: Client) -> None:
    """N6: written now, told in the page, as a page of its own, as JSON."""
    assert "There is no report yet." in text(admin.get(REPORTS))
    seller_at(desk, accounts=4, seed=3).live(timezone.now() - 30 * DAY, 10)
    assert admin.post(f"{REPORTS}write/").status_code == 302
    assert "120 of 120" in text(admin.get(REPORTS))
    with tenant_scope(desk.tenant):
        row = Evaluation.objects.get()
    shown = text(admin.get(f"{REPORTS}{row.pk}/change/"))
    assert "120 of 120 have" in shown
    assert shown.count("<svg role=") == 1
    alone = admin.get(f"{REPORTS}{row.pk}/page/").content.decode()
    assert alone.startswith("<!doctype html>")
    assert admin.get(f"{REPORTS}{row.pk}/json/").json()["clear"] == 120
    auditor = member(desk.house, Role.AUDITOR)
    assert auditor.get(f"{REPORTS}{row.pk}/json/").status_code == 200
    assert auditor.post(f"{REPORTS}write/").status_code == 403
    seller = member(desk.house, Role.SELLER)
    for path in ("json", "page", "change"):
        assert seller.get(f"{REPORTS}{row.pk}/{path}/").status_code == 403


def test_what_is_missing_is_named(desk: Desk, admin: Client) -> None:
    """N1: none silent: the act, what it owes, since when."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        at = timezone.now() - DAY
        Intent.objects.filter(pk=intent.pk).update(status="FAILED", updated_at=at)
    shown = text(admin.get(REPORTS))
    assert "1 of 1 act that ended in the last 30 days has no outcome." in shown
    assert str(intent.pk) in shown


def test_models_of_the_house_are_for_superusers(desk: Desk, admin: Client) -> None:
    """N3: to look at; nobody moves them here."""
    now = timezone.now()
    made = learned(desk)
    HouseRanking.objects.create(
        version="logistic-seen", kind="logistic", status="RETIRED",
        artefact=made.artefact, provenance={**made.provenance, "tenants": 4},
        made_at=now, moved_at=now,
    )  # fmt: skip
    page = "/admin/autonomy/houseranking/"
    assert admin.get(page).status_code in (302, 403)
    root = Client()
    email = f"root-{now.timestamp()}@house.example"
    root.force_login(Person.objects.create_superuser(email, "correct horse battery"))
    assert "logistic-seen" in text(root.get(page))
    one = text(root.get(f"{page}logistic-seen/change/"))
    assert "Tenants that share: 4" in one
    assert root.post(f"{page}logistic-seen/change/", {}).status_code == 403
    with tenant_scope(desk.tenant):
        assert not Entry.objects.filter(data__version="logistic-seen").exists()
    HouseRanking.objects.filter(pk="logistic-seen").delete()
