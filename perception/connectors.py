"""Connectors: made here, with secrets that are shown once and kept encrypted."""

import base64
import secrets
from datetime import datetime

import orjson

from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import vault
from perception.models import Connector

SECRET_PREFIX = "whsec_"  # noqa: S105  how Standard Webhooks marks a secret


def add_webhook(name: str, *, now: datetime, by: Actor = SYSTEM) -> Connector:
    """Add a connector that outside systems push to, signed with its own secret."""
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
    connector = Connector.objects.create(
        tenant_id=current_tenant(),
        kind=Connector.Kind.WEBHOOK,
        name=name,
        sealed_secrets=vault.seal(orjson.dumps([secret]).decode()),
    )
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=by,
            subjects={"connector": connector.id},
            data={"before": {}, "after": {"kind": "webhook", "name": name}},
        ),
        now=now,
    )
    return connector


def secrets_of(connector: Connector) -> list[str]:
    """The live secrets, newest first."""
    opened: list[str] = orjson.loads(vault.unseal(connector.sealed_secrets))
    return opened
