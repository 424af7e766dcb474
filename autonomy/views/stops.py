"""/stop/: the big red switch, on every page; and what is stopped, shown live to everybody."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from autonomy.admin.standing import Stop, meant_for, told
from autonomy.errors import AutonomyError
from autonomy.rules.switches import Scope
from autonomy.stopped import glimpsed, seen, standing
from autonomy.switchboard import HOLD, engage
from autonomy.switchboard import release as let_go
from autonomy.views.stop_form import StopForm, offered_accounts
from ledger.clock import clock
from ledger.scope import tenant_scope
from perception.members import person_acting
from perception.models import Account
from perception.pages import SEEN, page
from perception.rules.callers import Caller
from perception.rules.roles import Role

ADMINS = frozenset({Role.ADMIN})
OVERSEERS = frozenset({Role.ADMIN, Role.AUDITOR})
# A pass names its tenant, so that looking costs one statement and no session: the one that
# also asks whether its person is still who they were. It is good for ten minutes; then the
# page shows its session once, and gets another.
PASS, SALT = "X-Stops", "stops"
GOOD_FOR = timedelta(minutes=10)
RENEW = "renew"


@dataclass(frozen=True, kw_only=True)
class Banner:
    """What is stopped, for one reader; and what lets their page look again."""

    caller: Caller
    stops: list[Stop]
    seen: str

    @classmethod
    def of(cls, caller: Caller) -> "Banner":
        found = standing()
        shown = told(meant_for(caller, found))
        return cls(caller=caller, stops=list(shown), seen=seen(found))

    @property
    def looks(self) -> bool:
        """May they look closer, in the admin's pages?"""
        return self.caller.role in OVERSEERS

    @property
    def may_stop(self) -> bool:
        return self.caller.role in ADMINS

    @cached_property
    def leave(self) -> str:
        """The pass."""
        caller = self.caller
        claims = [str(caller.tenant), str(caller.membership), caller.role.value]
        return signing.dumps(claims, salt=SALT)


@require_safe
def now(request: HttpRequest) -> HttpResponse:
    """Whether anything else is stopped than the page shows: asked for all the time.

    Nothing new is the usual answer, and costs one statement by keys.
    """
    try:
        claims = signing.loads(
            request.headers.get(PASS, ""), salt=SALT, max_age=GOOD_FOR
        )
    except signing.BadSignature:
        return _nothing(**{PASS: RENEW})
    tenant, membership, role = UUID(claims[0]), UUID(claims[1]), Role(claims[2])
    caller = Caller(tenant=tenant, membership=membership, role=role)
    found = glimpsed(caller)
    if found is None:
        return _nothing(**{PASS: RENEW})
    if request.headers.get(SEEN) == seen(found):
        return _nothing()
    with tenant_scope(tenant):
        return _shown(request, Banner.of(caller))


@require_safe
@page(frozenset(Role))
def stops(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The same for whoever shows a session; with a new pass."""
    banner = Banner.of(caller)
    answer = _shown(request, banner)
    answer.headers[PASS] = banner.leave
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
@page(ADMINS)
def stop(request: HttpRequest, caller: Caller) -> HttpResponse:
    """What to stop, why, and until when; one POST, and nothing of it starts any more."""
    onward = _safe(request, request.POST.get("next", ""))
    if request.method != "POST":
        form = StopForm(initial=_wished(request))
        return _form(request, form, _safe(request, request.GET.get("next", "")))
    form, at = StopForm(request.POST), clock()
    if not form.is_valid():
        return _form(request, form, onward)
    try:
        with transaction.atomic():
            engage(form.wanted(now=at), by=person_acting(caller), now=at)
    except AutonomyError as refusal:
        form.add_error(None, str(refusal))
        return _form(request, form, onward)
    messages.success(request, "Stopped. Nothing that it covers starts any more.")
    return redirect(onward or "stop-page")


@require_http_methods(["GET", "HEAD", "POST"])
@page(ADMINS)
def release(request: HttpRequest, caller: Caller, pk: UUID) -> HttpResponse:
    """Let it go: first what people approve starts again, after the hold everything."""
    if request.method != "POST":
        return redirect("stop-page")
    onward = _safe(request, request.POST.get("next", "")) or reverse("stop-page")
    reason = request.POST.get("reason", "").strip()[:300]
    if not reason:
        messages.error(request, "Say why it may go on: nothing has changed.")
        return redirect(onward)
    try:
        with transaction.atomic():
            row = let_go(pk, reason, by=person_acting(caller), hold=HOLD)
    except AutonomyError as refusal:
        messages.error(request, str(refusal))
        return redirect(onward)
    is_whole = row.full_at is not None and row.full_at <= clock()
    said = "Everything of it starts again." if is_whole else (
        f"Released. For {HOLD.total_seconds():.0f} seconds a person approves each act; "
        "then everything of it starts again."
    )  # fmt: skip
    messages.success(request, said)
    return redirect(onward)


def _form(request: HttpRequest, form: StopForm, onward: str) -> HttpResponse:
    about = {"form": form, "names": offered_accounts(), "next": onward}
    return render(request, "autonomy/pages/stop.html", about)


def _wished(request: HttpRequest) -> dict[str, Any]:
    """What a link to the form names beforehand: an account's own page names it."""
    scope = request.GET.get("scope", "")
    if scope not in list(Scope):
        return {}
    target = request.GET.get("target", "")[:200]
    if scope == Scope.ACCOUNT:
        try:
            named = Account.objects.filter(pk=UUID(target)).first()
        except ValueError:
            named = None
        target = _told(named) if named else target
    return {"scope": scope, scope: target}


def _told(account: Account) -> str:
    """Its name, where no other has it."""
    same = Account.objects.filter(name__iexact=account.name)
    return account.name if same.count() == 1 else str(account.pk)


def _shown(request: HttpRequest, banner: Banner) -> HttpResponse:
    html = render_to_string("autonomy/stopped.html", {"banner": banner}, request)
    return HttpResponse(html, headers={SEEN: banner.seen, "Cache-Control": "no-store"})


def _nothing(**headers: str) -> HttpResponse:
    """No content, and no type of it: what looks after sessions passes it by."""
    return HttpResponse(
        status=204,
        content_type="text/plain",
        headers={**headers, "Cache-Control": "no-store"},
    )


def _safe(request: HttpRequest, url: str) -> str:
    """Where to go on: a page of this house, or nowhere."""
    is_ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts=None, require_https=request.is_secure()
    )
    return url if url.startswith("/") and is_ours else ""
