"""Idempotency-Key: a POST and its first answer, in one transaction."""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from uuid_utils.compat import uuid7

from config.access import allowed
from config.problems import problem
from ledger.scope import system_scope
from perception.errors import SealBroken
from perception.models import IdempotencyKey
from perception.rules.callers import Caller
from perception.vault import seal_bytes, unseal_bytes

KEPT_FOR = timedelta(days=3)
LONGEST_KEY = 255
# Printable ASCII that neither begins nor ends with a space.
KEY_SHAPE = "[!-~]([ -~]*[!-~])?"
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
# What stands before a sealed body. No answer in clear, of an earlier version, begins so.
SEALED = b"\x00sealed:"

# The insert waits for a twin in flight: its commit makes this one find the answer,
# its failure lets this one go first.
_CLAIM = """
INSERT INTO perception_idempotencykey
    (id, tenant_id, membership_id, key, digest, headers, created_at)
VALUES (%s, %s, %s, %s, %s, '{}', %s)
ON CONFLICT (tenant_id, membership_id, key) DO NOTHING
"""


def once(request: HttpRequest, handle: Callable[[], HttpResponse]) -> HttpResponse:
    """Handle a request, or repeat the answer that its key was given before."""
    caller: Caller | None = request.caller  # type: ignore[attr-defined]
    key = request.headers.get("Idempotency-Key")
    if key is None or caller is None or request.method != "POST":
        return handle()
    if len(key) > LONGEST_KEY or not re.fullmatch(KEY_SHAPE, key.strip()):
        return problem(
            400,
            "BAD_IDEMPOTENCY_KEY",
            f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.",
        )
    digest = _digest(request)
    try:
        is_first = _claim(caller, key, digest)
    except OperationalError:
        transaction.set_rollback(True)
        return problem(
            409, "IN_FLIGHT", "The same request is still being handled: try again."
        )
    if not is_first:
        return _refused(request, caller) or _repeat(caller, key, digest)
    response = handle()
    is_kept = response.status_code < 400 or getattr(response, "keeps", False)
    if is_kept and not response.streaming:
        IdempotencyKey.objects.filter(membership_id=caller.membership, key=key).update(
            status=response.status_code,
            headers={name: response[name] for name in KEPT_HEADERS if name in response},
            body=SEALED + seal_bytes(response.content),
        )
    return response


def forget(*, now: datetime) -> int:
    """Drop keys that nobody will send again; the count is returned."""
    with system_scope("forget idempotency keys"):
        count, _ = IdempotencyKey.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    return count


def _digest(request: HttpRequest) -> str:
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()


def _claim(caller: Caller, key: str, digest: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            [
                str(uuid7()),
                str(caller.tenant),
                str(caller.membership),
                key,
                digest,
                timezone.now(),
            ],
        )
        return bool(cursor.rowcount)


def _refused(request: HttpRequest, caller: Caller) -> HttpResponse | None:
    """What the door would refuse today it does not repeat either."""
    route = resolve(request.path_info).url_name or ""
    if caller.role not in allowed(route, "POST"):
        return problem(403, "PERMISSION_DENIED", "This is not for your role.")
    if caller.token is None:
        try:
            SessionAuthentication().enforce_csrf(request)  # type: ignore[arg-type]
        except PermissionDenied as refusal:
            return problem(403, "CSRF_FAILED", str(refusal.detail))
    return None


def _repeat(caller: Caller, key: str, digest: str) -> HttpResponse:
    kept = IdempotencyKey.objects.get(membership_id=caller.membership, key=key)
    if kept.digest != digest:
        return problem(
            422,
            "KEY_REUSED",
            "This Idempotency-Key came before with another request: use a new one.",
        )
    try:
        body = _opened(bytes(kept.body or b""))
    except SealBroken:
        return problem(
            409,
            "ANSWER_LOST",
            "This was done, and the key that its answer was sealed with is gone.",
        )
    response = HttpResponse(body, status=kept.status, headers=kept.headers)
    response["Idempotent-Replayed"] = "true"
    return response


def _opened(body: bytes) -> bytes:
    """An answer may hold a secret that is shown once, so that all are kept sealed."""
    if not body.startswith(SEALED):
        return body
    return unseal_bytes(body.removeprefix(SEALED))
