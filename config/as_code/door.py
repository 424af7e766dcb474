"""A tenant's configuration to download: read, never changed, here."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from config.as_code.standing import standing
from config.as_code.told import exported
from ledger.scope import current_tenant
from perception.models import Tenant
from perception.pages import page
from perception.rules.callers import Caller
from perception.rules.roles import Role


@require_safe
@page(frozenset({Role.ADMIN, Role.AUDITOR}))
def export(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What `config export` writes."""
    slug = Tenant.objects.values_list("slug", flat=True).get(pk=current_tenant())
    named = f'attachment; filename="{slug}.yaml"'
    return HttpResponse(
        exported(slug, standing()),
        content_type="application/yaml; charset=utf-8",
        headers={"Content-Disposition": named},
    )
