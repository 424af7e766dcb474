"""The one read that brings everything a verdict needs to know."""

from typing import Any
from uuid import UUID

import orjson
from django.db import connection

_KNOWN = "SELECT autonomy_context(%s, %s, %s, %s, %s, %s, %s)::text"
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


def read_known(
    *, tenant: UUID, account: UUID, signal: UUID | None, most: tuple[int, int, int, int]
) -> dict[str, Any]:
    """What a frozen context is made of; `most`: people, signals, what was lately, fields."""
    ids = [str(tenant), str(account), str(signal) if signal else None]
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [*ids, *most])
        found: dict[str, Any] = orjson.loads(cursor.fetchone()[0])
    return found
