"""The first page of the admin: how the tenant stands, and what to look at first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from autonomy.admin.budgets import where
from autonomy.admin.chart import chart
from autonomy.admin.life import Line, ago, length, life
from autonomy.admin.words import spaced
from autonomy.models import Budget, BudgetUse
from autonomy.overview import MOST, Overview, days, overview
from autonomy.pacing import decision_budget
from autonomy.registry import all_types
from autonomy.rules.actions import Risk, worse
from autonomy.rules.digest_words import named
from ledger.admin import oversees
from ledger.api import entries
from ledger.clock import clock
from ledger.models import Entry
from ledger.prove import newest_checkpoint
from ledger.rules.kinds import MEANING, Kind
from perception.models import Membership, Tenant
from perception.pages import tenant_time

ENTRIES = 8
BUDGETS = 6
_DAY = timedelta(days=1)
RISKS: tuple[tuple[str, str, str], ...] = (
    (Risk.HIGH, "high risk", "bad"),
    (Risk.MEDIUM, "medium", "wait"),
    (Risk.LOW, "low", "plain"),
    (Risk.MINIMAL, "minimal", "plain"),
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a new tenant does first, and whether it has."""

    name: str
    said: str
    url: str
    done: bool


def told(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the page shows: how the tenant stands, and the processes that all share.

    Whoever looks after the house alone is in no tenant, and sees the processes.
    """
    is_root = bool(getattr(request.user, "is_superuser", False))
    shown = {**context, "is_root": is_root, "jobs_url": _list("job") if is_root else ""}
    if is_root or oversees(request):
        shown |= life(clock())
    return {**shown, **_tenant(clock())} if oversees(request) else shown


def _tenant(now: datetime) -> dict[str, Any]:
    zone = tenant_time()
    today = now.astimezone(zone).date()
    found, chart_ = overview(day=today), chart(days(zone=zone, now=now))
    return {
        "in_tenant": True,
        "zone": zone,
        "found": found,
        "most": MOST,
        "chart": chart_,
        "waiting": _waiting(found),
        "oldest": _oldest(found, now),
        "stuck": _stuck(found),
        "parked": [_parked(row, now) for row in found.parked_newest],
        "spend": _spend(found.spend),
        "budgets": _budgets(today),
        "tried": _tried(found.tried),
        "steps": [] if _is_at_work(found) else _steps(found.has),
        **_ledger(found),
    }


def _waiting(found: Overview) -> list[Line]:
    """Open questions by the risk that counts."""
    registered = {each.key: each.traits.risk_level for each in all_types()}
    counts: Counter[str] = Counter()
    for row in found.waiting:
        claimed = row["risk"] or None
        risk = worse(registered.get(row["type"], Risk.HIGH), claimed)
        counts[risk] += row["count"]
    return [
        Line(name=word, said=f"{counts[risk]:,}", tone=tone)
        for risk, word, tone in RISKS
        if counts[risk]
    ]


def _oldest(found: Overview, now: datetime) -> list[Line]:
    return [
        Line(
            name=f"{named(row['type'])} at {row['account']}",
            said=f"asked {ago(_at(row['asked_at']), now)} ago, "
            + _left(_at(row["expires_at"]), now)
            + (", passed on since nobody answered" if row["escalated_at"] else ""),
            word=row["role"].lower(),
            url=_one("approval", row["id"]),
        )
        for row in found.oldest
    ]


def _stuck(found: Overview) -> list[Line]:
    """What needs a person's hand, worst first; nothing where all is well."""
    rows = [
        (found.doubts, "act|acts in doubt", "it may have been done: settle it",
         "bad", _list("execution", "status__exact=IN_DOUBT")),
        (found.given_up, "approved act|approved acts that could not start",
         "nobody tries again", "bad", _list("intent")),
        (found.parked, "parked run|parked runs", "gave up after several tries",
         "wait", _list("run", "status__exact=PARKED")),
    ]  # fmt: skip
    lines = [
        Line(name=_counted(count, nouns), said=said, tone=tone, url=url)
        for count, nouns, said, tone, url in rows
        if count
    ]
    for row in found.breakers:
        said = "opened by hand" if row["forced"] else "it kept failing: left alone"
        url = _one(
            row["noun"],
            row["id"],
            "autonomy" if row["noun"] == "tool" else "perception",
        )
        name = f"Breaker of {row['noun']} {row['name']} is open"
        lines.append(Line(name=name, said=said, tone="wait", url=url))
    for row in found.alerts:
        about = "too slow" if row["about"] == "latency" else "fails too often"
        url = _one("sloalert", row["id"])
        name = f"{row['tool']} {about if about != 'too slow' else 'is too slow'}"
        lines.append(Line(name=name, said="objective missed", tone="bad", url=url))
    return lines


def _parked(row: Mapping[str, Any], now: datetime) -> Line:
    return Line(
        name=f"{spaced(row['trigger']).capitalize()} at {row['account']}",
        said=row["error"] or "no error was kept",
        word=f"{ago(_at(row['updated_at']), now)} ago",
        url=_one("run", row["id"]),
    )


def _spend(used: Mapping[str, Any]) -> list[Line]:
    """What today's decisions took of their budget."""
    limits = decision_budget()
    cost, most = used["cost"], limits["cost_per_day"]
    runs, limit = used["runs"], limits["runs_per_day"]
    url = _list("decisionbudget")
    return [
        Line(
            name="Decisions",
            said=f"{runs:,} of {limit:,}, {max(0, limit - runs):,} left",
            share=share(runs, limit),
            tone=_full(runs, limit),
            url=url,
        ),
        Line(
            name="Cost",
            said=f"{cost:,.2f} of {most:,.2f}; {used['tokens']:,} tokens",
            share=share(cost, most),
            tone=_full(cost, most),
            url=url,
        ),
    ]


def _budgets(today: Any) -> list[Line]:
    """The budgets that are nearest to their end; of those for each, whoever used most."""
    rows = Budget.objects.filter(is_active=True).select_related(
        "account", "seller__person"
    )
    held = list(rows.order_by("-set_at")[:100])
    most: dict[UUID, int] = {}
    uses = BudgetUse.objects.filter(budget__in=held, day=today)
    for id_, used in uses.order_by("-used").values_list("budget_id", "used")[:1000]:
        most.setdefault(id_, used)
    lines = [
        Line(
            name=where(row),
            said=f"{most.get(row.pk, 0):,} of {row.limit_per_day:,}, "
            f"{max(0, row.limit_per_day - most.get(row.pk, 0)):,} left",
            share=share(most.get(row.pk, 0), row.limit_per_day),
            tone=_full(most.get(row.pk, 0), row.limit_per_day),
            url=_one("budget", row.pk),
        )
        for row in held
    ]
    return sorted(lines, key=lambda line: -line.share)[:BUDGETS]


def _tried(tried: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The newest simulation: how many of its acts would have run alone, and did."""
    if not tried or not tried["matrix"]:
        return None
    matrix = tried["matrix"]
    return {
        "would": sum(row["AUTO_EXECUTE"] for row in matrix.values()),
        "did": sum(matrix["AUTO_EXECUTE"].values()),
        "all": sum(sum(row.values()) for row in matrix.values()),
        "days": max(1, round((_at(tried["end"]) - _at(tried["begin"])) / _DAY)),
        "url": _one("simulation", tried["id"]),
    }


# What a new tenant does, in this order: what tells that it is done, its name, why, where.
_STEPS = (
    (
        "connectors",
        "Connect a source",
        "A CRM, a mailbox, a calendar, a webhook: what happens there is noticed here.",
        "admin:perception_connector_changelist",
    ),
    (
        "accounts",
        "Have accounts",
        "They come from your CRM, or are added by the API.",
        "admin:perception_account_changelist",
    ),
    (
        "modes",
        "Choose how much may run alone",
        "Begin with Assist: it proposes, and people do.",
        "admin:autonomy_mode_changelist",
    ),
    (
        "budgets",
        "Set a budget",
        "So many acts a day may run alone; without one a person is asked each time.",
        "admin:autonomy_budget_changelist",
    ),
    (
        "acts",
        "See the first act",
        "What is proposed waits in the inbox of whoever decides.",
        "inbox-page",
    ),
)


def _steps(has: Mapping[str, bool]) -> list[Step]:
    """The way from an empty tenant to its first act."""
    return [
        Step(name=name, said=said, url=reverse(url), done=has[key])
        for key, name, said, url in _STEPS
    ]


def _is_at_work(found: Overview) -> bool:
    return all(found.has.values())


def _ledger(found: Overview) -> dict[str, Any]:
    """The newest checkpoint, how to check it, and what was stated lately."""
    newest, head = list(entries().order_by("-number")[:ENTRIES]), newest_checkpoint()
    return {
        "checkpoint": head,
        "root": bytes(head.root).hex() if head else "",
        "slug": Tenant.objects.get().slug,
        "unsealed": found.unsealed,
        "entries": _said(newest),
    }


def _said(newest: Sequence[Entry]) -> list[dict[str, Any]]:
    ids = [each.actor["id"] for each in newest if each.actor["type"] == "person"]
    members = Membership.objects.select_related("person").filter(pk__in=ids)
    named = {str(member.pk): str(member.person) for member in members}
    return [
        {
            "number": each.number,
            "kind": each.kind,
            "said": MEANING[Kind(each.kind)] if each.kind in MEANING else each.kind,
            "by": named.get(each.actor["id"]) or f"The {each.actor['type']}",
            "at": each.at,
            "sequence": each.sequence,  # type: ignore[attr-defined]
        }
        for each in newest
    ]


def share(used: float, limit: float) -> int:
    """How much of a limit is used, in percent; all of one that lets nothing through."""
    return min(100, round(100 * used / limit)) if limit else 100


def _full(used: float, limit: float) -> str:
    part = share(used, limit)
    return "bad" if part >= 100 else "wait" if part >= 80 else "good"


def _left(at: datetime, now: datetime) -> str:
    return f"{length(at - now)} left" if at > now else "time is up"


def _counted(count: int, nouns: str) -> str:
    one, many = nouns.split("|")
    more = " or more" if count >= MOST else ""
    return f"{count:,}{more} {one if count == 1 else many}"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _list(model: str, query: str = "", app: str = "autonomy") -> str:
    url = reverse(f"admin:{app}_{model}_changelist")
    return f"{url}?{query}" if query else url


def _one(model: str, id_: Any, app: str = "autonomy") -> str:
    return reverse(f"admin:{app}_{model}_change", args=[id_])
