"""OUTBOUND: events of the house for other systems, signed as Standard Webhooks has it."""

from collections.abc import Mapping
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
) -> None:
    """Post one event: a CloudEvent 1.0 in JSON, signed; `id` is its webhook-id as well.

    `config` and `secret` are those of a connector of kind `outbound`. The same `id` is the
    same event, however often it comes. It returns when the receiver took it, or had it
    already. Otherwise it raises: SourceRefuses or SourceFailed with a status below 500
    (it will not be taken), with `until` (come back then), with `is_unreached` (it surely
    never arrived), SourceBarred (this address may not be reached), and any other
    SourceFailed (nobody knows).
    """
    given = held(SCHEMA, config)
    _insist(secret)
    wire.hide(secret)
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
    _post(given["url"], secret, event, at=at, wire=wire)


def _post(
    url: str, secret: str, event: Mapping[str, Any], *, at: datetime, wire: Wire
) -> None:
    body = orjson.dumps(event)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        **sign(secret, message=event["id"], at=at, body=body),
    }
    try:
        fetch(wire, "POST", url, now=at, headers=headers, body=body, fine=TAKEN)
    except SourceFailed as failure:
        if failure.status == 429 and failure.until is None:
            raise SourceFailed(failure.detail, until=at + WAIT, status=429) from None
        raise


def _insist(secret: str) -> None:
    try:
        key_of(secret)
    except ValueError as error:
        raise SourceRefuses(f"There is no secret to sign with. {error}") from None
