"""How an account is watched, as it is shown: when next and why, and how it was read."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.models import Account, Pull, Tenant
from perception.rules.cadence import Cadence, cadence_of, outlook
from perception.rules.heat import Tier


def cadence_in_force() -> Cadence:
    """The table of the tenant in scope."""
    return cadence_of(Tenant.objects.get(pk=current_tenant()).cadence)


def watched(account: Account, table: Cadence, *, now: datetime) -> str:
    """When an account is looked at next, and why then, in words."""
    if account.closed_at is not None:
        return "no look is planned, as it is closed"
    return outlook(
        table,
        account.id,
        Tier(account.heat_tier),
        next_at=account.next_poll_at,
        seen_at=account.seen_at,
        now=now,
    )


def pulls_of(account: Account) -> QuerySet[Pull]:
    """How an account was read."""
    rows = Pull.objects.filter(tenant_id=current_tenant(), account=account)
    return rows.select_related("connector").defer("connector__sealed_secrets")


def judged(pulls: Sequence[Pull]) -> list[Pull]:
    """Pulls of one account, each with the reason for which it was let out."""
    found: dict[str, dict[str, str]] = {}
    if pulls:
        entries = Entry.objects.filter(
            tenant_id=current_tenant(),
            account_id=pulls[0].account_id,
            kind=Kind.PULL_JUDGED,
            subjects__pull__in=[str(each.id) for each in pulls],
        )
        found = {
            subjects["pull"]: data
            for subjects, data in entries.values_list("subjects", "data")
        }
    for each in pulls:
        verdict = found.get(str(each.id), {})
        each.reason = verdict.get("reason", "")  # type: ignore[attr-defined]
        each.explanation = verdict.get("explanation", "")  # type: ignore[attr-defined]
    return list(pulls)
