"""P3, H1: copies of the ledger, asked for and fetched in the admin's pages."""

from datetime import timedelta

from ledger.clock import clock
from ledger.export import write_export
from ledger.models import Entry, Export
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_due
from perception.rules.roles import Role
from tests.config.test_control_center import member
from tests.conftest import House

HERE = "/admin/ledger/export/"


def test_an_overseer_asks_for_a_copy_and_fetches_it(house: House) -> None:
    """The same verb as the API's; stated, written, fetched by whoever asked."""
    client, today = member(house, Role.AUDITOR), clock().date()
    assert "No copy was asked for yet." in client.get(HERE).content.decode()
    given = {"first": today.isoformat(), "last": today.isoformat(), "format": "jsonl"}
    assert client.post(f"{HERE}ask/", given).status_code == 302
    with tenant_scope(house.tenant):
        asked = Export.objects.get()
        entry = Entry.objects.get(kind=Kind.EXPORT_REQUESTED)
    assert asked.end - asked.begin == timedelta(days=1)
    assert entry.actor["id"] == str(house.members[Role.AUDITOR].id)
    assert "not yet" in client.get(HERE).content.decode()
    seal_due(now=clock())
    write_export(asked.pk, tenant=house.tenant, now=clock())
    page = client.get(HERE).content.decode()
    href = f"/api/v1/exports/{asked.pk}/download/"
    assert href in page
    answer = client.get(href)
    assert answer.status_code == 200
    assert answer.getvalue()
    answer.close()


def test_a_wrong_stretch_or_role_asks_for_nothing(house: House) -> None:
    """Refused, with the reason; nothing was asked for."""
    client = member(house, Role.ADMIN)
    for given, said in (
        ({"first": "2026-11-02", "last": "2026-11-01"}, "comes before the first"),
        ({"first": "2025-01-01", "last": "2026-11-01"}, "days at most"),
        ({"first": "x", "last": "2026-11-01"}, "Enter a valid date"),
    ):
        answer = client.post(f"{HERE}ask/", {**given, "format": "csv"})
        assert answer.status_code == 200
        assert said in answer.content.decode(), given
    seller = member(house, Role.SELLER)
    assert seller.post(f"{HERE}ask/", {}).status_code == 403
    with tenant_scope(house.tenant):
        assert not Export.objects.exists()
