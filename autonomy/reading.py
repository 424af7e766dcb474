"""The one read that brings everything a verdict needs to know."""

from typing import Any
from uuid import UUID

import orjson
from django.db import connection

_READ = "SELECT autonomy_read(%s, %s, %s, %s, %s, %s, %s)::text"


def read_rows(
    *,
    tenant: UUID,
    account: UUID,
    opportunity: UUID | None,
    contact: UUID | None,
    intent: UUID | None,
    action_type: str,
    is_scheduled: bool,
) -> dict[str, Any]:
    """What the rows say of a question, as of one moment of the database's clock."""
    named = (tenant, account, opportunity, contact, intent)
    ids = [str(id_) if id_ else None for id_ in named]
    with connection.cursor() as cursor:
        cursor.execute(_READ, [*ids, action_type, is_scheduled])
        found: dict[str, Any] = orjson.loads(cursor.fetchone()[0])
    return found
