"""Connectors: made here, with secrets that are shown once and kept encrypted."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from jsonschema import Draft202012Validator, ValidationError

from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import vault
from perception.errors import (
    ActsAlready,
    CannotAct,
    ConfigRefused,
    ConnectorThere,
    SealBroken,
)
from perception.models import Connector
from perception.outlets.base import Outlet
from perception.outlets.registry import OUTLETS
from perception.rules.acting import ONLY_ACTING, acts_as, may_act
from perception.rules.webhooks import LIVE, key_of, secret_of
from perception.sources.base import Reach, Source
from perception.sources.registry import SOURCES

WEBHOOK = Connector.Kind.WEBHOOK
# What is signed is signed with a secret of ours.
SIGNED = (WEBHOOK, Connector.Kind.OUTBOUND)
CAPS = ("units_per_day", "rate_per_s")
# How the pattern of every address begins.
BEGINS = "^https?://"


def add_webhook(name: str, *, now: datetime, by: Actor = SYSTEM) -> Connector:
    """Add a connector that outside systems push to, signed with its own secret."""
    given = {"kind": Connector.Kind.WEBHOOK, "name": name}
    return add(given, by=by, now=now)


def add(given: Mapping[str, Any], *, by: Actor, now: datetime) -> Connector:
    """Add a connector: one that is delivered to, or one that is read."""
    kind, config = given["kind"], dict(given.get("config") or {})
    _insist_on_fit(kind, config)
    secret = given.get("secret") or (new_secret() if kind in SIGNED else "")
    _insist_on_key(kind, secret)
    connector = Connector(
        tenant_id=current_tenant(),
        kind=kind,
        name=given["name"],
        config=config,
        sealed_secrets=_sealed([secret] if secret else []),
        acts_as=_acting(kind, given.get("acts", kind in ONLY_ACTING)),
        next_pull_at=now if _is_read_whole(kind) else None,
        **{name: given[name] for name in CAPS if name in given},
    )
    _save(connector, force_insert=True)
    _state(connector, {}, {"kind": str(kind), **_shown(connector)}, by=by, now=now)
    return connector


def faults_in(kind: str, config: Mapping[str, Any]) -> dict[str, str]:
    """What does not fit the schema of this kind, by its place."""
    described = described_as(kind)
    if described is None:
        return {}
    faults: dict[str, str] = {}
    for each in Draft202012Validator(described.schema).iter_errors(config):
        place = ".".join(map(str, each.absolute_path)) or "config"
        faults[place] = f"{faults.get(place, '')} {_said(each)}".lstrip()
    return faults


def described_as(kind: str) -> Source | Outlet | None:
    """What a kind declares of itself; a webhook declares nothing."""
    return SOURCES.get(kind) or OUTLETS.get(kind)


def _acting(kind: str, wanted: bool) -> str:
    """What tools use it as; empty where they do not."""
    if wanted and not may_act(kind):
        raise CannotAct(f"Nothing acts through a {kind}.")
    return acts_as(kind, wanted)


def _said(fault: ValidationError) -> str:
    """A fault in words; what may be left out for one another is named."""
    if fault.validator == "anyOf":
        needed = [
            " and ".join(each.get("required", ())) for each in fault.schema["anyOf"]
        ]
        if all(needed):
            return f"Give {' or '.join(needed)}."
    said = f"{fault.message[:200].rstrip('.')}."
    # Of a pattern nobody reads what is meant.
    meant = fault.schema.get("description", "") if fault.validator == "pattern" else ""
    if fault.validator == "pattern" and fault.validator_value.startswith(BEGINS):
        # What was given may hold a password: it is not repeated.
        said = "It begins with https:// or http://, and holds no user and no password."
    return f"{said} {meant}".rstrip()


def _insist_on_fit(kind: str, config: Mapping[str, Any]) -> None:
    if faults := faults_in(kind, config):
        raise ConfigRefused(faults)


def _insist_on_key(kind: str, secret: str) -> None:
    """Refuse what nobody could sign with."""
    if kind not in SIGNED:
        return
    try:
        key_of(secret)
    except ValueError as error:
        raise ConfigRefused({"secret": str(error)}) from None


def _is_read_whole(kind: str) -> bool:
    source = SOURCES.get(kind)
    return source is not None and source.reach is Reach.WHOLE


def kinds() -> list[dict[str, Any]]:
    """Every kind of connector, with what a form for it needs."""
    delivered = {
        "kind": WEBHOOK.value,
        "title": "Webhook",
        "reach": "",
        "schema": {"type": "object"},
        "secret": "What its sender signs with; made where none is given",
        "can_act": False,
    }
    read = [
        {
            "kind": each.kind,
            "title": each.title,
            "reach": each.reach.value,
            "schema": each.schema,
            "secret": each.secret,
            "can_act": may_act(each.kind),
        }
        for each in SOURCES.values()
    ]
    acted_through = [
        {
            "kind": each.kind,
            "title": each.title,
            "reach": "",
            "schema": each.schema,
            "secret": each.secret,
            "can_act": True,
        }
        for each in OUTLETS.values()
    ]
    return [delivered, *read, *acted_through]


def change(
    connector: Connector, given: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    """Change a connector's name, configuration or whether it is let in."""
    before = _shown(connector)
    changed = {name: value for name, value in given.items() if before[name] != value}
    if not changed:
        return
    _insist_on_fit(connector.kind, changed.get("config", connector.config))
    fields = {name: value for name, value in changed.items() if name != "acts"}
    if "acts" in changed:
        fields["acts_as"] = _acting(connector.kind, changed["acts"])
    for name, value in fields.items():
        setattr(connector, name, value)
    connector.next_pull_at = now if _is_read_whole(connector.kind) else None
    _save(connector, update_fields=[*fields, "next_pull_at"])
    _state(connector, {name: before[name] for name in changed}, changed, by=by, now=now)


