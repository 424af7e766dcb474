"""Runs that no signal started: a ritual, a goal, a person; each under a key, so that it
starts once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from autonomy.errors import AccountClosed
from autonomy.models import Run
from autonomy.rules.runs import TERMINAL, RunStatus, Stage
from autonomy.rules.triggers import Trigger
from autonomy.waking import wake
from ledger import spans
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account

OVER = sorted(each.value for each in TERMINAL)

# In the order of accounts, so that two lists never wait for each other.
_START = """
INSERT INTO autonomy_run
    (id, tenant_id, account_id, signal_id, trigger, origin, key, status, stage,
     fence, attempts, due_at, gate_result, gate_reason, gate_explanation, deferred,
     context, error, created_at, updated_at)
SELECT g.id, a.tenant_id, a.id, NULL, %(trigger)s, %(origin)s, g.key, %(received)s,
       %(first)s, 0, 0, clock_timestamp(), '', '', '', 0,
       %(more)s::jsonb, '', clock_timestamp(), clock_timestamp()
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(keys)s::text[])
     AS g(id, account, key)
JOIN perception_account a ON a.tenant_id = %(tenant)s AND a.id = g.account
WHERE a.closed_at IS NULL
ORDER BY g.account
ON CONFLICT DO NOTHING
RETURNING account_id
"""


def start(
    trigger: Trigger,
    keys: Mapping[UUID, str],
    *,
    more: Mapping[str, Any],
    origin: str = "ritual",
) -> list[UUID]:
    """Start a run for each account under its key; return the accounts of those made.

    `more`: what else they are about. The relay finds them, as it finds all others.
    """
    if not keys:
        return []
    ids = {account: uuid7() for account in keys}
    with connection.cursor() as cursor:
        cursor.execute(
            _START,
            {
                "tenant": str(current_tenant()),
                "ids": [str(id_) for id_ in ids.values()],
                "accounts": [str(account) for account in ids],
                "keys": list(keys.values()),
                "trigger": trigger.value,
                "origin": origin,
                "received": RunStatus.RECEIVED.value,
                "first": Stage.TRIGGER.value,
                "more": orjson.dumps(dict(more)).decode(),
            },
        )
        made = [row[0] for row in cursor.fetchall()]
    for account in made:
        # No signal started it: its own id names the trace.
        spans.begun(
            "run",
            ids[account],
            tenant=current_tenant(),
            account=account,
            run=ids[account],
            trigger=trigger.value,
        )
    return made


def ask(account: UUID, *, by: Actor, now: datetime) -> Run:
    """A person asks what would help an account: start a run that looks at it, or return
    the one that is under way. It is judged like what a person proposes.
    """
    rows = Account.objects.filter(tenant_id=current_tenant(), pk=account)
    # Whoever asks at the same moment waits, and then finds it under way.
    if rows.select_for_update(no_key=True).get().closed_at is not None:
        raise AccountClosed
    trigger = Trigger.MANUAL
    asked = Run.objects.filter(
        tenant_id=current_tenant(), account_id=account, trigger=trigger.value
    )
    open_ = asked.exclude(status__in=OVER).order_by("-id").first()
    if open_ is not None:
        return open_
    key = f"{trigger.value} {account} {now.isoformat()}"
    start(trigger, {account: key}, more={}, origin="agent")
    run = asked.get(key=key)
    named = {"run": run.id, "account": account}
    record(Fact(kind=Kind.RUN_ASKED, by=by, subjects=named), now=now)
    transaction.on_commit(wake)
    return run
