"""OUTBOUND: events of the house for other systems, signed as Standard Webhooks has it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from perception.outlets.knock import knock
from perception.rules.webhooks import key_of, sign
from perception.sources.base import SourceFailed, SourceRefuses, Wire
from perception.sources.reading import held
from perception.sources.web import URL, fetch

# Where a receiver asks to wait, and does not say how long.
WAIT = timedelta(seconds=5)
# 409: this delivery is known there.
TAKEN = (*range(200, 300), 409)
# What the house gives notice of.
TOPICS = (
    "decisions",
    "reminders",
    "escalations",
    "switches",
    "service",
    "parked",
    "digests",
)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Webhooks to another system",
    "properties": {
        "url": {
            **URL,
            "description": "Each event is posted here. It may come twice, and then "
            "has the same webhook-id.",
        },
        "source": {
            "type": "string",
            "title": "Source that events name",
            "description": "Tells events of this system from those of others.",
            "pattern": r"^[!-~]{1,200}$",
            "default": "/autonomy",
        },
        "notices": {
            "type": "array",
            "title": "Notices it is told of",
            "description": "decisions: somebody has to decide. reminders, escalations: "
            "nobody did yet. switches: a kill switch moved. service: a tool misses its "
            "objective. parked: a run got stuck. digests: one was not delivered.",
            "items": {"type": "string", "enum": list(TOPICS)},
            "uniqueItems": True,
            "default": [],
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}


class Outbound:
    """Signed webhooks to one address."""

    kind = "outbound"
    title = "Webhooks out (signed)"
    schema = SCHEMA
    secret = "What deliveries are signed with (whsec_…); made where none is given"  # noqa: S105

    def greet(self, config: Mapping[str, Any], secret: str, wire: Wire) -> None:
        """Whether the receiver can be connected to: an event would be acted on."""
        given = held(SCHEMA, config)
        _insist(secret)
        knock(given["url"], wire)


def deliver(
    config: Mapping[str, Any],
    secret: str,
    *,
    id: str,
    type: str,
    subject: str,
    data: Mapping[str, Any],
    at: datetime,
    wire: Wire,
    also: Sequence[str] = (),
) -> None:
    """Post one event: a CloudEvent 1.0 in JSON, signed; `id` is its webhook-id as well.

    `config` and `secret` are those of a connector of kind `outbound`; it is signed with
    each secret that is live `also`. The same `id` is the
    same event, however often it comes. It returns when the receiver took it, or had it
    already. Otherwise it raises: SourceRefuses or SourceFailed with a status below 500
    (it will not be taken), with `until` (come back then), with `is_unreached` (it surely
    never arrived), SourceBarred (this address may not be reached), and any other
    SourceFailed (nobody knows).
    """
    given = held(SCHEMA, config)
    for each in (secret, *also):
        _insist(each)
        wire.hide(each)
    event = {
        "specversion": "1.0",
        "id": id,
        "source": given["source"],
        "type": type,
        **({"subject": subject} if subject else {}),
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": dict(data),
    }
    _post(given["url"], (secret, *also), event, at=at, wire=wire)


def _post(
    url: str,
    secrets: Sequence[str],
    event: Mapping[str, Any],
    *,
    at: datetime,
    wire: Wire,
) -> None:
    body = orjson.dumps(event)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        **_signed(secrets, event["id"], at, body),
    }
    try:
        fetch(wire, "POST", url, now=at, headers=headers, body=body, fine=TAKEN)
    except SourceFailed as failure:
        if failure.status == 429 and failure.until is None:
            raise SourceFailed(failure.detail, until=at + WAIT, status=429) from None
        raise


def _signed(
    secrets: Sequence[str], message: str, at: datetime, body: bytes
) -> dict[str, str]:
    """Signed with each live secret, so that a receiver can change over in its time."""
    found = [sign(each, message=message, at=at, body=body) for each in secrets]
    marks = " ".join(each["webhook-signature"] for each in found)
    return {**found[0], "webhook-signature": marks}


def _insist(secret: str) -> None:
    try:
        key_of(secret)
    except ValueError as error:
        raise SourceRefuses(f"There is no secret to sign with. {error}") from None
