"""X4: two hundred acts of many kinds, in real places, and all of it taken back at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest

from autonomy.models import ContextField, Effect, Execution, Sweep, Undo
from autonomy.perform import perform
from autonomy.sweep import request as sweep
from autonomy.undoing import take_back
from ledger.clock import clock
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.models import Contact, Opportunity
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.peer import approved, integrator
from tests.autonomy.tools.trytons import Shop
from tests.autonomy.tools.worlds import (
    AtIntegrators,
    InCalendar,
    InDrafts,
    InTryton,
    Servers,
    World,
)
from tests.races import in_threads

SOMEBODY = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000009")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


class Everywhere:
    """One tenant that acts in the house, a calendar, a mailbox, a CRM and elsewhere."""

    def __init__(self, desk: Desk, stack: ExitStack, settings: Any) -> None:
        servers = Servers(stack)
        self.desk = desk
        self.meetings = InCalendar(servers.calendars(), "meeting")
        self.drafts = InDrafts(servers.mailbox())
        self.deal = InTryton(Shop(servers.tryton()), "field")
        self.tasks = InTryton(self.deal.shop, "task")
        self.elsewhere = AtIntegrators(
            stack.enter_context(integrator(settings)), "http"
        )
        settings.EGRESS_ALLOW = ("127.0.0.1",)
        for each in (self.meetings, self.drafts, self.deal, self.elsewhere):
            each.open(desk)
        self.tasks.settle(desk, self.deal.shop.code, str(self.deal.shop.deal))

    def seen(self) -> Any:
        """All of it, as people see it."""
        with tenant_scope(self.desk.tenant):
            known = dict(ContextField.objects.values_list("field", "value"))
            kept = Effect.objects.filter(undone_at=None).exclude(kind="context").count()
        there: list[World] = [
            self.meetings, self.drafts, self.deal, self.elsewhere,
        ]  # fmt: skip
        return [known, kept, *(each.seen() for each in there)]

    def did(self, action_type: str, parameters: Any) -> UUID:
        with tenant_scope(self.desk.tenant):
            deal = Opportunity.objects.order_by("id").first()
            contact = Contact.objects.first()
        intent = approved(
            self.desk, action_type, parameters, opportunity=deal, contact=contact
        )
        assert perform(intent, tenant=self.desk.tenant) == "SUCCEEDED", action_type
        with tenant_scope(self.desk.tenant):
            found: UUID = Execution.objects.get(intent=intent).id
        return found

    def acts(self, count: int) -> dict[str, list[UUID]]:
        """So many acts, of every kind in turn."""
        done: dict[str, list[UUID]] = {}
        for number in range(count):
            kind, parameters = self.one(number)
            done.setdefault(kind, []).append(self.did(kind, parameters))
        return done

    def one(self, number: int) -> tuple[str, dict[str, Any]]:
        match number % 10:
            case 0:
                title = f"Review {number}"
                start = f"2026-12-{1 + number // 10:02}T10:00:00Z"
                return "schedule_meeting", {"title": title, "start": start}
            case 1:
                said = {"subject": f"Draft {number}", "body": "As agreed."}
                return "draft_email", said
            case 2:
                return "modify_pricing", {"amount": 100 + number, "reason": "Agreed."}
            case 3:
                return "create_follow_up_task", {"title": f"Call {number}"}
            case 4:
                return "create_internal_note", {"text": f"Elsewhere {number}"}
            case 5 | 6:
                return "log_interaction", {"summary": f"Call {number}"}
            case _:
                field = f"field {number % 7}"
                return "update_account_context", {"field": field, "value": number}


def _together(desk: Desk, ids: list[UUID]) -> None:
    in_threads(len(ids), lambda n: take_back(ids[n], tenant=desk.tenant))


def work_off(desk: Desk) -> None:
    """As workers do, several at a time, until nothing is due."""
    while True:
        with tenant_scope(desk.tenant):
            rows = Undo.objects.filter(status="REQUESTED", due_at__lte=clock())
            ids = list(rows.values_list("id", flat=True)[:4])
        if not ids:
            return
        _together(desk, ids)


@pytest.mark.parametrize("count", [70, pytest.param(200, marks=pytest.mark.long)])
def test_many_acts_are_taken_back_at_once(
    desk: Desk, stack: ExitStack, settings: Any, count: int
) -> None:
    """What was before is there again everywhere; what people changed is listed, and stays."""
    there = Everywhere(desk, stack, settings)
    there.did("update_account_context", {"field": "field 1", "value": "kept"})
    before = there.seen()
    with tenant_scope(desk.tenant):
        since = clock()
    done = there.acts(count)
    assert sum(len(each) for each in done.values()) == count
    # Somebody changes the newest price, and one thing that is known.
    there.deal.shop.change(amount={"__class__": "Decimal", "decimal": "5.00"})
    with tenant_scope(desk.tenant):
        ContextField.objects.filter(field="field 2").update(value="by hand")
        row = sweep(
            since,
            account=desk.account.id,
            only_automatic=False,
            reason="A bad day.",
            by=SOMEBODY,
            member=None,
        )
    work_off(desk)
    with tenant_scope(desk.tenant):
        assert Sweep.objects.get(pk=row.pk).status == "DONE"
        undos = Undo.objects.filter(sweep=row)
        conflicts = set(
            undos.filter(status="CONFLICT").values_list("execution_id", flat=True)
        )
        touched = set(
            Execution.objects.filter(
                started_at__gte=since,
                intent__parameters__field="field 2",
            ).values_list("id", flat=True)
        )
        assert undos.count() == count
        others = undos.exclude(status="CONFLICT")
        assert set(others.values_list("status", flat=True)) == {"DONE"}
        # All that stood on what was changed by hand, and nothing else.
        assert conflicts == touched | set(done["modify_pricing"])
        ContextField.objects.filter(field="field 2").delete()
    there.deal.shop.change(amount={"__class__": "Decimal", "decimal": "1200.00"})
    assert there.seen() == before