def rotate(
    connector: Connector,
    *,
    by: Actor,
    now: datetime,
    secret: str | None = None,
    keep_old: bool = True,
) -> str:
    """Give a connector a new secret; the one before stays live unless it leaked.

    A secret of ours is made up; one that a source gave us has to be given.
    """
    if secret is None and connector.kind not in SIGNED:
        raise ConfigRefused({"secret": "Give the one that the source issued."})
    if secret is not None:
        _insist_on_key(connector.kind, secret)
    held = Connector.objects.select_for_update().get(
        tenant_id=current_tenant(), pk=connector.pk
    )
    live = [secret or new_secret()]
    if keep_old:
        live += [old for old in _openable(held) if old != live[0]][: LIVE - 1]
    if not keeps_two(held):
        live = live[:1]
    held.sealed_secrets = _sealed(live)
    _save(held, update_fields=["sealed_secrets"])
    _state(held, {}, {"secret": "rotated", "live": len(live)}, by=by, now=now)
    return live[0]


def keeps_two(connector: Connector) -> bool:
    """Whether an old secret can stay live beside a new one: where both are tried, or
    where everything is signed with both.
    """
    is_told = connector.kind == Connector.Kind.OUTBOUND and not connector.acts_as
    return bool(connector.kind == WEBHOOK or is_told)


def new_secret() -> str:
    """A secret that nobody guesses."""
    return secret_of(secrets.token_bytes(24))


def secrets_of(connector: Connector) -> list[str]:
    """The live secrets, newest first."""
    opened: list[str] = orjson.loads(vault.unseal(connector.sealed_secrets))
    return opened


def _openable(connector: Connector) -> list[str]:
    """The live secrets; none where the key that opens them is gone."""
    try:
        return secrets_of(connector)
    except SealBroken:
        return []


def _sealed(live: list[str]) -> str:
    return vault.seal(orjson.dumps(live).decode())


def _shown(connector: Connector) -> dict[str, Any]:
    return {
        "name": connector.name,
        "config": connector.config,
        "is_active": connector.is_active,
        "acts": bool(connector.acts_as),
        "units_per_day": connector.units_per_day,
        "rate_per_s": connector.rate_per_s,
    }


def _save(connector: Connector, **how: Any) -> None:
    try:
        with transaction.atomic():
            connector.save(**how)
    except IntegrityError as error:
        if "connector_acts" in str(error):
            raise ActsAlready(f"One acts as {connector.acts_as}.") from error
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
