"""What a digest says to one member: read from rows, bounded, kept as it was. O3.

Accounts are named; of people there is nothing in it, so that nobody has to be taken out.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from autonomy import feed, undo
from autonomy.goals import facts_of
from autonomy.models import Course, Execution, Goal, SloAlert, Verdict
from autonomy.rules.goals import look
from autonomy.rules.verdict import Decision
from ledger.scope import current_tenant
from perception.models import Account
from perception.rules.callers import Caller

# Nobody reads more of each in a minute; the rest is counted.
SHOWN, REASONS, EXAMPLES = 8, 5, 3
COUNTED = 500

Said = dict[str, Any]


def body(caller: Caller, *, since: datetime, until: datetime) -> Said:
    """What happened at the member's accounts since then, and what waits for them."""
    names = _accounts(caller.membership)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "did": _did(names, since, until),
        "held": _held(names, since, until),
        "waits": _waits(caller, until),
        "doubts": _doubts(names),
        "plans": _plans(names, since),
        "goals": _goals(caller.membership, names, since, until),
        "alerts": _alerts(since),
    }


def _accounts(member: UUID) -> dict[UUID, str]:
    rows = Account.objects.filter(tenant_id=current_tenant(), owner_id=member)
    return dict(rows.values_list("id", "name"))


def _did(names: dict[UUID, str], since: datetime, until: datetime) -> Said:
    """What ran without anybody having been asked, newest first; what can be undone."""
    rows = _executions(names).filter(
        auto_executed=True, started_at__gt=since, started_at__lte=until
    )
    newest = list(rows.order_by("-started_at", "-id")[:SHOWN])
    standings = undo.standings_of(newest)
    shown = []
    for row in newest:
        stands = standings[row.id]
        shown.append(
            {
                "execution": str(row.id),
                "intent": str(row.intent_id),
                **_of(row.account_id, names),
                "action_type": row.action_type,
                "status": row.status,
                "at": row.started_at.isoformat(),
                "can_undo": stands.can,
                "undo_until": _iso(stands.until) if stands.can else None,
            }
        )
    return {"count": rows.count(), "items": shown}


def _held(names: dict[UUID, str], since: datetime, until: datetime) -> Said:
    """What did not run by itself: the most frequent reasons, each with examples."""
    rows = Verdict.objects.filter(
        tenant_id=current_tenant(),
        is_first=True,
        judged_at__gt=since,
        judged_at__lte=until,
        intent__account_id__in=names,
    ).exclude(decision=Decision.AUTO_EXECUTE.value)
    counted: Counter[tuple[str, str]] = Counter(rows.values_list("reason", "decision"))
    return {
        "count": sum(counted.values()),
        "reasons": [
            {
                "reason": reason,
                "blocked": decision == Decision.BLOCK.value,
                "count": count,
                **_examples(rows.filter(reason=reason, decision=decision), names),
            }
            for (reason, decision), count in counted.most_common(REASONS)
        ],
    }


def _examples(rows: QuerySet[Verdict], names: dict[UUID, str]) -> Said:
    found = rows.select_related("intent").defer("facts", "layers").order_by("-id")
    newest = list(found[:EXAMPLES])
    return {
        "why": newest[0].explanation if newest else "",
        "examples": [
            {
                "intent": str(row.intent_id),
                **_of(row.intent.account_id, names),
                "action_type": row.intent.action_type,
            }
            for row in newest
        ],
    }


def _waits(caller: Caller, now: datetime) -> Said:
    """Questions that the member answers, the most worthwhile first."""
    rows: Any = feed.next_for(caller, now=now)
    items = [
        {
            "approval": str(row.id),
            "intent": str(row.intent_id),
            "account": str(row.account_id),
            "name": row.account.name,
            "action_type": row.intent.action_type,
            "expires_at": row.expires_at.isoformat(),
        }
        for row in rows.order_by("-score", "-id")[:SHOWN]
    ]
    return {"count": len(rows.order_by()[:COUNTED]), "items": items}


def _doubts(names: dict[UUID, str]) -> Said:
    """Acts of which nobody knows whether they were done."""
    rows = _executions(names).filter(status=Execution.Status.IN_DOUBT)
    items = [
        {
            "execution": str(row.id),
            **_of(row.account_id, names),
            "action_type": row.action_type,
            "why": row.error,
            "at": row.started_at.isoformat(),
        }
        for row in rows.order_by("-id")[:SHOWN]
    ]
    return {"count": rows.count(), "items": items}


def _plans(names: dict[UUID, str], since: datetime) -> Said:
    """Plans that go on, and those that moved."""
    rows = Course.objects.filter(
        Q(status__in=("ACTIVE", "PAUSED", "DRAFT", "APPROVED"))
        | Q(updated_at__gt=since),
        tenant_id=current_tenant(),
        account_id__in=names,
    )
    items = [
        {
            "plan": str(row.plan_id),
            **_of(row.account_id, names),
            "plan_type": row.plan_type,
            "status": row.status,
            "moved": row.updated_at > since,
            "expires_at": row.expires_at.isoformat(),
        }
        for row in rows.order_by("-updated_at", "-plan_id")[:SHOWN]
    ]
    return {"count": rows.count(), "items": items}


def _goals(
    member: UUID, names: dict[UUID, str], since: datetime, now: datetime
) -> Said:
    """The member's goals, those of their accounts and the tenant's."""
    rows = Goal.objects.filter(
        Q(seller_id=member)
        | Q(account_id__in=names)
        | Q(seller_id=None, account_id=None),
        Q(status=Goal.Status.ACTIVE, start__lte=now) | Q(ended_at__gt=since),
        tenant_id=current_tenant(),
    )
    items = []
    for goal in rows.order_by("end", "id")[:SHOWN]:
        seen = look(facts_of(goal), now=now)
        items.append(
            {
                "goal": str(goal.id),
                "type": goal.type,
                "status": goal.status,
                "name": names.get(goal.account_id, "") if goal.account_id else "",
                "is_mine": goal.seller_id == member,
                "percent": seen.percent,
                "due_percent": seen.due_percent,
                "on_track": seen.on_track,
                "days_left": seen.days_left,
            }
        )
    return {"count": rows.count(), "items": items}


def _alerts(since: datetime) -> Said:
    """Tools that miss what is expected of them, or did since then."""
    rows = SloAlert.objects.filter(
        Q(closed_at=None) | Q(closed_at__gt=since), tenant_id=current_tenant()
    )
    items = [
        {
            "alert": str(row.id),
            "tool": row.tool,
            "about": row.about,
            "is_open": row.closed_at is None,
        }
        for row in rows.order_by("-id")[:SHOWN]
    ]
    return {"count": rows.count(), "items": items}


def _executions(names: Iterable[UUID]) -> QuerySet[Execution]:
    return Execution.objects.filter(
        tenant_id=current_tenant(), account_id__in=list(names)
    )


def _of(account: UUID, names: dict[UUID, str]) -> dict[str, str]:
    return {"account": str(account), "name": names.get(account, "")}


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
