"""G2: what a ritual told is read by whom it was told, and seen by those who oversee."""

from datetime import timedelta

from autonomy import rituals
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.models import Tenant
from perception.rules.roles import Role
from tests.autonomy.admin.conftest import member
from tests.autonomy.conftest import Desk
from tests.conftest import House


def test_what_was_told_is_read_by_those_it_was_told(desk: Desk, other: House) -> None:
    """G2, T2: a seller reads their own; nobody else, and no other tenant, does."""
    desk.propose("send_follow_up_email")
    now = clock()
    with tenant_scope(desk.tenant):
        begun = now - timedelta(days=9)
        Tenant.objects.filter(pk=desk.tenant).update(created_at=begun)
    assert rituals.run_of(desk.tenant, now=now) == 3
    mine = desk.house.client(Role.SELLER).send("GET", "rituals/").json()["results"]
    assert [row["kind"] for row in mine] == [
        "RITUAL_MORNING_BRIEF", "RITUAL_WEEKLY_REVIEW",
    ]  # fmt: skip
    brief = mine[0]["body"]
    assert set(brief) == {"next", "preparing", "waiting"}
    path = "rituals/?kind=RITUAL_WEEKLY_REVIEW"
    (review,) = desk.house.client(Role.SELLER).send("GET", path).json()["results"]
    assert review["body"]["accounts"][0]["account"] == str(desk.account.id)
    for house, role, status in (
        (desk.house, Role.ADMIN, 200), (other, Role.SELLER, 200),
        (desk.house, Role.INTEGRATION, 403),
    ):  # fmt: skip
        answer = house.client(role).send("GET", "rituals/")
        assert answer.status_code == status
        assert status != 200 or answer.json()["results"] == []
    page = member(desk.house, Role.ADMIN).get("/admin/autonomy/ritual/")
    assert "Morning brief" in page.content.decode()
    assert (
        member(desk.house, Role.SELLER).get("/admin/autonomy/ritual/").status_code
        == 403
    )
    with tenant_scope(desk.tenant):
        told = str(brief)
    assert "Acme" not in told
