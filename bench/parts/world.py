"""A tenant to be measured: free windows, one budget, accounts, and signals for them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

from django.db import transaction

from autonomy import entering
from autonomy.opening import open_tenant
from autonomy.pacing import change_decision_budget, change_trigger
from autonomy.steering import set_budget, set_mode
from ledger.record import SYSTEM
from ledger.scope import glance, tenant_scope
from perception.accounts import add_account
from perception.intake import receive
from perception.rules.callers import Caller
from perception.rules.roles import Role
from perception.tenants import add_member

ACCOUNTS = 200
# Of no registered type: the playbooks answer it with exactly one internal note.
TYPE = "bench_tick"
FREE = {
    "enabled": True,
    "debounce_s": 0,
    "cooldown_s": 0,
    "max_per_account_hour": 100_000,
    "max_per_tenant_hour": 1_000_000,
}
DECISIONS = {
    "runs_per_day": 100_000_000,
    "runs_per_account_day": 1_000_000,
    "cost_per_day": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class World:
    """One tenant in AUTOPILOT whose signals end as notes."""

    tenant: UUID
    accounts: int
    numbers: "count[int]"
    # When each lot of signals was committed.
    commits: list[float] = field(default_factory=list)

    def post(self, signals: int) -> list[UUID]:
        """Signals as a door keeps them, committed; the runs that they will start."""
        items = [
            {
                "account": f"crm-{next(self.numbers) % self.accounts}",
                "type": TYPE,
                "payload": {"number": number},
            }
            for number in range(signals)
        ]
        with tenant_scope(self.tenant):
            received = receive(items, by=SYSTEM, now=datetime.now(UTC))
            entering.enter_these([each.id for each in received])
            transaction.on_commit(lambda: self.commits.append(time.perf_counter()))
            transaction.on_commit(entering.wake)
        return [each.run_id for each in received if each.run_id]


def open_world(accounts: int = ACCOUNTS) -> World:
    """A fresh tenant; nothing that is measured is refused for its pace."""
    now = datetime.now(UTC)
    tenant = open_tenant(f"bench-{uuid4().hex[:8]}", "Bench", timezone="UTC", now=now)
    with tenant_scope(tenant):
        email = f"admin@{tenant}.example"
        admin = add_member(email, "Admin", Role.ADMIN, now=now)
        caller = Caller(tenant=tenant, membership=admin.id, role=Role.ADMIN)
        for number in range(accounts):
            given = {
                "external_id": f"crm-{number}",
                "name": f"Account {number}",
                "owner": str(admin.id),
                "contacts": [
                    {
                        "external_id": f"c-{number}",
                        "name": "Ann",
                        "email": f"ann@{number}.example",
                    }
                ],
                "opportunities": [{"external_id": f"o-{number}", "stage": "discovery"}],
            }
            add_account(given, by=caller, now=now)
        set_mode("AUTOPILOT", {}, by=caller, now=now)
        set_budget({"limit_per_day": 1_000_000}, by=caller, now=now)
        change_trigger("SIGNAL_ARRIVED", FREE, by=caller, now=now)
        change_decision_budget(DECISIONS, by=caller, now=now)
    return World(tenant=tenant, accounts=accounts, numbers=count())


def done(world: World, runs: Sequence[UUID]) -> int:
    """How many of these runs have an act that succeeded."""
    found = glance(world.tenant, _DONE, [world.tenant, list(runs)])
    return int(found[0][0])


_DONE = """
SELECT count(*) FROM autonomy_intent
WHERE tenant_id = %s AND run_id = ANY (%s::uuid[]) AND status = 'SUCCEEDED'
"""
