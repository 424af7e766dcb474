"""The first page: what this house is, and whether it is well."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from ledger.api import entries
from ledger.models import Entry
from ledger.prove import newest_checkpoint
from ledger.rules.kinds import MEANING, Kind
from ledger.scope import tenant_scope
from perception.accounts import visible_to
from perception.heat import heat_of
from perception.models import Account, Membership, Opportunity, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role, sees_all_accounts

ACCOUNTS_SHOWN = 25
ENTRIES_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class Told:
    """An entry of the ledger, in words."""

    number: int
    kind: str
    meaning: str
    by: str
    at: datetime
    sequence: int | None


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The caller's accounts, and for those who oversee: what was stated lately."""
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None:
        return render(request, "nobody.html", status=403)
    oversees = caller.role in (Role.ADMIN, Role.AUDITOR)
    checkpoint = newest_checkpoint() if oversees else None
    return render(
        request,
        "home.html",
        {
            "tenant": Tenant.objects.get(),
            "member": Membership.objects.select_related("person").get(
                pk=caller.membership
            ),
            "sees_all": sees_all_accounts(caller.role),
            "oversees": oversees,
            "accounts": _warmest(caller, now=timezone.now()),
            "count": visible_to(caller).count(),
            "entries": _told() if oversees else [],
            "checkpoint": checkpoint,
            "root": bytes(checkpoint.root).hex() if checkpoint else "",
        },
    )


def _warmest(caller: Caller, *, now: datetime) -> list[Account]:
    """The accounts to look at first, each with the stage of its newest deal, and as
    warm as it is now.
    """
    deals = Opportunity.objects.filter(account=OuterRef("pk")).order_by("-id")
    stage = Replace(Subquery(deals.values("stage")[:1]), Value("_"), Value(" "))
    rows = visible_to(caller).select_related("owner__person").annotate(stage=stage)
    found: list[Account] = [*rows.order_by("-heat_score", "name")[:ACCOUNTS_SHOWN]]
    for account in found:
        account.heat = heat_of(account, now=now)  # type: ignore[attr-defined]
    return found


def _told() -> list[Told]:
    newest = list(entries().order_by("-number")[:ENTRIES_SHOWN])
    names = _names(entry.actor for entry in newest)
    return [
        Told(
            number=entry.number,
            kind=entry.kind,
            meaning=_meaning(entry),
            by=names.get(entry.actor["id"]) or f"The {entry.actor['type']}",
            at=entry.at,
            sequence=entry.sequence,  # type: ignore[attr-defined]
        )
        for entry in newest
    ]


def _meaning(entry: Entry) -> str:
    """A kind of an earlier version keeps its bare name."""
    return MEANING[Kind(entry.kind)] if entry.kind in MEANING else entry.kind


def _names(actors: Iterable[dict[str, str]]) -> dict[str, str]:
    """The ledger names people by membership; here their names are looked up."""
    ids: Sequence[UUID] = [
        UUID(actor["id"]) for actor in actors if actor["type"] == "person"
    ]
    members = Membership.objects.select_related("person").filter(pk__in=ids)
    return {str(member.id): str(member.person) for member in members}


def closed(request: HttpRequest) -> HttpResponse:
    """What the login library offers and this house does not."""
    raise Http404


@login_required
def tenants(request: HttpRequest) -> HttpResponse:
    """The tenants of one person: each is asked inside its own scope, one is chosen."""
    person: Any = request.user
    mine = [place for id_ in person.tenant_ids if (place := _place(id_, person.pk))]
    if request.method == "POST":
        chosen = request.POST.get("tenant", "")
        if chosen not in {str(place.tenant_id) for place in mine}:
            raise Http404
        request.session["tenant"] = chosen
        return redirect("home")
    return render(request, "tenants.html", {"places": mine})


def _place(tenant: UUID, person: UUID) -> Membership | None:
    with tenant_scope(tenant):
        mine = Membership.objects.select_related("tenant")
        return mine.filter(person_id=person, is_active=True).first()
