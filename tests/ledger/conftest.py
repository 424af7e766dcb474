"""Ways to fill a ledger and to tamper with it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger.record import Fact, record_all
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def facts(count: int, **subjects: UUID) -> list[Fact]:
    return [
        Fact(
            kind=Kind.SIGNAL_RECEIVED,
            subjects={"signal": uuid4(), **subjects},
            data={"n": n, "score": n / 7, "words": "naïve €"},
        )
        for n in range(count)
    ]


@pytest.fixture
def fill(db: None) -> Callable[..., UUID]:
    """A new tenant's ledger of so many sealed entries, sealed in several rounds."""

    def fill(count: int, *, rounds: int = 3, tenant: UUID | None = None) -> UUID:
        tenant = tenant or uuid4()
        share = -(-count // rounds)
        for done in range(0, count, share):
            with tenant_scope(tenant):
                record_all(
                    facts(min(share, count - done)), now=START + timedelta(seconds=done)
                )
            seal_tenant(tenant, now=START + timedelta(seconds=done))
        return tenant

    return fill


@pytest.fixture
def intruder(superuser: Any) -> Iterator[Any]:
    """A superuser who has switched every trigger off."""
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield cursor
