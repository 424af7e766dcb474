"""What people outside made of acts that reached them: no answer, or a bad one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from autonomy import traces
from autonomy.models import Outcome
from autonomy.rows import Writes
from autonomy.rules.outcomes import Taxonomy
from autonomy.rules.responses import is_negative
from ledger import spans
from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception.models import Signal, Tenant

# What came to an end longer ago was looked at before, many times.
BACK = timedelta(days=30)
MOST = 500
CAUSE = "external"

# Nobody of the account was heard of within so long after an act ended.
_SILENT = """
NOT EXISTS (SELECT 1 FROM perception_signal s WHERE s.tenant_id = i.tenant_id
      AND s.account_id = i.account_id
      AND s.type IN ('reply_received', 'meeting_created')
      AND s.occurred_at >= e.finished_at AND s.occurred_at < e.finished_at + %s)
  AND NOT EXISTS (SELECT 1 FROM perception_interaction n WHERE n.tenant_id = i.tenant_id
      AND n.account_id = i.account_id AND n.direction <> 'out'
      AND n.at >= e.finished_at AND n.at < e.finished_at + %s)
"""
# Acts that reached somebody and that nobody of the account was heard of since: within
# the window after they ended, which is over.
_UNANSWERED = f"""
SELECT i.id, i.account_id, i.action_type
FROM autonomy_intent i
JOIN autonomy_execution e ON e.tenant_id = i.tenant_id AND e.intent_id = i.id
    AND e.status = 'SUCCEEDED' AND e.finished_at BETWEEN %s AND %s
WHERE i.tenant_id = %s AND i.reaches_out AND i.status = 'SUCCEEDED'
  AND i.updated_at >= %s
  AND NOT EXISTS (SELECT 1 FROM autonomy_outcome o WHERE o.tenant_id = i.tenant_id
      AND o.intent_id = i.id AND o.taxonomy IN ('NO_RESPONSE', 'NEGATIVE_RESPONSE'))
  AND {_SILENT}
ORDER BY i.id LIMIT %s
"""  # noqa: S608  its own pieces
# Whether one act that reached somebody was answered, while that is open.
_HEARD = f"""
SELECT NOT ({_SILENT}), e.finished_at + %s
FROM autonomy_execution e
JOIN autonomy_intent i ON i.tenant_id = e.tenant_id AND i.id = e.intent_id
    AND i.reaches_out
WHERE e.tenant_id = %s AND e.id = %s AND e.status = 'SUCCEEDED'
  AND NOT EXISTS (SELECT 1 FROM autonomy_outcome o WHERE o.tenant_id = i.tenant_id
      AND o.intent_id = i.id AND o.taxonomy IN ('NO_RESPONSE', 'NEGATIVE_RESPONSE'))
"""  # noqa: S608  as above
# The newest act that could be what an answer answers.
_ANSWERED = """
SELECT i.id, i.account_id, i.action_type
FROM autonomy_intent i
JOIN autonomy_execution e ON e.tenant_id = i.tenant_id AND e.intent_id = i.id
    AND e.finished_at BETWEEN %s AND %s AND e.status IN ('SUCCEEDED', 'UNDONE')
WHERE i.tenant_id = %s AND i.account_id = %s AND i.reaches_out
ORDER BY e.finished_at DESC, i.id DESC LIMIT 1
"""

Row = tuple[UUID, UUID, str]


class Answer(NamedTuple):
    """Whether one came, and until when it is waited for."""

    came: bool
    until: datetime


def answer_to(execution: UUID, *, now: datetime) -> Answer | None:
    """What came of an act that reached somebody, as long as it is no outcome yet."""
    window = _window()
    asked = [window, window, window, current_tenant(), execution]
    for came, until in Writes().ask(_HEARD, asked):
        return Answer(came, until) if came or now < until else None
    return None


def settle_all(*, now: datetime) -> int:
    """Every tenant, each in a transaction of its own; how many outcomes were kept."""
    with system_scope("settle responses"):
        tenants = list(Tenant.objects.order_by("id").values_list("id", flat=True))
    count = 0
    for tenant in tenants:
        with tenant_scope(tenant):
            count += settle(now=now)
    return count


def settle(*, now: datetime) -> int:
    """Bad answers first: what was answered badly was answered. Safe to do again."""
    window = _window()
    bad = _badly_answered(window, now=now)
    named = (current_tenant(), now - window - BACK)
    between = (now - window - BACK, now - window)
    silent = Writes().ask(_UNANSWERED, [*between, *named, window, window, MOST])
    return _keep(bad, Taxonomy.NEGATIVE_RESPONSE, now=now) + _keep(
        [each for each in silent if each not in bad], Taxonomy.NO_RESPONSE, now=now
    )


def _window() -> timedelta:
    """How long an answer is waited for."""
    return timedelta(days=Tenant.objects.values_list("response_days", flat=True).get())


def _badly_answered(window: timedelta, *, now: datetime) -> list[Row]:
    """The acts that bad answers of the last days were answers to."""
    answers = Signal.objects.filter(
        tenant_id=current_tenant(),
        type="reply_received",
        received_at__gte=now - window,
        received_at__lte=now,
    )
    found: dict[UUID, Row] = {}
    rows = answers.order_by("-id").values_list("account_id", "occurred_at", "payload")
    for account, at, payload in rows[:MOST]:
        if isinstance(payload, dict) and is_negative(payload):
            asked = [at - window, at, current_tenant(), account]
            found |= {each[0]: each for each in Writes().ask(_ANSWERED, asked)}
    return list(found.values())


def _keep(rows: Sequence[Any], taxonomy: Taxonomy, *, now: datetime) -> int:
    """Each once, with its fact, whoever else looks at the same time."""
    if not rows:
        return 0
    made = [
        Outcome(
            id=uuid7(),
            tenant_id=current_tenant(),
            intent_id=intent,
            account_id=account,
            action_type=action_type,
            taxonomy=taxonomy.value,
            cause=CAUSE,
            at=now,
        )
        for intent, account, action_type in rows
    ]
    Outcome.objects.bulk_create(made, ignore_conflicts=True)
    ours = {each.id for each in made}
    kept = Outcome.objects.filter(tenant_id=current_tenant(), pk__in=ours)
    facts = [
        Fact(
            kind=Kind.OUTCOME_RECORDED,
            subjects={"intent": each.intent_id, "account": each.account_id},
            data={"taxonomy": taxonomy.value, "cause": CAUSE},
        )
        for each in kept
    ]
    record_all(facts, now=now)
    for each in kept:
        of = traces.of_intent(each.intent_id, each.tenant_id)
        spans.lasted("outcome", of, outcome=each.taxonomy, intent=each.intent_id)
    return len(facts)
