"""/accounts/: accounts, the warmest first. /accounts/{id}/: one of them whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from autonomy.models import Approval
from autonomy.rules.approvals import APPROVERS, DECIDERS
from autonomy.views import account_acts
from autonomy.views.account_known import known
from autonomy.views.account_past import GROUPS, Place, past
from autonomy.views.account_top import seen, top
from autonomy.views.account_words import TIERS
from autonomy.views.parts import spaced
from ledger.clock import clock
from ledger.scope import current_tenant
from perception.accounts import visible_to
from perception.heat import heat_of
from perception.models import Account, Membership, Opportunity
from perception.pages import page, part, renewed
from perception.rules.callers import Caller
from perception.rules.heat import Tier
from perception.rules.roles import Role, sees_all_accounts
from perception.warmest import by_warmth, colder_than, shown_as

A_PAGE = 25
MOST_MEMBERS, MOST_NAMED = 500, 1000
CLOSED, NOBODY = "CLOSED", "nobody"
OVER = ("closed_won", "closed_lost")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What of the list is asked for; what makes no sense is as if not asked."""

    name: str
    tier: str
    phase: str
    owner: str
    after: str

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Asked":
        tier, phase = given.get("tier", ""), given.get("phase", "")
        owner = given.get("owner", "")
        return cls(
            name=given.get("name", "").strip().replace("\0", "")[:200],
            tier=tier if tier in set(Tier) else "",
            phase=phase if phase in {*Account.Lifecycle.values, CLOSED} else "",
            owner=owner if owner == NOBODY else _id(owner),
            after=given.get("after", ""),
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.name or self.tier or self.phase or self.owner)

    def url(self, **other: str) -> str:
        """The same list, otherwise."""
        said = {"name": self.name, "tier": self.tier, "phase": self.phase}
        said |= {"owner": self.owner, **other}
        kept = {name: value for name, value in said.items() if value}
        return f"?{urlencode(kept)}" if kept else reverse("accounts-page")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One account of the list."""

    account: Account
    owner: str
    stage: str
    renewal: date | None
    tier: str
    tier_words: str
    points: int
    waits: int


@require_safe
@page()
def accounts(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The accounts that the caller sees."""
    now, asked = clock(), Asked.of(request.GET.dict())
    found = list(_asked(caller, asked, now=now)[: A_PAGE + 1])
    shown = found[:A_PAGE]
    last = shown[-1] if len(found) > A_PAGE else None
    sees_all = sees_all_accounts(caller.role)
    context = {
        "rows": _rows(shown, now=now),
        "asked": asked,
        "sees_all": sees_all,
        "is_admin": caller.role is Role.ADMIN,
        "tiers": TIERS.items(),
        "phases": [*Account.Lifecycle.choices, (CLOSED, "Closed")],
        "owners": _members() if sees_all else [],
        "after": asked.url(after=f"{_warmth(last)!r}~{last.id}") if last else "",
        "first": asked.url() if asked.after else "",
    }
    return render(request, "autonomy/pages/accounts.html", context)


@require_safe
@page()
def account(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """One account that the caller sees."""
    found, now = seen(caller, pk), clock()
    head = part(request, "autonomy/pages/account.html#now", top(found, now=now))
    if request.headers.get("HX-Request"):
        return renewed(request, head)
    given = request.GET
    show = key if (key := given.get("show", "")) in GROUPS else ""
    place = Place.of(given.get("after", ""))
    told = past(found, caller, show, place)
    context = {
        "account": found,
        "part": head,
        "show": show,
        "groups": [
            (key, words, _link(key), key == show) for key, words in GROUPS.items()
        ],
        "lines": told.lines,
        "after": _link(show, told.after) if told.after else "",
        "newest": _link(show) if place != Place() else "",
        **known(found, now=now),
        **_doings(found, caller),
    }
    return render(request, "autonomy/pages/account.html", context)


def _asked(caller: Caller, asked: Asked, *, now: datetime) -> QuerySet[Account]:
    rows = by_warmth(visible_to(caller).select_related("owner__person"))
    closed = asked.phase == CLOSED
    rows = rows.filter(closed_at__isnull=not closed)
    if asked.phase and not closed:
        rows = rows.filter(lifecycle=asked.phase)
    if asked.name:
        # So many of that name at most: else a rare one is looked for among all.
        named = rows.order_by().filter(name__icontains=asked.name)
        rows = rows.filter(pk__in=named.values("pk")[:MOST_NAMED])
    if asked.tier:
        rows = rows.filter(shown_as(Tier(asked.tier), now=now))
    if asked.owner and sees_all_accounts(caller.role):
        nobody = asked.owner == NOBODY
        rows = rows.filter(owner_id=None if nobody else UUID(asked.owner))
    warmth, _, last = asked.after.partition("~")
    try:
        return rows.filter(colder_than(float(warmth), UUID(last)))
    except ValueError:
        return rows


def _rows(accounts: Sequence[Account], *, now: datetime) -> list[Row]:
    ids = [each.id for each in accounts]
    own: dict[str, Any] = {"tenant_id": current_tenant(), "account_id__in": ids}
    stages: dict[UUID, str] = {}
    renewals: dict[UUID, date] = {}
    deals = Opportunity.objects.filter(**own).exclude(stage__in=OVER).order_by("id")
    for id_, stage, renewal in deals.values_list("account_id", "stage", "renewal_date"):
        stages[id_] = spaced(stage)
        if renewal and renewal >= now.date():
            renewals[id_] = min(renewal, renewals.get(id_, renewal))
    open_ = Approval.objects.filter(**own, status=Approval.Status.PENDING)
    asked = open_.values_list("account_id").annotate(count=Count("id"))
    waits: dict[UUID, int] = dict(asked)
    return [_row(each, stages, renewals, waits, now=now) for each in accounts]


def _row(
    account: Account,
    stages: Mapping[UUID, str],
    renewals: Mapping[UUID, date],
    waits: Mapping[UUID, int],
    *,
    now: datetime,
) -> Row:
    heat = heat_of(account, now=now)
    return Row(
        account=account,
        owner=str(account.owner.person) if account.owner else "",
        stage=stages.get(account.id, ""),
        renewal=renewals.get(account.id),
        tier=heat.tier.value.lower(),
        tier_words=TIERS[heat.tier],
        points=round(heat.score * 100),
        waits=waits.get(account.id, 0),
    )


def _doings(account: Account, caller: Caller) -> dict[str, Any]:
    """What the caller may do here."""
    hands_over = caller.role in APPROVERS
    return {
        "may_propose": caller.role in DECIDERS and account.closed_at is None,
        "may_hand_over": hands_over,
        "may_close": caller.role is Role.ADMIN,
        "may_opt_out": caller.role in DECIDERS,
        "may_opt_in": caller.role is Role.ADMIN,
        "members": _members(account.owner_id) if hands_over else [],
        "seen": account_acts.tag_of(account) if hands_over else "",
    }


def _members(besides: UUID | None = None) -> list[Membership]:
    """Those who could own an account."""
    able = Q(is_active=True) & ~Q(role=Role.INTEGRATION)
    rows = Membership.objects.filter(able | Q(pk=besides), tenant_id=current_tenant())
    by_name = rows.select_related("person").order_by("person__name", "id")
    return list(by_name[:MOST_MEMBERS])


def _link(show: str, after: str = "") -> str:
    """A page of the timeline."""
    said = {"show": show, "after": after}
    kept = {name: value for name, value in said.items() if value}
    return f"?{urlencode(kept)}#past"


def _warmth(account: Account) -> float:
    found: float = account.warmth  # type: ignore[attr-defined]
    return found


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
