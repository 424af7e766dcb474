"""Everything that is perceived comes in here: checked, kept once, and recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from jsonschema import Draft202012Validator
from uuid_utils.compat import uuid7

from ledger import spans
from ledger.errors import Unstatable
from ledger.record import Actor, Fact, record_all
from ledger.rules.canonical import check
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception import deals
from perception.deals import Told, told_by
from perception.errors import SignalsRefused, TooManySignals
from perception.heat import look_again
from perception.rules.signals import (
    AHEAD,
    LONGEST_TYPE,
    MAX_DEPTH,
    MAX_LIST,
    MAX_PAYLOAD,
    REGISTRY,
    echo_of,
    normalised,
    starts_run,
)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_ACCOUNTS = """
SELECT id, external_id FROM perception_account
WHERE tenant_id = %s AND (id = ANY(%s::uuid[]) OR external_id = ANY(%s::text[]))
"""

# Whoever brings a known key waits for its twin in flight, and then makes nothing.
_KEEP = """
INSERT INTO perception_signal
    (id, tenant_id, account_id, connector_id, type, is_known, source, dedupe_key,
     payload, occurred_at, received_at, caused_by, depth, run_id)
SELECT n.id, %s::uuid, n.account, %s::uuid, n.type, n.is_known, n.source, n.key,
       n.payload, n.occurred_at, %s, n.caused_by, n.depth, n.run
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::boolean[], %s::text[], %s::text[],
            %s::jsonb[], %s::timestamptz[], %s::uuid[], %s::integer[], %s::uuid[])
     AS n(id, account, type, is_known, source, key, payload, occurred_at, caused_by,
          depth, run)
ON CONFLICT (tenant_id, dedupe_key) WHERE NOT dedupe_key = '' DO NOTHING
RETURNING id
"""

_FIRST = """
SELECT dedupe_key, id, account_id, type, run_id, caused_by, depth
FROM perception_signal WHERE tenant_id = %s AND dedupe_key = ANY(%s::text[])
  AND dedupe_key <> ''
