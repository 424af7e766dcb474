"""A real Postgres and Redis for every test; fresh tenants instead of flushing.

Rows that tests commit stay until the next session: the ledger cannot be emptied, and
a test that shares nothing needs no cleaning.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg2
import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connections
from django.test import Client

from autonomy.opening import open_tenant
from config import embedded
from ledger.scope import tenant_scope
from perception import tenants, tokens
from perception.models import Membership, Person
from perception.rules.callers import Caller
from perception.rules.roles import Role

PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def services() -> Iterator[None]:
    """Embedded servers of the tests' own, stopped by whoever started them."""
    started = embedded.up(settings.VAR_DIR)
    yield
    for alias in connections:
        connections[alias].close()
    if started:
        embedded.down(settings.VAR_DIR)


@pytest.fixture(scope="session")
def django_db_setup(services: None, django_db_blocker: Any) -> None:
    """A new, migrated database, made as an operator would make it."""
    with django_db_blocker.unblock():
        _drop_database()
        call_command("migrate", verbosity=0)


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Rows that are really committed."""
    with django_db_blocker.unblock():
        yield
        connections["default"].close()


def _drop_database() -> None:
    url = settings.DATABASE_GIVEN_URL
    name = url.rpartition("/")[2].partition("?")[0]
    admin = psycopg2.connect(url.replace(f"/{name}", "/postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    admin.close()


@pytest.fixture
def superuser(db: None) -> Iterator[Any]:
    """A superuser's connection, outside every fence: what an intruder would have."""
    connection = psycopg2.connect(settings.DATABASE_GIVEN_URL)
    connection.autocommit = True
    yield connection
    connection.close()


@cache
def _hashed() -> str:
    return make_password(PASSWORD)


@dataclass(frozen=True)
class House:
    """A fresh tenant with a person and a token of every role."""

    tenant: UUID
    slug: str
    members: dict[Role, Membership]
    tokens: dict[Role, str]

    def caller(self, role: Role) -> Caller:
        return Caller(tenant=self.tenant, membership=self.members[role].id, role=role)

    def client(self, role: Role | None = None) -> "Api":
        return Api(self.tokens[role] if role else None)


class Api(Client):
    """A client of the REST doors, with a token."""

    def __init__(self, token: str | None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        super().__init__(raise_request_exception=False, headers=headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else _json(body),
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )


def _json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


def new_house(name: str = "A house") -> House:
    """A fresh tenant; it shares nothing with any other."""
    slug = f"t-{uuid4().hex[:12]}"
    tenant = open_tenant(slug, name, timezone="Europe/Berlin", now=NOW)
    members, issued = {}, {}
    with tenant_scope(tenant):
        for role in Role:
            member = tenants.add_member(
                f"{role.lower()}@{slug}.example",
                f"{role.title()} of {slug}",
                role,
                now=NOW,
            )
            # Hashing is slow by design; one hash serves all the people of tests.
            Person.objects.filter(pk=member.person_id).update(password=_hashed())
            members[role] = member
            issued[role] = tokens.issue(member, days=30, now=datetime.now(UTC))
    return House(tenant=tenant, slug=slug, members=members, tokens=issued)


@pytest.fixture
def make_house(db: None) -> Callable[..., "House"]:
    """Makes fresh tenants; they share nothing with any other test."""
    return new_house


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    return make_house()


@pytest.fixture
def other(make_house: Callable[..., House]) -> House:
    return make_house("Another house")
