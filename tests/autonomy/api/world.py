"""What tests of facts share: rows that are set, and what is read of them."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from autonomy.facts import Question, read
from autonomy.models import OptIn, PolicyData
from autonomy.profiles import install, sign
from autonomy.rules.facts import Facts
from autonomy.rules.switches import Scope
from autonomy.switchboard import Wanted, engage
from ledger.scope import tenant_scope
from perception.models import Contact, Tenant
from tests.autonomy.conftest import AGENT, Desk
from tests.conftest import NOW

CHAT = "send_chat_message"


NOTE = "create_internal_note"


def asked(desk: Desk, **more: Any) -> Question:
    given: dict[str, Any] = {
        "account": desk.account.id,
        "action_type": NOTE,
        "parameters": {"text": "x"},
        "confidence": 0.9,
        "risk_level": None,
        "origin": "signal",
    }
    return Question(**{**given, **more})


def facts(desk: Desk, **more: Any) -> Facts:
    with tenant_scope(desk.tenant):
        return read(asked(desk, **more), tenant=desk.tenant).facts


def changed(one: Facts, two: Facts) -> set[str]:
    names = [each.name for each in fields(Facts)]
    return {name for name in names if getattr(one, name) != getattr(two, name)}


def contact(desk: Desk) -> UUID:
    with tenant_scope(desk.tenant):
        return Contact.objects.get(external_id="c1").id


def stop(desk: Desk, scope: Scope, target: str = "") -> UUID:
    with tenant_scope(desk.tenant):
        wanted = Wanted(scope=scope, target=target, reason="A drill.")
        return engage(wanted, by=AGENT, now=NOW).id


def put_data(desk: Desk, **change: Any) -> None:
    whole = {"allowlist": [NOTE], "min_confidence": {"default": 0.7},
             "amount_caps": {}, "hours": {}}  # fmt: skip
    with tenant_scope(desk.tenant):
        PolicyData.objects.create(
            tenant_id=desk.tenant, data={**whole, **change}, saved_at=NOW
        )


def tenant(desk: Desk, **change: Any) -> None:
    with tenant_scope(desk.tenant):
        Tenant.objects.update(**change)


def signed(desk: Desk, key: str) -> None:
    with tenant_scope(desk.tenant):
        made = install(key, hold_seconds=60, now=NOW)
        sign(made, by=desk.admin, now=NOW)


def opted_in(desk: Desk, at: datetime = NOW, **more: Any) -> None:
    with tenant_scope(desk.tenant):
        OptIn.objects.create(
            tenant_id=desk.tenant,
            granted=True,
            by_id=desk.admin.membership,
            at=at,
            **more,
        )
