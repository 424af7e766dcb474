"""Budgets: all that apply are consumed, or none; what was not used comes back."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from autonomy.models import Budget, BudgetUse
from autonomy.rows import Writes
from autonomy.rules.budget import effective_limit
from autonomy.rules.facts import BudgetLine
from ledger.riding import ride
from ledger.scope import current_tenant
from perception.accounts import visible_to
from perception.models import Account
from perception.rules.callers import Caller
from perception.rules.roles import sees_all_accounts
from perception.tenants import today

_CONSUMED = "autonomy_consume(%s, %s, %s, %s, %s::uuid[], %s::uuid[], %s::int[])"
_HERE, _BACK = "SAVEPOINT unspent", "ROLLBACK TO SAVEPOINT unspent"
_GIVE_BACK = "SELECT intent, receipt FROM autonomy_give_back_all(%s, %s::uuid[])"


def consume(
    lines: Sequence[BudgetLine],
    *,
    intent: UUID,
    day: date,
    receipt: UUID,
    after: Writes | None = None,
    rides: bool = False,
) -> bool:
    """Take one out of every budget, or nothing; False where one of them is empty.

    Do it last in a transaction: until the commit, others wait for the same rows. `after`:
    what is written in the same breath before it, and not at all where it fails. What
    `rides` is taken with the commit, and an empty budget refuses that.
    """
    named = [
        current_tenant(),
        intent,
        day,
        receipt,
        [line.budget for line in lines],
        [line.key for line in lines],
        [line.limit for line in lines],
    ]
    writes = after or Writes()
    if rides:
        writes.insist(f"{_CONSUMED} IS NOT NULL", named)
        return True
    if after is not None:
        ride(_HERE, ())
    taken = writes.ask(f"SELECT {_CONSUMED} IS NOT NULL", named) == [(True,)]
    if after is not None and not taken:
        with connection.cursor() as cursor:
            cursor.execute(_BACK)
    return taken


def give_back(intent: UUID) -> UUID | None:
    """Return what an intent took, if it took anything and nothing was started."""
    return give_back_all([intent]).get(intent)


def give_back_all(intents: Sequence[UUID]) -> dict[UUID, UUID]:
    """The same for many, in one order for everybody; the receipts, by intent."""
    return dict(Writes().ask(_GIVE_BACK, [current_tenant(), list(intents)]))


def usage(
    *, account: Account | None, seen_by: Caller, now: datetime
) -> list[dict[str, Any]]:
    """What each budget has left today; for an account, those that apply to it."""
    day = today(now=now)
    budgets = visible(seen_by).order_by("id")
    if account is not None:
        budgets = _applying(budgets, account)
    used, last = _used(day)
    return [
        _usage(budget, key, count, day, last.get((budget.id, key)))
        for budget in budgets
        for key, count in _counts(budget, used.get(budget.id, {}), account)
    ]


def visible(caller: Caller) -> QuerySet[Budget]:
    """The budgets in use; a seller sees those of all, and those that are theirs."""
    budgets = Budget.objects.filter(tenant_id=caller.tenant, is_active=True)
    if sees_all_accounts(caller.role):
        return budgets
    mine = visible_to(caller).values("id")
    return budgets.filter(Q(account=None) | Q(account_id__in=mine)).filter(
        Q(seller=None) | Q(seller_id=caller.membership)
    )


def _applying(budgets: QuerySet[Budget], account: Account) -> QuerySet[Budget]:
    """The rows for an account; one for every one gives way to a row of its own."""
    rows = budgets.filter(Q(account=None) | Q(account=account)).filter(
        Q(seller=None) | Q(seller_id=account.owner_id)
    )
    own = Budget.objects.filter(
        tenant_id=current_tenant(),
        is_active=True,
        each="",
        action_type=OuterRef("action_type"),
    )
    return rows.exclude(
        Q(each=Budget.Each.ACCOUNT) & Exists(own.filter(account=account))
    ).exclude(
        Q(each=Budget.Each.SELLER) & Exists(own.filter(seller_id=account.owner_id))
    )


def _used(
    day: date,
) -> tuple[dict[UUID, dict[UUID, int]], dict[tuple[UUID, UUID | None], date]]:
    """What today has used, and when each was last used before."""
    rows = BudgetUse.objects.filter(tenant_id=current_tenant())
    used: dict[UUID, dict[UUID, int]] = {}
    for use in rows.filter(day=day):
        used.setdefault(use.budget_id, {})[use.key] = use.used
    decaying = rows.filter(budget__decay_percent__gt=0, used__gt=0, day__lt=day)
    last = decaying.values_list("budget_id", "key").annotate(last=Max("day"))
    return used, {(budget, key): when for budget, key, when in last}


def _counts(
    budget: Budget, used: dict[UUID, int], account: Account | None
) -> list[tuple[UUID | None, int]]:
    """For whom a budget counts, and how much; an unused one is shown once."""
    if account is None:
        return list(used.items()) or [(budget.account_id or budget.seller_id, 0)]
    key = account.owner_id if _by_seller(budget) else account.id
    if not (_by_seller(budget) or budget.account_id or budget.each):
        key = budget.tenant_id
    return [(key, used.get(key, 0))] if key else []


def _by_seller(budget: Budget) -> bool:
    return budget.each == Budget.Each.SELLER or budget.seller_id is not None


def _usage(
    budget: Budget, key: UUID | None, used: int, day: date, last: date | None
) -> dict[str, Any]:
    whom = "seller" if _by_seller(budget) else "account"
    is_whole = not (budget.account_id or budget.seller_id or budget.each)
    parts = [] if is_whole else [whom]
    if budget.action_type:
        parts.append("action_type")
    idle = (day - max(last or date.min, budget.set_at.date())).days - 1
    limit = effective_limit(
        budget.limit_per_day,
        decay_percent=budget.decay_percent,
        idle_days=max(0, idle),
    )
    return {
        "budget": budget.id,
        "scope": "+".join(parts) or "tenant",
        "account": None if is_whole or whom == "seller" else key,
        "seller": key if not is_whole and whom == "seller" else None,
        "action_type": budget.action_type,
        "limit": limit,
        "used": used,
        "remaining": max(0, limit - used),
        "day": day,
    }
