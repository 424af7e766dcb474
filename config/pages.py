"""Which of their tenants a person is in, and what the login library must not offer."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ledger.scope import tenant_scope
from perception.models import Membership


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
