"""T3, T4: no tenant reaches another, by proof and by trial."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from config.catalogue import tenant_models, unfenced
from config.operate.management.commands import verify_isolation
from ledger.crossings import state_system_use
from ledger.errors import ForeignTenant, OutsideScope
from ledger.models import Entry
from ledger.record import record_all
from ledger.scope import current_tenant, system_scope, tenant_scope
from ledger.seal import seal_tenant
from perception.models import Account, Contact
from perception.rules.roles import Role
from tests import trials
from tests.conftest import NOW, House
from tests.ledger.conftest import facts

ROOT = Path(__file__).parents[2]
PROVER = ROOT / ".venv-prover" / "bin" / "pgrls"


@pytest.mark.parametrize("mode", ["anon", "cross-tenant", "write"])
def test_the_prover_proves_every_table(db: None, mode: str) -> None:
    """T3: by mathematics, over all tables: PROVEN, and nothing unverified."""
    run = subprocess.run(
        [
            str(PROVER), "verify", "--mode", mode, "--strict", "--format", "json",
            "--database-url", settings.DATABASE_GIVEN_URL,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    said = json.loads(run.stdout)
    proven = {table["table"].removeprefix("public.") for table in said["tables"]}
    assert proven == {model._meta.db_table for model in tenant_models()}
    assert {table["verdict"] for table in said["tables"]} == {"isolated"}
    trials.record("isolation", trials=len(proven), seed=None, proofs=len(proven))


@pytest.fixture
def unprotected(superuser: Any) -> Iterator[str]:
    """A model that somebody forgot to fence."""
    with superuser.cursor() as cursor:
        cursor.execute("CREATE TABLE forgotten (id bigint PRIMARY KEY, tenant_id uuid)")
    yield "forgotten"
    with superuser.cursor() as cursor:
        cursor.execute("DROP TABLE forgotten")


def test_every_table_and_route_is_tried_and_a_gap_is_named(
    unprotected: str, capsys: Any
) -> None:
    """T4: all the rest holds, and what somebody forgot cannot be forgotten."""
    with pytest.raises(SystemExit) as end:
        call_command("verify_isolation", json=True)
    assert end.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said["isolated"] is False
    tried = {trial["what"] for trial in said["trials"]}
    assert {
        "ledger_entry",
        "perception_account",
        "/api/v1/accounts/<uuid:pk>/",
    } <= tried
    assert not any(trial["seen"] == "429" for trial in said["trials"])
    leaks = [trial for trial in said["trials"] if trial["leak"]]
    assert "forgotten has no complete row-level security" in str(leaks)
    assert len(leaks) == 1
    # What was forgotten on purpose is none of the house's.
    trials.record("isolation", trials=len(said["trials"]) - len(leaks), seed=None)


def test_without_a_leak_the_command_succeeds(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(verify_isolation, "prove_isolation", list)
    call_command("verify_isolation", json=True)
    assert json.loads(capsys.readouterr().out) == {"isolated": True, "trials": []}


@pytest.mark.parametrize(
    ("breach", "mend", "said"),
    [
        (
            "ALTER TABLE perception_account DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE perception_account ENABLE ROW LEVEL SECURITY",
            "perception_account",
        ),
        (
            "ALTER TABLE perception_account NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE perception_account FORCE ROW LEVEL SECURITY",
            "perception_account",
        ),
        (
            "CREATE UNIQUE INDEX telltale ON perception_account (id, external_id)",
            "DROP INDEX telltale",
            "telltale",
        ),
        (
            "CREATE VIEW telltale AS SELECT * FROM perception_account",
            "DROP VIEW telltale",
            "telltale",
        ),
        (
            "ALTER TABLE perception_contact ADD CONSTRAINT telltale "
            "FOREIGN KEY (account_id) REFERENCES perception_account (id)",
            "ALTER TABLE perception_contact DROP CONSTRAINT telltale",
            "telltale",
        ),
    ],
)
def test_every_hole_in_the_catalogue_is_seen(
    superuser: Any, breach: str, mend: str, said: str
) -> None:
    assert unfenced() == []
    with superuser.cursor() as cursor:
        cursor.execute(breach)
        try:
            assert any(said in problem for problem in unfenced())
        finally:
            cursor.execute(mend)
    assert unfenced() == []


def test_no_scope_no_rows(house: House) -> None:
    """T3: a forgotten filter, or a forgotten scope, returns nothing."""
    with tenant_scope(house.tenant):
        assert Entry.objects.exists()
    assert not Entry.objects.exists()
    with pytest.raises(OutsideScope):
        current_tenant()
    with pytest.raises(OutsideScope):
        record_all(facts(1), now=NOW)


def test_scopes_restore_and_refuse_to_nest(house: House, other: House) -> None:
    with transaction.atomic():
        with tenant_scope(house.tenant):
            with tenant_scope(house.tenant):
                assert current_tenant() == house.tenant
            with pytest.raises(ForeignTenant), tenant_scope(other.tenant):
                raise AssertionError("unreachable")
            with pytest.raises(ForeignTenant), system_scope("test"):
                raise AssertionError("unreachable")
            assert Entry.objects.exists()
        assert not Entry.objects.exists()
        with tenant_scope(other.tenant):
            assert {entry.tenant_id for entry in Entry.objects.all()} == {other.tenant}


def test_a_failure_inside_leaves_no_tenant_behind(house: House) -> None:
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError):
            _fail_inside(house)
        assert not Entry.objects.exists()


def _fail_inside(house: House) -> None:
    with tenant_scope(house.tenant):
        raise ZeroDivisionError


def test_after_commit_there_is_no_tenant(house: House) -> None:
    """Callbacks run outside: they must open their own scope."""
    seen: list[int] = []
    with tenant_scope(house.tenant):
        transaction.on_commit(lambda: seen.append(Entry.objects.count()))
    assert seen == [0]


def test_one_connection_two_hundred_requests(house: House, other: House) -> None:
    """Interleaved requests of A, B and nobody on one connection: no foreign row."""
    for one in (house, other):
        one.client(Role.ADMIN).send(
            "POST", "accounts/", {"external_id": one.slug, "name": "x"}
        )
    nobody = house.client(None)
    clients = [(house, house.client(Role.AUDITOR)), (other, other.client(Role.AUDITOR))]
    for turn in range(66):
        for one, client in clients:
            path = "accounts/" if turn % 2 else "accounts/not-there/"
            body = client.send("GET", path)
            if turn % 2:
                names = [account["external_id"] for account in body.json()["results"]]
                assert names == [one.slug]
        assert nobody.send("GET", "accounts/").status_code == 401
        assert not Account.objects.exists()


def test_a_reference_cannot_leave_its_tenant(house: House, other: House) -> None:
    """Composite keys: a foreign key is no way around the fence."""
    theirs = other.client(Role.ADMIN).send(
        "POST", "accounts/", {"external_id": "a", "name": "x"}
    )
    with pytest.raises(DatabaseError), tenant_scope(house.tenant):
        Contact.objects.create(
            tenant_id=house.tenant,
            account_id=theirs.json()["id"],
            external_id="c",
            name="n",
        )


def test_the_run_time_role_is_weak(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolinherit "
            "FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
    for statement in (
        "CREATE TABLE mine (id int)",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP POLICY tenant_fence ON ledger_entry",
        "SET session_replication_role = replica",
        "SELECT * FROM audit.ledger",
        "SET ROLE autonomy_auditor",
    ):
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_the_auditor_reads_and_changes_nothing(house: House, superuser: Any) -> None:
    seal_tenant(house.tenant, now=NOW)
    with superuser.cursor() as cursor:
        cursor.execute("SET ROLE autonomy_auditor")
        cursor.execute(
            "SELECT count(*), array_agg(sequence ORDER BY sequence) FROM audit.ledger "
            "WHERE tenant_id = %s",
            [str(house.tenant)],
        )
        count, places = cursor.fetchone()
        assert places == list(range(count)) != []
        for statement in (
            "SELECT * FROM perception_contact",
            "SELECT * FROM ledger_private",
        ):
            with pytest.raises(Exception, match="permission denied"):
                cursor.execute(statement)
        cursor.execute("RESET ROLE")


def test_crossings_are_stated_by_the_hour(db: None, superuser: Any) -> None:
    """T3: not per tick, but in a summary that nobody can take back."""
    job = f"job-{uuid4()}"
    for _ in range(3):
        with system_scope(job):
            pass
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_systemuse SET hour = hour - interval '2 hours' WHERE job = %s",
            [job],
        )
    state_system_use(now=datetime.now(UTC))
    with system_scope("test"):
        (entry,) = Entry.objects.filter(
            kind="isolation.system_scope_used", data__job=job
        )
    assert entry.data["uses"] == 3
