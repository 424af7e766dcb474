"""The first page: what this house is, and whether it is well."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ledger.api import entries
from ledger.prove import newest_checkpoint
from perception.accounts import visible_to
from perception.models import Membership, Tenant
from perception.rules.callers import Caller
from perception.rules.roles import Role, sees_all_accounts


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The caller's accounts, and for those who oversee: what was stated lately."""
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    if caller is None:
        return render(request, "nobody.html", status=403)
    oversees = caller.role in (Role.ADMIN, Role.AUDITOR)
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
            "accounts": visible_to(caller).order_by("-heat_score", "name")[:25],
            "count": visible_to(caller).count(),
            "entries": entries().order_by("-number")[:15] if oversees else [],
            "checkpoint": newest_checkpoint() if oversees else None,
        },
    )
