"""Connectors: made here, with secrets that are shown once and kept encrypted."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction

from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import vault
from perception.errors import ConnectorThere
from perception.models import Connector
from perception.rules.webhooks import LIVE, secret_of


def add_webhook(
    name: str,
    *,
    now: datetime,
    by: Actor = SYSTEM,
    config: Mapping[str, Any] | None = None,
    secret: str | None = None,
) -> Connector:
    """Add a connector that outside systems push to, signed with its own secret."""
    connector = Connector(
        tenant_id=current_tenant(),
        kind=Connector.Kind.WEBHOOK,
        name=name,
        config=dict(config or {}),
        sealed_secrets=_sealed([secret or new_secret()]),
    )
    _save(connector, force_insert=True)
    _state(connector, {}, {"kind": "webhook", **_shown(connector)}, by=by, now=now)
    return connector


def change(
    connector: Connector, given: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    """Change a connector's name, configuration or whether it is let in."""
    before = _shown(connector)
    changed = {name: value for name, value in given.items() if before[name] != value}
    if not changed:
        return
    for name, value in changed.items():
        setattr(connector, name, value)
    _save(connector, update_fields=[*changed])
    _state(connector, {name: before[name] for name in changed}, changed, by=by, now=now)


def rotate(
    connector: Connector,
    *,
    by: Actor,
    now: datetime,
    secret: str | None = None,
    keep_old: bool = True,
) -> str:
    """Give a connector a new secret; the one before stays live unless it leaked."""
    held = Connector.objects.select_for_update().get(
        tenant_id=current_tenant(), pk=connector.pk
    )
    live = [secret or new_secret()]
    if keep_old:
        live += [old for old in secrets_of(held) if old != live[0]][: LIVE - 1]
    held.sealed_secrets = _sealed(live)
    _save(held, update_fields=["sealed_secrets"])
    _state(held, {}, {"secret": "rotated", "live": len(live)}, by=by, now=now)
    return live[0]


def new_secret() -> str:
    """A secret that nobody guesses."""
    return secret_of(secrets.token_bytes(24))


def secrets_of(connector: Connector) -> list[str]:
    """The live secrets, newest first."""
    opened: list[str] = orjson.loads(vault.unseal(connector.sealed_secrets))
    return opened


def _sealed(live: list[str]) -> str:
    return vault.seal(orjson.dumps(live).decode())


def _shown(connector: Connector) -> dict[str, Any]:
    return {
        "name": connector.name,
        "config": connector.config,
        "is_active": connector.is_active,
    }


def _save(connector: Connector, **how: Any) -> None:
    try:
        with transaction.atomic():
            connector.save(**how)
    except IntegrityError as error:
        raise ConnectorThere(f"It is called {connector.name!r}.") from error


def _state(
    connector: Connector,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
) -> None:
    record(
        Fact(
            kind=Kind.SETTING_CHANGED,
            by=by,
            subjects={"connector": connector.id},
            data={"before": dict(before), "after": dict(after)},
        ),
        now=now,
    )
