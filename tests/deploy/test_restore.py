"""What was backed up comes back whole; what a backup lacks is noticed by the anchors."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings
from django.utils import timezone

from config.embedded.place import place_of, programs
from config.worlds.ground import moved_to
from ledger.record import SYSTEM, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import tenant_scope
from ledger.seal import seal_tenant
from ledger.verify import Report, verify_tenant
from tests.conftest import House


def stated(house: House, count: int) -> None:
    """So many entries, sealed, and their checkpoint kept outside."""
    with tenant_scope(house.tenant):
        for number in range(count):
            fact = Fact(kind=Kind.ACCOUNT_CHANGED, by=SYSTEM, data={"n": number})
            record(fact, now=timezone.now())
    seal_tenant(house.tenant, now=timezone.now())


def program(name: str, *words: str) -> None:
    folder = programs(place_of(settings.VAR_DIR.resolve()))["postgres"]
    done = subprocess.run(
        [str(folder / name), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def backup(to: Path) -> Path:
    given = settings.DATABASE_GIVEN_URL
    program("pg_dump", "--format=custom", f"--file={to}", given)
    return to


@contextmanager
def restored(superuser: Any, source: Path) -> Iterator[None]:
    """Another database of the same server, which holds what the backup did."""
    name = f"restored_{uuid4().hex[:8]}"
    url = settings.DATABASE_GIVEN_URL.rpartition("/")[0] + f"/{name}"
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        program("pg_restore", f"--dbname={url}", "--exit-on-error", str(source))
        with moved_to(name):
            yield
    finally:
        with superuser.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def verified(house: House) -> Report:
    return verify_tenant(house.tenant)


def test_a_backup_comes_back_whole_and_an_old_one_is_noticed(
    house: House, superuser: Any, tmp_path: Path
) -> None:
    """Restore, then verify: what was sealed later is missing, and said to be."""
    stated(house, 5)
    old = backup(tmp_path / "old")
    stated(house, 3)
    new = backup(tmp_path / "new")
    here = verified(house)
    assert here.findings == []
    with restored(superuser, new):
        there = verified(house)
        assert there.findings == []
        assert (there.entries, there.checkpoints) == (here.entries, here.checkpoints)
    with restored(superuser, old):
        behind = verified(house)
        assert behind.entries == here.entries - 3
        assert behind.findings
        assert any("witness" in str(each) or "outside" in str(each) for each in (
            *behind.findings,
        )), [str(each) for each in behind.findings]  # fmt: skip
    assert verified(house).findings == []


def test_a_backup_of_another_day_hides_no_change(
    house: House, superuser: Any, tmp_path: Path
) -> None:
    """Whoever changes a restored entry changes what was sealed."""
    stated(house, 3)
    copy = backup(tmp_path / "copy")
    with restored(superuser, copy):
        admin = psycopg2.connect(settings.DATABASE_GIVEN_URL)
        with admin, admin.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "UPDATE ledger_entry SET data = '{}' WHERE tenant_id = %s",
                [str(house.tenant)],
            )
            assert cursor.rowcount
        admin.close()
        assert verified(house).findings
    assert verified(house).findings == []


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, settings: Any) -> None:
    """Anchors of this test alone."""
    settings.LEDGER_ANCHOR_DIR = tmp_path / "anchors"
