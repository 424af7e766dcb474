"""Deliveries of outside systems: verified, kept once, answered alike when they repeat."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from ledger.record import Actor
from ledger.scope import current_tenant, system_scope, tenant_scope
from perception import connectors, intake
from perception.errors import (
    NothingToRedeliver,
    NotSigned,
    SealBroken,
    SignalsRefused,
    TooManyFailures,
)
from perception.intake import Received
from perception.models import Connector, Delivery
from perception.rules.webhooks import Signed, is_signed

# Senders repeat for days, with a fresh time and the same id.
KEPT_FOR = timedelta(days=31)
MOST_FAILURES = 20
LONGEST_ERROR = 500
FAILURES_WITHIN = 60

# One signal or a list of them, and what is answered to each.
Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Answer = dict[str, Any] | list[dict[str, Any]]

# The insert waits for a twin in flight: its commit makes this one find the answer.
_CLAIM = """
INSERT INTO perception_delivery
    (id, tenant_id, connector_id, message, status, error, received_at)
VALUES (%s, %s, %s, %s, 'ACCEPTED', '', %s)
ON CONFLICT (tenant_id, connector_id, message) DO NOTHING
"""


def accept(
    connector_id: UUID,
    given: Signed,
    *,
    read: Callable[[], Body],
    enter: Callable[[Sequence[Received]], None],
    now: datetime,
) -> Answer:
    """Take one delivery, in a transaction of the tenant that its connector belongs to.

    `read` looks into the body, which nobody does before the signature holds; `enter`
    sends what is new on its way in the same transaction. What is refused is kept, to
    be taken again by its sender or by hand.
    """
    tenant = _tenant_of(connector_id)
    if tenant is None:
        raise NotSigned
    with tenant_scope(tenant):
        connector = _verified(connector_id, given, now=now)
        delivery = _claimed(connector, given.message, now=now)
        if delivery.answer is not None:
            return _again(delivery.answer)
        try:
            return _take(delivery, connector, read=read, enter=enter, now=now)
        except SignalsRefused as error:
            _keep(delivery, given.body, error)
            refusal = error
    # Only now: what was kept of it has to be committed.
    raise refusal


def redeliver(
    delivery: Delivery,
    *,
    read: Callable[[bytes], Body],
    enter: Callable[[Sequence[Received]], None],
    now: datetime,
) -> Answer:
    """Take a delivery that was refused, now that its fault may be mended."""
    held = _locked(delivery.connector, delivery.message)
    if held.body is None:
        raise NothingToRedeliver
    body = bytes(held.body)
    connector = Connector.objects.get(
        tenant_id=current_tenant(), pk=delivery.connector_id
    )
    return _take(held, connector, read=lambda: read(body), enter=enter, now=now)


def _take(
    delivery: Delivery,
    connector: Connector,
    *,
    read: Callable[[], Body],
    enter: Callable[[Sequence[Received]], None],
    now: datetime,
) -> Answer:
    """Keep what a delivery holds, all of it or nothing, and its answer beside it."""
    body = read()
    items = [body] if isinstance(body, Mapping) else body
    with transaction.atomic():
        received = intake.receive(
            [{**item, "source": connector.name[:64]} for item in items],
            by=Actor(type="system", id=f"connector {connector.id}"),
            now=now,
            connector=connector.id,
        )
    enter(received)
    answers = [shown(each) for each in received]
    answer: Answer = answers[0] if isinstance(body, Mapping) else answers
    delivery.status, delivery.answer = Delivery.Status.ACCEPTED, answer
    delivery.body, delivery.error = None, ""
    delivery.save(update_fields=["status", "answer", "body", "error"])
    return answer


def _keep(delivery: Delivery, body: bytes, error: SignalsRefused) -> None:
    delivery.status = Delivery.Status.REFUSED
    delivery.body, delivery.error = body, str(error)[:LONGEST_ERROR]
    delivery.save(update_fields=["status", "body", "error"])


def shown(received: Received) -> dict[str, Any]:
    """One answer, as senders read it."""
    return {
        "id": str(received.id),
        "run_id": received.run_id and str(received.run_id),
        "duplicate": received.duplicate,
    }


def note_failure(connector_id: UUID) -> None:
    """Count a delivery that was refused; raise when there were too many lately.

    Only what is refused is held up: nobody shuts the sender out by knowing its address.
    """
    key = f"webhook-failures-{connector_id}"
    failures = cache.get(key, 0) + 1
    cache.set(key, failures, FAILURES_WITHIN)
    if failures > MOST_FAILURES:
        raise TooManyFailures(wait=FAILURES_WITHIN)


def forget(*, now: datetime) -> int:
    """Drop deliveries that nobody repeats any more; the count is returned."""
    with system_scope("forget deliveries"):
        count, _ = Delivery.objects.filter(received_at__lt=now - KEPT_FOR).delete()
    return count


def _tenant_of(connector_id: UUID) -> UUID | None:
    """A delivery brings no credential that names its tenant; the connector's row does."""
    with system_scope("find connector"):
        return (
            Connector.objects.filter(pk=connector_id, is_active=True)
            .values_list("tenant_id", flat=True)
            .first()
        )


def _verified(connector_id: UUID, given: Signed, *, now: datetime) -> Connector:
    connector = Connector.objects.filter(
        tenant_id=current_tenant(), pk=connector_id, is_active=True
    ).first()
    tolerance = timedelta(seconds=settings.WEBHOOK_TOLERANCE_SECONDS)
    if connector is None:
        raise NotSigned
    try:
        secrets = connectors.secrets_of(connector)
    except SealBroken as error:
        # Nothing can be verified with a secret that no live key opens.
        raise NotSigned from error
    if not is_signed(given, secrets, now=now, tolerance=tolerance):
        raise NotSigned
    return connector


def _claimed(connector: Connector, message: str, *, now: datetime) -> Delivery:
    """The delivery's row, held: a new one, or that of its first coming."""
    tenant = str(current_tenant())
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [str(uuid7()), tenant, str(connector.id), message, now])
    return _locked(connector, message)


def _locked(connector: Connector, message: str) -> Delivery:
    return Delivery.objects.select_for_update().get(
        tenant_id=current_tenant(), connector=connector, message=message
    )


def _again(answer: Answer) -> Answer:
    if isinstance(answer, dict):
        return {**answer, "duplicate": True}
    return [{**each, "duplicate": True} for each in answer]
