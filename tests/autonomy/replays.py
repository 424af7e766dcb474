"""What tests of replays share: acts that failed, or are in doubt, gone through again."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, transaction

from autonomy.models import Approval, Execution, Intent, Replay
from autonomy.perform import perform
from autonomy.replay import Wanted, commit, rehearse
from ledger.models import Entry
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import Integrator, approved

PERSON = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000003")


def wanted(desk: Desk, role: Role = Role.ADMIN) -> Wanted:
    member = desk.house.members[role].id
    by = Actor(type="person", id=str(member))
    return Wanted(reason="It is back.", by=by, member=member)


def again(desk: Desk, intent: UUID, **more: Any) -> Replay:
    with tenant_scope(desk.tenant):
        return commit(intent, wanted(desk, **more))


def rehearsed(desk: Desk, intent: UUID) -> dict[str, Any]:
    with tenant_scope(desk.tenant):
        row = rehearse(intent, wanted(desk))
    assert (row.status, row.commit, row.error) == ("COMPLETED", False, "")
    return row.result


def row_of(desk: Desk, intent: UUID) -> Any:
    with tenant_scope(desk.tenant):
        return Intent.objects.get(pk=intent)


def replay_of(desk: Desk, row: Replay) -> Any:
    with tenant_scope(desk.tenant):
        return Replay.objects.get(pk=row.pk)


def acts(desk: Desk, intent: UUID) -> list[Any]:
    with tenant_scope(desk.tenant):
        return list(Execution.objects.filter(intent_id=intent).order_by("id"))


def kinds(desk: Desk, intent: UUID) -> list[str]:
    with tenant_scope(desk.tenant):
        rows = Entry.objects.filter(intent_id=intent).order_by("number")
        return list(rows.values_list("kind", flat=True))


def asked(desk: Desk, intent: UUID) -> Any:
    with tenant_scope(desk.tenant):
        return Approval.objects.get(intent_id=intent, status="PENDING")


def failed(desk: Desk, peer: Integrator, *, alone: bool = True) -> UUID:
    """An act that its tool refused."""
    peer.says(422)
    intent = desk.propose().id if alone else approved(desk)
    assert perform(intent, tenant=desk.tenant) == "FAILED"
    peer.says(200)
    return intent


def doubted(desk: Desk, peer: Integrator, *, alone: bool = True) -> UUID:
    """An act that was done, and whose answer was lost."""
    peer.says(0)
    intent = desk.propose().id if alone else approved(desk)
    assert perform(intent, tenant=desk.tenant, most=1) == "IN_DOUBT"
    peer.says(409)
    return intent


def counts() -> dict[str, int]:
    """How many rows every table holds, of all tenants."""
    tables = [
        model._meta.db_table for model in apps.get_models(include_auto_created=True)
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE autonomy_system")
        found = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            found[table] = cursor.fetchone()[0]
    return found
