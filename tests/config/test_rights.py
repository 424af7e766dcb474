"""Given only a superuser's URL, `migrate` makes the weaker roles and says so."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings
from django.db import connections

from config import rights

ROOT = Path(__file__).parents[2]
KEYS = {
    "SECRET_KEY": "s" * 50,
    "FIELD_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "LEDGER_SIGNING_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


@pytest.fixture
def foreign(db: None, superuser: Any, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Somebody else's server: an empty database and a superuser's URL to it."""
    name = f"foreign_{uuid4().hex[:8]}"
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    url = settings.DATABASE_GIVEN_URL.rpartition("/")[0] + f"/{name}"
    yield {
        **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")},
        **KEYS,
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
    }
    with superuser.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        cursor.execute(f"DROP ROLE IF EXISTS {name}_app")
        cursor.execute(f"DROP ROLE IF EXISTS {name}_weak")


def manage(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_login_without_rights_is_told_in_a_line(
    foreign: dict[str, str], superuser: Any
) -> None:
    name = foreign["DATABASE_URL"].rpartition("/")[2]
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name}_weak LOGIN PASSWORD 'weak'")
    place = foreign["DATABASE_URL"].rpartition("@")[2]
    weak = {**foreign, "DATABASE_URL": f"postgres://{name}_weak:weak@{place}"}
    done = manage(weak, "migrate", "-v0")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "DATABASE_OWNER_URL" in last
    assert "Traceback" not in done.stderr


def test_a_superusers_url_is_enough(foreign: dict[str, str]) -> None:
    name = foreign["DATABASE_URL"].rpartition("/")[2]
    done = manage(foreign, "migrate", "-v0")
    assert done.returncode == 0, done.stderr
    assert f"created the role {name}_app" in done.stderr
    assert manage(foreign, "seed", "--accounts", "1").returncode == 0
    again = manage(foreign, "migrate", "-v0")
    assert (again.returncode, again.stderr) == (0, "")
    seen = manage(foreign, "doctor")
    assert f"{name}_app: cannot bypass row-level security, owns 0 tables" in seen.stdout
    assert "system role: as it must be" in seen.stdout
    # The secret of the new login is for this user alone.
    kept = Path(foreign["VAR_DIR"]) / "roles.json"
    assert kept.stat().st_mode & 0o077 == 0


def test_an_existing_weak_role_gets_its_rights(
    foreign: dict[str, str], superuser: Any
) -> None:
    """DATABASE_URL names the run-time role, DATABASE_OWNER_URL a stronger one."""
    name = foreign["DATABASE_URL"].rpartition("/")[2]
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name}_weak LOGIN PASSWORD 'w' NOINHERIT")
    strong = foreign["DATABASE_URL"]
    host = strong.rpartition("@")[2]
    env = foreign | {
        "DATABASE_URL": f"postgres://{name}_weak:w@{host}",
        "DATABASE_OWNER_URL": strong,
    }
    assert manage(env, "migrate", "-v0").returncode == 0
    assert manage(env, "seed", "--accounts", "1").returncode == 0
    with pytest.raises(psycopg2.Error, match="permission denied"):
        _try(env["DATABASE_URL"], "DELETE FROM ledger_entry")


def test_a_release_leaves_nobody_without_rights(db: None, monkeypatch: Any) -> None:
    """S7: rights are renewed at once, so whoever works meanwhile is never refused."""
    given, looked = rights._grants, []

    def watched(app: str, existing: set[str]) -> Iterator[str]:
        for statement in given(app, existing):
            yield statement
            if statement.startswith("REVOKE"):
                with connections["default"].cursor() as cursor:
                    cursor.execute("SELECT FROM perception_signal LIMIT 0")
                looked.append(statement)

    monkeypatch.setattr(rights, "_grants", watched)
    rights.grant()
    assert len(looked) == 2


def _try(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    try:
        connection.cursor().execute(statement)
    finally:
        connection.close()
