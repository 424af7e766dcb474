"""What each ritual does: a seller is told, an account's renewal is looked ahead to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from autonomy import feed, starting
from autonomy.models import Approval, Execution, Intent, Run, Told
from autonomy.rules.playbooks import WAITING
from autonomy.rules.rituals import Neglect, Touch, neglected
from autonomy.rules.runs import TERMINAL, RunStatus
from autonomy.turns import Occasion
from ledger.scope import current_tenant
from perception.models import Account, Membership
from perception.rules.callers import Caller
from perception.rules.heat import Heat, Tier, cooled
from perception.rules.lifecycle import LOST
from perception.rules.noticing import WINDOWS
from perception.rules.roles import Role

# Runs that are not over.
OPEN = sorted(each.value for each in RunStatus if each not in TERMINAL)
# What a brief proposes; what a list of things that wait is counted up to.
ACTIONS, COUNTED = 3, 100
# Accounts that a review ranks, neglected ones that it names, and those that it starts.
RANKED, NAMED, STARTED = 200, 20, 3
# Accounts that one look ahead takes, those that are nearest; the next takes the others.
AHEAD = 100

# The last time that we reached out, and the last time that they did.
_TOUCHED = """
SELECT a.id, a.heat_score, a.created_at, greatest(o.at, e.at), i.at
FROM perception_account a
LEFT JOIN LATERAL (
    SELECT x.at FROM perception_interaction x
    WHERE x.tenant_id = a.tenant_id AND x.account_id = a.id AND x.direction <> 'in'
    ORDER BY x.at DESC LIMIT 1) o ON true
LEFT JOIN LATERAL (
    SELECT x.at FROM perception_interaction x
    WHERE x.tenant_id = a.tenant_id AND x.account_id = a.id AND x.direction = 'in'
    ORDER BY x.at DESC LIMIT 1) i ON true
LEFT JOIN LATERAL (
    SELECT x.started_at AS at FROM autonomy_execution x
    JOIN autonomy_intent n ON n.tenant_id = x.tenant_id AND n.id = x.intent_id
    WHERE x.tenant_id = a.tenant_id AND x.account_id = a.id
      AND x.status = 'SUCCEEDED' AND n.reaches_out
    ORDER BY x.started_at DESC LIMIT 1) e ON true
WHERE a.tenant_id = %s AND a.owner_id = %s AND a.closed_at IS NULL
  AND a.lifecycle <> 'CHURNED'
"""

# Renewals that are within a window for which nothing was started yet.
_AHEAD = """
SELECT n.account_id, n.key FROM (
    SELECT DISTINCT ON (d.account_id) d.account_id, d.key, d.renewal_date
    FROM (SELECT o.tenant_id, o.account_id, o.renewal_date,
                 concat_ws(' ', %(trigger)s::text, o.account_id, o.renewal_date,
                           (SELECT min(w) FROM unnest(%(windows)s::int[]) w
                            WHERE o.renewal_date - %(today)s::date <= w)) AS key
          FROM perception_opportunity o
          WHERE o.tenant_id = %(tenant)s AND o.stage <> %(lost)s
            AND o.renewal_date > %(today)s::date
            AND o.renewal_date <= %(today)s::date + %(most)s::int) d
    JOIN perception_account a ON a.tenant_id = d.tenant_id AND a.id = d.account_id
    WHERE a.closed_at IS NULL
      AND NOT EXISTS (SELECT FROM autonomy_run r
                      WHERE r.tenant_id = d.tenant_id AND r.key = d.key)
    ORDER BY d.account_id, d.renewal_date) n
ORDER BY n.renewal_date, n.account_id LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Seller:
    """Somebody who owns accounts."""

    member: UUID
    role: Role

    def caller(self) -> Caller:
        return Caller(tenant=current_tenant(), membership=self.member, role=self.role)


def sellers(occasion: Occasion) -> list[Seller]:
    """Who owns accounts and was not told yet."""
    tenant = current_tenant()
    owned = Account.objects.filter(
        tenant_id=tenant, owner_id=OuterRef("pk"), closed_at=None
    )
    told = Told.objects.filter(
        tenant_id=tenant, ritual_id=occasion.id, member_id=OuterRef("pk")
    )
    rows = Membership.objects.filter(
        Exists(owned), ~Exists(told), tenant_id=tenant, is_active=True
    )
    return [
        Seller(member=id_, role=Role(role))
        for id_, role in rows.order_by("id").values_list("id", "role")
    ]


def brief(occasion: Occasion, seller: Seller, *, now: datetime) -> int:
    """Three next actions, and what waits. Where fewer are open, more are thought about;
    how many runs that started.
    """
    caller = seller.caller()
    rows: Any = feed.next_for(caller, now=now)
    found = list(rows.order_by("-score", "-id")[:ACTIONS])
    begun = _under_way(seller)[: ACTIONS - len(found)]
    quiet = _quiet(seller, ACTIONS - len(found) - len(begun))
    started = _start(occasion, quiet)
    waiting = feed.inbox(caller, now=now).order_by("-id")[:COUNTED]
    names = {Approval: "approvals", Execution: "doubts", Intent: "held"}
    counted = Counter(names.get(type(row), "parked") for row in waiting)
    _tell(
        occasion,
        seller,
        {
            "next": [_action(row) for row in found],
            "preparing": [str(account) for account in [*begun, *started]],
            "waiting": dict(counted),
        },
        now=now,
    )
    return len(started)


