"""What tests of pages about acts share: who looks, and what they read."""

import re
from html import unescape
from typing import Any
from uuid import UUID

from django.test import Client

from autonomy import entering
from autonomy.models import Intent, Run
from autonomy.pipeline import walk
from autonomy.rules.runs import Stage
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from perception.intake import receive
from perception.models import Person
from perception.rules.roles import Role
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW, House


def enter(house: House, role: Role) -> Client:
    """A browser that somebody of a tenant is logged in with."""
    client = Client(raise_request_exception=True)
    client.force_login(Person.objects.get(pk=house.members[role].person_id))
    return client


def words(page: Any) -> str:
    """What a page says, without its markup."""
    body = page.text.partition('<main id="content">')[2]
    said = unescape(re.sub(r"<[^>]+>", " ", body))
    return re.sub(r"\s+", " ", said)


def walked(desk: Desk, type_: str = "product_usage_anomaly", **payload: Any) -> Run:
    """A signal that was received, and walked as far as it went."""
    item = {"account": "acme", "type": type_, "payload": payload or {"change": -0.4}}
    with tenant_scope(desk.tenant):
        receive([item], by=AGENT, now=NOW)
    entering.enter(desk.tenant, limit=10)
    with tenant_scope(desk.tenant):
        run = Run.objects.latest("id")
    walk(run.id, Stage.TRIGGER, tenant=desk.tenant, may=lambda stage: True)
    with tenant_scope(desk.tenant):
        return Run.objects.get(pk=run.pk)


def of_run(run: Run) -> list[Intent]:
    """What it came to, in its order."""
    with tenant_scope(run.tenant_id):
        return list(Intent.objects.filter(run_id=run.pk).order_by("rank"))


def sealed(tenant: UUID) -> None:
    """Everything stated so far has its place in the tree."""
    while seal_tenant(tenant, now=NOW):
        pass
