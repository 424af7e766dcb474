"""What tests of the feed's pages share: a browser of somebody, and clicks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.test import Client

from autonomy.models import Approval, Intent
from ledger.scope import tenant_scope
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.conftest import House

MAIL = "send_follow_up_email"
PAGES = ("/", "/inbox/", "/autopilot/")


def enter(house: House, role: Role) -> Client:
    """A browser that somebody of a tenant is logged in with."""
    client = Client(raise_request_exception=True)
    client.force_login(Person.objects.get(pk=house.members[role].person_id))
    return client


def read(desk: Desk, id_: UUID) -> Approval:
    with tenant_scope(desk.tenant):
        return Approval.objects.select_related("intent").get(pk=id_)


def answer(client: Client, id_: UUID, verb: str, **given: Any) -> Any:
    """A click, and the page that it leads to."""
    return client.post(f"/inbox/{id_}/{verb}/", given, follow=True)


def yes(desk: Desk, client: Client, id_: UUID) -> Any:
    return answer(client, id_, "approve", payload_hash=read(desk, id_).payload_hash)


def held(desk: Desk) -> Intent:
    """Approved, and goes out in a while."""
    intent = desk.propose()
    with tenant_scope(desk.tenant):
        due = datetime.now(UTC) + timedelta(hours=1)
        Intent.objects.filter(pk=intent.pk).update(due_at=due)
    return intent