def review(occasion: Occasion, seller: Seller, *, now: datetime) -> int:
    """Their accounts by heat, beside where each stood a week ago; and those neglected.
    The warmest of these are thought about; how many runs that started.
    """
    before = _ranks_before(occasion, seller)
    ranked = [
        {**each, "rank": rank, "before": before.get(each["account"])}
        for rank, each in enumerate(_by_heat(seller, now)[:RANKED], start=1)
    ]
    lost = _neglected(seller, now)
    started = _start(occasion, [each.account for each in lost[:STARTED]])
    _tell(
        occasion,
        seller,
        {
            "accounts": ranked,
            "neglected": [
                {"account": str(each.account), "why": each.why, "days": each.days}
                for each in lost[:NAMED]
            ],
            "neglected_count": len(lost),
            "preparing": [str(account) for account in started],
        },
        now=now,
    )
    return len(started)


def ahead(occasion: Occasion) -> dict[UUID, str]:
    """Accounts whose renewal has come within a window, the nearest first, each with the
    key of what is started for it: once for each renewal and window.
    """
    windows = [days for days, _ in WINDOWS]
    with connection.cursor() as cursor:
        cursor.execute(
            _AHEAD,
            {
                "tenant": str(current_tenant()),
                "trigger": occasion.kind.value,
                "today": occasion.day,
                "windows": windows,
                "most": max(windows),
                "lost": LOST,
                "limit": AHEAD,
            },
        )
        return dict(cursor.fetchall())


def run_up(occasion: Occasion, keys: dict[UUID, str]) -> int:
    """Start what is thought about renewals that came near."""
    return len(starting.start(occasion.kind, keys, more=occasion.about()))


def _start(occasion: Occasion, accounts: Sequence[UUID]) -> list[UUID]:
    """Once for an account and a day, whoever is told of it."""
    keys = {
        account: f"{occasion.kind.value} {account} {occasion.day}"
        for account in accounts
    }
    return starting.start(occasion.kind, keys, more=occasion.about())


def _tell(
    occasion: Occasion, seller: Seller, body: dict[str, Any], *, now: datetime
) -> None:
    Told.objects.bulk_create(
        [
            Told(
                tenant_id=current_tenant(),
                ritual_id=occasion.id,
                member_id=seller.member,
                body=body,
                at=now,
            )
        ],
        ignore_conflicts=True,
    )


def _action(row: Any) -> dict[str, Any]:
    return {
        "approval": str(row.id),
        "intent": str(row.intent_id),
        "account": str(row.account_id),
        "action_type": row.intent.action_type,
        "score": row.score,
        "expires_at": row.expires_at.isoformat(),
    }


def _under_way(seller: Seller) -> list[UUID]:
    """Their accounts that another ritual has begun to think about."""
    rows = Run.objects.filter(
        tenant_id=current_tenant(),
        account__owner_id=seller.member,
        status__in=OPEN,
        origin="ritual",
    )
    found = rows.order_by("-account__heat_score", "account_id")
    return list(dict.fromkeys(found.values_list("account_id", flat=True)[:COUNTED]))


def _quiet(seller: Seller, most: int) -> list[UUID]:
    """The warmest of their accounts at which nothing waits and nothing is begun."""
    if most <= 0:
        return []
    here = {"tenant_id": current_tenant(), "account_id": OuterRef("pk")}
    waits = Intent.objects.filter(**here, status__in=sorted(WAITING))
    begun = Run.objects.filter(**here, status__in=OPEN)
    rows = Account.objects.filter(
        ~Exists(waits),
        ~Exists(begun),
        tenant_id=current_tenant(),
        owner_id=seller.member,
        closed_at=None,
    ).exclude(lifecycle=Account.Lifecycle.CHURNED)
    return list(rows.order_by("-heat_score", "id").values_list("id", flat=True)[:most])


def _by_heat(seller: Seller, now: datetime) -> list[dict[str, Any]]:
    """Their accounts as warm as they are by now."""
    rows = Account.objects.filter(
        tenant_id=current_tenant(), owner_id=seller.member, closed_at=None
    ).values_list("id", "heat_score", "heat_tier", "heat_at")
    warm = [
        (id_, cooled(Heat(score=score, tier=Tier(tier), at=at), now=now))
        for id_, score, tier, at in rows
    ]
    warm.sort(key=lambda each: (-each[1].score, each[0]))
    return [
        {"account": str(id_), "heat": round(heat.score, 4), "tier": heat.tier.value}
        for id_, heat in warm
    ]


def _ranks_before(occasion: Occasion, seller: Seller) -> dict[str, int]:
    told = Told.objects.filter(
        tenant_id=current_tenant(),
        member_id=seller.member,
        ritual__kind=occasion.kind.value,
        ritual__day__lt=occasion.day,
    )
    body = told.order_by("-ritual__day").values_list("body", flat=True).first()
    return {each["account"]: each["rank"] for each in (body or {}).get("accounts", ())}


def _neglected(seller: Seller, now: datetime) -> list[Neglect]:
    """Whom nobody has answered, and whom nobody has spoken to; the warmest first."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, [str(current_tenant()), str(seller.member)])
        rows = cursor.fetchall()
    touches = [
        Touch(account=id_, heat=heat, known_since=since, ours=ours, theirs=theirs)
        for id_, heat, since, ours, theirs in rows
    ]
    return neglected(touches, now=now)
