"""One request: named in the logs, bounded, and inside one tenant's transaction."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from structlog.contextvars import bind_contextvars, clear_contextvars
from uuid_utils.compat import uuid7

from config import idempotency, observing
from config.problems import problem
from ledger.doors import body_limit
from ledger.scope import tenant_scope
from perception import tokens
from perception.errors import PerceptionError
from perception.members import caller_of_session

logger = structlog.get_logger("config.requests")

# What pages load and ask for all the time: worth a line where it fails.
QUIET = ("/static/", "/stops/now/")

Handler = Callable[[HttpRequest], HttpResponse]

# These answer without any tenant, and must answer when the database cannot.
UNSCOPED = (
    "/healthz", "/livez", "/readyz", "/metrics", "/static/", "/api/schema", "/tenants/",
    # Asked for all the time: a pass names the tenant.
    "/stops/now/",
    # Webhooks find their tenant by their connector.
    "/api/v1/webhooks/",
    # What is set there concerns every tenant, and is stated in the house's own.
    "/admin/autonomy/job/",
    "/admin/django_celery_beat/",
)  # fmt: skip


def log_requests(get_response: Handler) -> Handler:
    """Give each request an id, say what became of it, and keep bodies bounded."""

    def handle(request: HttpRequest) -> HttpResponse:
        clear_contextvars()
        request_id = str(uuid7())
        bind_contextvars(request_id=request_id)
        return observing.served(request, lambda: said(request, request_id))

    def said(request: HttpRequest, request_id: str) -> HttpResponse:
        started = time.perf_counter()
        response = _bounded(request) or get_response(request)
        response["X-Request-Id"] = request_id
        is_quiet = response.status_code < 400 and request.path.startswith(QUIET)
        say = logger.debug if is_quiet else logger.info
        say(
            "request",
            method=request.method,
            route=_route(request),
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response

    return handle


def scope_requests(get_response: Handler) -> Handler:
    """Handle and render inside one transaction of the caller's tenant.

    An answer of 400 or more takes everything back. Whoever brings no credential, or
    a bad one, is handled outside any tenant, where there are no rows to see.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        request.caller = None  # type: ignore[attr-defined]
        request.token_refusal = None  # type: ignore[attr-defined]
        if request.path.startswith(UNSCOPED):
            return get_response(request)
        with _claimed_scope(request) as scoped:
            _identify(request)
            response = idempotency.once(
                request, lambda: _rendered(request, get_response)
            )
            keeps = getattr(response, "keeps", False)
            if scoped and response.status_code >= 400 and not keeps:
                transaction.set_rollback(True)
        return response

    return handle


def _route(request: HttpRequest) -> str:
    """The pattern, never what was filled in: a path may hold what logs must not."""
    if match := request.resolver_match:
        return str(match.route)
    return "static/" if request.path.startswith("/static/") else "-"


def _bounded(request: HttpRequest) -> HttpResponse | None:
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        return problem(411, "LENGTH_REQUIRED", "Send a Content-Length with the body.")
    if "\0" in unquote(request.META.get("QUERY_STRING", "")):
        return problem(400, "BAD_REQUEST", "A query cannot hold NUL characters.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    limit = body_limit(request.path)
    if length.isdigit() and int(length) <= limit:
        if request.path.startswith("/api/"):
            # Read now: a slow sender must not hold a transaction open.
            return _read(request)
        return None
    return problem(413, "TOO_LARGE", f"The body is larger than {limit} bytes.")


def _read(request: HttpRequest) -> HttpResponse | None:
    try:
        request.body  # noqa: B018  Django keeps what is read here
    except (UnreadablePostError, TimeoutError):
        return problem(408, "BODY_LATE", "The body did not arrive in time.")
    return None


def _rendered(request: HttpRequest, get_response: Handler) -> HttpResponse:
    response = get_response(request)
    if hasattr(response, "render") and not getattr(response, "is_rendered", True):
        response = response.render()
    return response


@contextmanager
def _claimed_scope(request: HttpRequest) -> Iterator[bool]:
    """The scope of the tenant that the credential names; checked once inside it."""
    tenant = _claimed_tenant(request)
    if tenant is None:
        yield False
        return
    with tenant_scope(tenant):
        yield True


def _claimed_tenant(request: HttpRequest) -> UUID | None:
    text = _bearer(request)
    if text is None:
        return _tenant_of_session(request)
    try:
        return tokens.tenant_of(text)
    except PerceptionError as refusal:
        request.token_refusal = refusal  # type: ignore[attr-defined]
        return None


def _identify(request: HttpRequest) -> None:
    text = _bearer(request)
    now = timezone.now()
    if text is None:
        if _tenant_of_session(request):
            request.caller = caller_of_session(  # type: ignore[attr-defined]
                request.user.id  # type: ignore[arg-type]
            )
    elif request.token_refusal is None:  # type: ignore[attr-defined]
        try:
            token, request.caller = tokens.find(text, now=now)  # type: ignore[attr-defined]
            request.token_person = token.membership.person  # type: ignore[attr-defined]
            tokens.note_use(token, now=now)
        except PerceptionError as refusal:
            request.token_refusal = refusal  # type: ignore[attr-defined]
            # What follows runs outside the tenant that was only claimed.
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL app.tenant TO DEFAULT")


def _bearer(request: HttpRequest) -> str | None:
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, text = header.partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _tenant_of_session(request: HttpRequest) -> UUID | None:
    if not request.user.is_authenticated:
        return None
    mine: list[UUID] = request.user.tenant_ids
    chosen = request.session.get("tenant")
    if chosen and UUID(chosen) in mine:
        return UUID(chosen)
    return mine[0] if mine else None
