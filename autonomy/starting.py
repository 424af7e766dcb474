"""Runs that no signal started: a ritual, a goal; each under a key, so that it starts once."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from uuid_utils.compat import uuid7

from autonomy.rules.runs import RunStatus, Stage
from autonomy.rules.triggers import Trigger
from ledger import spans
from ledger.scope import current_tenant

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
