"""What tests of governance share: a tenant that may act, and things to act on."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from autonomy import asking
from autonomy.approve import keep, look, question_about
from autonomy.models import Intent
from autonomy.permits import draw_up
from autonomy.propose import propose
from autonomy.rules.catalogue import CORE
from autonomy.steering import set_budget, set_mode
from ledger.record import Actor
from ledger.scope import tenant_scope
from perception.accounts import add_account
from perception.models import Account
from perception.rules.roles import Role
from tests.conftest import NOW, House

AGENT = Actor(type="person", id="0198aaaa-0000-7000-8000-000000000001")


def swept(now: datetime) -> int:
    """Questions of the whole house, whosever tests left them, until nothing is due."""
    count = 0
    while found := asking.sweep(now=now):
        count += found
    return count


class Desk:
    """A tenant with an account, in AUTOPILOT and with a budget, and a way to propose."""

    def __init__(self, house: House, account: Account) -> None:
        self.house = house
        self.tenant = house.tenant
        self.account = account
        self.admin = house.caller(Role.ADMIN)

    def propose(self, action_type: str = "create_internal_note", **more: Any) -> Intent:
        """An intent, judged."""
        with tenant_scope(self.tenant):
            return propose(
                self.given(action_type, **more),
                self.account,
                origin=more.get("origin", "agent"),
                by=AGENT,
                member=None,
                now=NOW,
            )

    def given(self, action_type: str, **more: Any) -> dict[str, Any]:
        core = CORE.get(action_type)
        return {
            "action_type": action_type,
            "parameters": dict(core.example) if core else {},
            "confidence": 0.9,
            **more,
        }

    def approved(self, count: int, **more: Any) -> list[UUID]:
        """Intents that a person has approved: they wait for nothing but their start."""
        approver = self.house.members[Role.APPROVER].id
        with tenant_scope(self.tenant):
            Intent.objects.bulk_create(
                Intent(
                    tenant_id=self.tenant,
                    account=self.account,
                    origin="agent",
                    action_type="create_internal_note",
                    parameters={"text": "A note."},
                    confidence=0.9,
                    status=Intent.Status.APPROVED,
                    created_at=NOW,
                    updated_at=NOW,
                    **more,
                )
                for _ in range(count)
            )
            intents = list(Intent.objects.filter(permits=None, status="APPROVED"))
            judged = look(question_about(intents[0]))
            for intent in intents:
                row = keep(intent, judged)
                draw_up(
                    intent, row, judged.answer, receipt=None, approved_by=approver
                ).save(force_insert=True)
        return [intent.id for intent in intents]

    def budget(self, limit: int, **scope: UUID | str) -> None:
        with tenant_scope(self.tenant):
            given = {**scope, "limit_per_day": limit}
            set_budget(given, by=self.admin, now=NOW)

    def mode(self, mode: str, **scope: Any) -> None:
        with tenant_scope(self.tenant):
            set_mode(mode, scope, by=self.admin, now=NOW)


@pytest.fixture
def make_desk(make_house: Callable[..., House]) -> Callable[..., Desk]:
    """Makes tenants that may act by themselves."""

    def make(limit: int | None = 100, mode: str = "AUTOPILOT") -> Desk:
        house = make_house()
        with tenant_scope(house.tenant):
            account = add_account(
                {
                    "external_id": "acme",
                    "name": "Acme",
                    "owner": str(house.members[Role.SELLER].id),
                    "opportunities": [
                        {"external_id": "o1", "stage": "discovery"},
                        {"external_id": "o2", "stage": "negotiation"},
                    ],
                    "contacts": [
                        {
                            "external_id": "c1",
                            "name": "Ann",
                            "email": "ann@acme.example",
                        }
                    ],
                },
                by=house.caller(Role.ADMIN),
                now=NOW,
            )
        desk = Desk(house, account)
        desk.mode(mode)
        if limit is not None:
            desk.budget(limit)
        return desk

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()
