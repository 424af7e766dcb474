"""record(): the only door that writes an Entry, in the caller's own transaction."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from uuid_utils.compat import uuid7

from ledger.errors import UnknownKind, Unstatable
from ledger.prepared import prepared
from ledger.rules.canonical import canonical, check
from ledger.rules.digest import sha256_of
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
ACTORS = frozenset({"person", "policy", "schedule", "system"})

Data = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who did it: a person, a policy, a schedule or the system itself."""

    type: str
    id: str

    def stated(self) -> dict[str, str]:
        return {"type": self.type, "id": self.id}


SYSTEM = Actor(type="system", id="autonomy")


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A personal value: the entry commits to it, the value can be erased."""

    person: UUID
    field: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is to be stated. Subjects are named by the noun and hold ids."""

    kind: Kind
    by: Actor = SYSTEM
    subjects: Mapping[str, UUID] = field(default_factory=dict)
    data: Data = field(default_factory=dict)
    private: Sequence[Secret] = ()


def record(fact: Fact, *, now: datetime) -> UUID:
    """State one fact and return its id."""
    return record_all([fact], now=now)[0]


def record_all(facts: Sequence[Fact], *, now: datetime) -> list[UUID]:
    """State many facts of the tenant in scope, in one round trip."""
    if not facts:
        return []
    statements, values, ids = stating(facts, now=now)
    with connection.cursor() as cursor:
        cursor.execute(prepared(*statements), values)
    return ids


def stating(
    facts: Sequence[Fact], *, now: datetime
) -> tuple[list[str], list[Any], list[UUID]]:
    """The statements that state facts, for whoever sends them along with others."""
    tenant = str(current_tenant())
    stated = [_state(fact) for fact in facts]
    statements = [_INSERT]
    rows = orjson.dumps(
        [
            {"id": row.id, "kind": row.kind, "said": orjson.Fragment(row.said)}
            for row in stated
        ]
    )
    values: list[Any] = [tenant, now, rows.decode()]
    for row in stated:
        for secret, salt in row.secrets:
            said = orjson.dumps(secret.value).decode()
            person = str(secret.person)
            statements.append(_INSERT_PRIVATE)
            values += [tenant, row.id, secret.field, person, salt, said]
    return statements, values, [row.id for row in stated]


def commitment(salt: bytes, value: Any) -> str:
    """What an entry says about a private value: nothing that can be guessed."""
    return sha256_of(salt + canonical(value))


@dataclass(frozen=True, kw_only=True)
class _Stated:
    id: UUID
    kind: str
    # Its actor, subjects and data as JSON.
    said: bytes
    secrets: Sequence[tuple[Secret, bytes]]


def _state(fact: Fact) -> _Stated:
    if not isinstance(fact.kind, Kind):
        raise UnknownKind(str(fact.kind))
    secrets_ = [(secret, secrets.token_bytes(32)) for secret in fact.private]
    data = dict(fact.data)
    if "private" in data:
        raise Unstatable("`private` is written by the ledger itself.")
    if fact.by.type not in ACTORS:
        raise Unstatable(f"{fact.by.type!r} is no kind of actor.")
    if not all(isinstance(id_, UUID) for id_ in fact.subjects.values()):
        raise Unstatable("Subjects are named by UUIDs.")
    if secrets_:
        for secret, _ in secrets_:
            check(secret.value, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
        data["private"] = {
            secret.field: commitment(salt, secret.value) for secret, salt in secrets_
        }
    subjects = {name: str(id_) for name, id_ in fact.subjects.items()}
    actor = fact.by.stated()
    said = check([actor, subjects, data], max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    return _Stated(id=uuid7(), kind=fact.kind.value, said=said, secrets=secrets_)


_INSERT = """
INSERT INTO ledger_entry (id, kind, actor, subjects, data, tenant_id, at)
SELECT f.id, f.kind, f.said->0, f.said->1, f.said->2, %s::uuid, %s
FROM jsonb_to_recordset(%s) AS f(id uuid, kind text, said jsonb)
"""

_INSERT_PRIVATE = """
INSERT INTO ledger_private (tenant_id, entry_id, field, person_id, salt, value)
VALUES (%s, %s, %s, %s, %s, %s)
"""