"""


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of one item; without a run where it will start none."""

    id: UUID
    run_id: UUID | None
    duplicate: bool


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A signal as it would be kept, or as the first of its key was."""

    id: UUID
    account: UUID
    type: str
    run: UUID
    key: str
    caused_by: UUID | None
    depth: int
    source: str = ""
    payload: str = ""
    occurred_at: datetime | None = None

    @property
    def starts(self) -> UUID | None:
        if starts_run(self.type, caused_by=self.caused_by, depth=self.depth):
            return self.run
        return None


def receive(
    items: Sequence[Mapping[str, Any]],
    *,
    by: Actor,
    now: datetime,
    source: str = "",
    connector: UUID | None = None,
) -> list[Received]:
    """Keep signals of the tenant in scope, all of them or none; answer in their order.

    A known `dedupe_key` makes nothing and is answered with what came first under it.
    """
    if len(items) > MAX_LIST:
        raise TooManySignals(f"There are {len(items)}.")
    if not items:
        return []
    drafts = _drafts(items, source=source, now=now)
    made = _keep(drafts, connector=connector, now=now)
    first = {} if len(made) == len(drafts) else _first(drafts)
    kept = [draft if draft.id in made else first[draft.key] for draft in drafts]
    fresh = [draft for draft in kept if draft.id in made]
    seen: set[UUID] = set()
    answers, facts = [], []
    for draft in kept:
        repeated = draft.id not in made or draft.id in seen
        seen.add(draft.id)
        answers.append(Received(id=draft.id, run_id=draft.starts, duplicate=repeated))
        facts.append(_stated(draft, repeated=repeated, by=by, connector=connector))
    accounts = {draft.account for draft in fresh}
    # Before the accounts are looked at: their deals tell how they stand.
    facts += deals.hear(_told(drafts, made, now=now), beside=accounts, now=now)
    facts += look_again(accounts, fresh=made, now=now)
    record_all(facts, now=now)
    for draft in fresh:
        _traced(draft, connector)
    return answers


def _told(drafts: Sequence[_Draft], made: set[UUID], *, now: datetime) -> list[Told]:
    """What new signals say of deals; a moment that lies ahead counts as now."""
    told = [
        told_by(draft.account, draft.payload, at=min(draft.occurred_at or now, now))
        for draft in drafts
        if draft.id in made and draft.type == deals.TYPE
    ]
    return [each for each in told if each is not None]


def _traced(draft: _Draft, connector: UUID | None) -> None:
    """From here on everything that comes of it is one trace, named by its id."""
    spans.begun(
        "signal",
        draft.id,
        tenant=current_tenant(),
        account=draft.account,
        signal=draft.id,
        run=draft.starts,
        connector=connector,
        is_known=draft.type in REGISTRY,
    )


def _drafts(
    items: Sequence[Mapping[str, Any]], *, source: str, now: datetime
) -> list[_Draft]:
    accounts = _accounts(items)
    drafts: list[_Draft] = []
    faults: list[tuple[int, str, str]] = []
    for index, item in enumerate(items):
        account = accounts.get(str(item["account"]))
        found = list(_faults(item, source=source, now=now))
        if account is None:
            found.insert(0, ("account", f"There is no account {item['account']!r}."))
        faults += [(index, field, message) for field, message in found]
        if account is not None and not found:
            drafts.append(_draft(item, account, source=source, now=now))
    if faults:
        raise SignalsRefused(faults[:MAX_LIST])
    return drafts


def _accounts(items: Sequence[Mapping[str, Any]]) -> dict[str, UUID]:
    """The accounts that items name, by id or external id; an id goes first."""
    named = {str(item["account"]) for item in items if "\0" not in str(item["account"])}
    ids = {text: id_ for text in named if (id_ := _id(text)) is not None}
    with connection.cursor() as cursor:
        cursor.execute(
            _ACCOUNTS,
            [str(current_tenant()), [str(id_) for id_ in ids.values()], list(named)],
        )
        rows = cursor.fetchall()
    known = {id_ for id_, _ in rows}
    by_external = {external: id_ for id_, external in rows if external in named}
    return by_external | {text: id_ for text, id_ in ids.items() if id_ in known}


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _faults(
    item: Mapping[str, Any], *, source: str, now: datetime
) -> list[tuple[str, str]]:
    """What is wrong with one item, field by field."""
    found = []
    key = normalised(str(item["type"]))
    if not key or len(key) > LONGEST_TYPE or not key.isprintable():
        said = f"Give 1 to {LONGEST_TYPE} printable characters."
        found.append(("type", said))
    occurred_at = item.get("occurred_at") or now
    if not EARLIEST <= occurred_at <= now + AHEAD:
        said = "It lies in the future." if occurred_at > now else "It is too long ago."
        found.append(("occurred_at", said))
    texts = {"source": (item.get("source") or source, 64)}
    texts["dedupe_key"] = (item.get("dedupe_key") or "", 255)
    for field, (text, most) in texts.items():
        if len(text) > most or "\0" in text:
            found.append((field, f"Give at most {most} characters, and no NUL."))
    return found + _faults_of_payload(key, item.get("payload"))


def _faults_of_payload(key: str, payload: Any) -> list[tuple[str, str]]:
    if not isinstance(payload, dict):
        return [("payload", "It must be an object.")]
    try:
        check(payload, max_bytes=MAX_PAYLOAD, max_depth=MAX_DEPTH)
    except Unstatable as refusal:
        return [("payload", refusal.detail)]
    validator = _validator(key) if key in REGISTRY else None
    errors = validator.iter_errors(payload) if validator else iter(())
    error = next(errors, None)
    if error is None:
        return []
    where = ".".join(["payload", *(str(part) for part in error.path)])
    return [(where, f"{error.message[:200]}.")]


@cache
def _validator(key: str) -> Any:
    return Draft202012Validator(dict(REGISTRY[key].schema))


def _draft(
    item: Mapping[str, Any], account: UUID, *, source: str, now: datetime
) -> _Draft:
    key = normalised(str(item["type"]))
    return _Draft(
        id=uuid7(),
        account=account,
        type=key,
        run=uuid7(),
        key=item.get("dedupe_key") or "",
        caused_by=item.get("caused_by") or echo_of(key, item["payload"]),
        depth=item.get("depth") or 0,
        source=item.get("source") or source,
        payload=orjson.dumps(item["payload"]).decode(),
        occurred_at=item.get("occurred_at") or now,
    )


def _keep(
    drafts: Sequence[_Draft], *, connector: UUID | None, now: datetime
) -> set[UUID]:
    """Insert what is new, the first of each key; return the ids that were made."""
    keyed = {draft.key: draft for draft in reversed(drafts) if draft.key}
    # By key, so that two lists never wait for each other.
    rows = [draft for draft in drafts if not draft.key]
    rows += [keyed[key] for key in sorted(keyed)]
    columns: list[Any] = [
        [str(row.id) for row in rows],
        [str(row.account) for row in rows],
        [row.type for row in rows],
        [row.type in REGISTRY for row in rows],
        [row.source for row in rows],
        [row.key for row in rows],
        [row.payload for row in rows],
        [row.occurred_at for row in rows],
        [_text(row.caused_by) for row in rows],
        [row.depth for row in rows],
        [str(row.run) for row in rows],
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            [str(current_tenant()), _text(connector), now, *columns],
        )
        return {row[0] for row in cursor.fetchall()}


def _text(id_: UUID | None) -> str | None:
    return None if id_ is None else str(id_)


def _first(drafts: Sequence[_Draft]) -> dict[str, _Draft]:
    """What is kept under the keys of these drafts."""
    keys = sorted({draft.key for draft in drafts if draft.key})
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [str(current_tenant()), keys])
        return {
            key: _Draft(
                id=id_, account=account, type=type_, run=run, key=key,
                caused_by=caused_by, depth=depth,
            )
            for key, id_, account, type_, run, caused_by, depth in cursor.fetchall()
        }  # fmt: skip


def _stated(
    draft: _Draft, *, repeated: bool, by: Actor, connector: UUID | None
) -> Fact:
    subjects = {"signal": draft.id, "account": draft.account}
    if draft.starts is not None:
        subjects["run"] = draft.starts
    if connector is not None:
        subjects["connector"] = connector
    return Fact(
        kind=Kind.SIGNAL_REPEATED if repeated else Kind.SIGNAL_RECEIVED,
        by=by,
        subjects=subjects,
        data={"type": draft.type, "is_known": draft.type in REGISTRY},
    )
