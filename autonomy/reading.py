"""The one read that brings everything a verdict needs to know."""

from typing import Any
from uuid import UUID

import orjson

from autonomy.rows import Writes
from perception.summaries import LATELY

_KNOWN = f"""
SELECT (autonomy_context(%s, %s, %s, %s, %s, %s, %s)
        || jsonb_build_object('summaries', ({LATELY})))::text
"""
_READ = """
SELECT (autonomy_read(%s, %s, %s, %s, %s, %s, %s) || jsonb_build_object('holds',
    (SELECT coalesce(jsonb_object_agg(c.acts_as, c.config->'hold_s'), '{}')
     FROM perception_connector c
     WHERE c.tenant_id = %s AND c.acts_as IN ('mail.send', 'chat') AND c.is_active),
    'review_share', (SELECT n.review_share FROM perception_tenant n WHERE n.id = %s)
))::text
"""


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
    found = Writes().ask(_READ, [*named, action_type, is_scheduled, tenant, tenant])
    row: dict[str, Any] = orjson.loads(found[0][0])
    return row


def read_known(
    *, tenant: UUID, account: UUID, signal: UUID | None, most: tuple[int, int, int, int]
) -> dict[str, Any]:
    """What a frozen context is made of; `most`: people, signals, what was lately, fields."""
    named = [tenant, account, signal, *most]
    found = Writes().ask(_KNOWN, [*named, tenant, account, tenant, account])
    row: dict[str, Any] = orjson.loads(found[0][0])
    return row
