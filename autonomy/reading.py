"""The one read that brings everything a verdict needs to know."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from autonomy.rows import Writes
from perception.heat import STANDING, standing_asked
from perception.summaries import LATELY

# Running goals that bear on an account: its own, its owner's, the tenant's; of each those
# that end first.
_GOALS = """
SELECT coalesce(jsonb_agg(to_jsonb(g)), '[]') FROM (
    SELECT g.id, CASE WHEN g.account_id IS NOT NULL THEN 'account'
                      WHEN g.seller_id IS NOT NULL THEN 'seller' ELSE 'tenant' END AS of,
           g.type, g.target::text, g.current::text, g.start, g."end"
    FROM autonomy_goal g
    JOIN perception_account a ON a.tenant_id = g.tenant_id AND a.id = %s
    WHERE g.tenant_id = %s AND g.due_at IS NOT NULL AND g.status = 'ACTIVE'
      AND g.start <= %s
      AND CASE WHEN g.account_id IS NOT NULL THEN g.account_id = a.id
               ELSE g.seller_id IS NULL OR g.seller_id = a.owner_id END
    ORDER BY g.account_id IS NULL, g.seller_id IS NULL, g."end", g.id LIMIT %s) g
"""
_KNOWN = f"""
(autonomy_context(%s, %s, %s, %s, %s, %s, %s)
        || jsonb_build_object('summaries', ({LATELY}), 'standing', {STANDING},
                              'goals', ({_GOALS})))::text
"""
# The same among the columns of a run that is read.
KNOWN = ("known", _KNOWN)
# What the layers look at of an intent, recorded or not, that is there as `{of}`.
_FACTS = """
(autonomy_read({of}.tenant_id, {of}.account_id, {of}.opportunity_id, {of}.contact_id,
    {of}.id, {of}.action_type, {of}.origin IN ('ritual', 'plan'))
 || jsonb_build_object('holds',
    (SELECT coalesce(jsonb_object_agg(c.acts_as, c.config->'hold_s'), '{{}}')
     FROM perception_connector c WHERE c.tenant_id = {of}.tenant_id
       AND c.acts_as IN ('mail.send', 'chat') AND c.is_active),
    'review_share', (SELECT n.review_share FROM perception_tenant n
                     WHERE n.id = {of}.tenant_id),
    'closed', (SELECT a.closed_at IS NOT NULL FROM perception_account a
               WHERE a.tenant_id = {of}.tenant_id AND a.id = {of}.account_id),
    'depth', (SELECT s.depth FROM autonomy_intent i
              JOIN autonomy_run r ON r.tenant_id = i.tenant_id AND r.id = i.run_id
              JOIN perception_signal s
                ON s.tenant_id = r.tenant_id AND s.id = r.signal_id
              WHERE i.tenant_id = {of}.tenant_id AND i.id = {of}.id)
))::text
"""
_READ = f"""
SELECT {_FACTS.format(of="q")} FROM (VALUES (%s::uuid, %s::uuid, %s::uuid, %s::uuid,
    %s::uuid, %s::text, %s::text)) AS q(tenant_id, account_id, opportunity_id,
    contact_id, id, action_type, origin)
"""  # noqa: S608  its own pieces


def facts_about(name: str) -> tuple[str, str]:
    """The same among the columns of an intent that is read under a name."""
    return "facts", _FACTS.format(of=name)


def read_rows(
    *,
    tenant: UUID,
    account: UUID,
    opportunity: UUID | None,
    contact: UUID | None,
    intent: UUID | None,
    action_type: str,
    origin: str,
) -> str:
    """What the rows say of a question, as of one moment of the database's clock."""
    named = (tenant, account, opportunity, contact, intent)
    found: str = Writes().ask(_READ, [*named, action_type, origin])[0][0]
    return found


def known_asked(
    *,
    tenant: UUID,
    account: Any,
    signal: Any,
    most: tuple[int, int, int, int],
    now: Any,
) -> list[Any]:
    """The values of `KNOWN`; `most`: people, signals, what was lately, fields."""
    return [
        *(tenant, account, signal, *most),
        *(tenant, account, tenant, account),
        *standing_asked(tenant, account),
        *(account, tenant, now, most[2]),
    ]


def read_known(asked: Sequence[Any]) -> str:
    """What a frozen context is made of."""
    found: str = Writes().ask(f"SELECT {_KNOWN}", asked)[0][0]
    return found
