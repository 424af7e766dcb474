"""How one server is prepared and started, and what is done when it does not start."""

import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from config.embedded.place import Place, move_aside, programs
from config.embedded.processes import answers
from config.embedded.state import (
    HOST,
    EmbeddedError,
    Endpoints,
    is_free,
    kept_or_made,
    write,
)

ATTEMPTS = 20
# No process has this id: it tells Postgres that the owner of its pid file is gone.
NO_PID = 2**31 - 2
# The shell leaves at once, so the daemon is nobody's child and outlives its starter.
DETACH = '"$@" </dev/null >&2 & echo $!'
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
# What fails is logged without its statement and detail, which quote rows.
POSTGRES = f"""listen_addresses={HOST} unix_socket_directories= max_connections=200
shared_buffers=128MB synchronous_commit=on idle_in_transaction_session_timeout=60s
log_min_error_statement=panic log_error_verbosity=terse"""
INITDB = """-U postgres --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8
--locale-provider=builtin --no-instructions"""
REDIS = f"""bind {HOST}
appendonly yes
appendfsync everysec
aof-load-truncated yes
save ""
maxmemory-policy noeviction
set-proc-title no
"""


def start(place: Place, name: str, ends: Endpoints) -> Endpoints:
    """Start it and wait for its answer; with another port where its own is taken."""
    folder = programs(place)[name]
    prepare = _prepare_postgres if name == "postgres" else _prepare_redis
    for _ in range(ATTEMPTS):
        if not is_free(ends.port(name)):
            ends = kept_or_made(place.var, taken=name)
        command = prepare(place, folder, ends)
        if answers(place, name, ends, _spawn(place, name, command)):
            return ends
        _mend(place, name, ends)
    raise _failure(place, name)


def _prepare_postgres(place: Place, folder: Path, ends: Endpoints) -> list[str]:
    home = place.base / "postgres"
    if not home.exists():
        _make_cluster(place, folder, ends)
    _void(home / "postmaster.pid", place)
    settings = [word for pair in POSTGRES.split() for word in ("-c", pair)]
    port = f"{ends.postgres_port}"
    return [str(folder / "postgres"), "-D", str(home), "-p", port, *settings]


def _void(pid_file: Path, place: Place) -> None:
    """A pid file must not stop a start: its pid is a stranger's now, or a zombie's."""
    if not first_line(pid_file).isdigit():
        pid_file.unlink(missing_ok=True)
    else:
        # Only the id is changed: the key below it still finds orphans of a crash.
        rest = pid_file.read_text().partition("\n")[2]
        write(pid_file, f"{NO_PID}\n{rest}", place.owner)


def _make_cluster(place: Place, folder: Path, ends: Endpoints) -> None:
    """Under another name until it is whole: a crash never leaves half a cluster."""
    making, secret = place.base / "postgres.making", place.base / "postgres.password"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    place.give(making)
    write(secret, ends.superuser_password, place.owner)
    files = ["-D", str(making), f"--pwfile={secret}"]
    try:
        done = subprocess.run(
            [str(folder / "initdb"), *files, *INITDB.split()],
            check=False, text=True, errors="replace", cwd=making, env=ENVIRONMENT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **place.user,
        )  # fmt: skip
    finally:
        secret.unlink()
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise EmbeddedError(
            f"Postgres cannot make its data in {place.base}: {_gist(done.stdout)}"
        )
    write(making / "autonomy.id", ends.fingerprint(), place.owner)
    making.rename(place.base / "postgres")


def _prepare_redis(place: Place, folder: Path, ends: Endpoints) -> list[str]:
    home, conf = place.base / "redis", place.base / "redis.conf"
    home.mkdir(mode=0o700, exist_ok=True)
    for path in (home, *home.iterdir()):
        place.give(path)
    write(home / "autonomy.id", ends.fingerprint(), place.owner)
    pid_file = json.dumps(str(home / "redis.pid"), ensure_ascii=False)
    text = f"{REDIS}requirepass {ends.redis_password}\npidfile {pid_file}\n"
    write(conf, text, place.owner)
    program, port = str(folder / "redis-server"), f"{ends.redis_port}"
    return [program, str(conf), "--port", port, "--dir", str(home)]


def _spawn(place: Place, name: str, command: list[str]) -> int:
    log = place.log(name)
    log.parent.mkdir(exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "wb") as output:
        done = subprocess.run(
            ["/bin/sh", "-c", DETACH, "sh", *command],
            check=True, cwd=place.base / name, env=ENVIRONMENT, umask=0o077,
            stdout=subprocess.PIPE, stderr=output, start_new_session=True,
            **place.user,
        )  # fmt: skip
    return int(done.stdout)


def _mend(place: Place, name: str, ends: Endpoints) -> None:
    """After a start that failed: make the next one possible, or say what is wrong."""
    if not is_free(ends.port(name)):
        return
    home, text = place.base / name, place.log(name).read_text(errors="replace")
    if "shared memory block" in text:
        # Backends of a killed server end a moment after it.
        time.sleep(0.5)
    elif name == "redis" and any(home.glob("*.aof")):
        move_aside(home, "cannot be read by Redis (it holds hints only)")
    else:
        raise _failure(place, name)


def _failure(place: Place, name: str) -> EmbeddedError:
    log = place.log(name)
    gist = _gist(log.read_text(errors="replace"))
    return EmbeddedError(f"{name} does not start: {gist} (more in {log})")


def _gist(text: str) -> str:
    """The line that tells most: the last complaint, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["silence"]
    loud = ("FATAL", "PANIC", "error:", "Fatal", "Bad ")
    return next((x for x in reversed(lines) if any(w in x for w in loud)), lines[-1])


def first_line(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().partition("\n")[0].strip()
    return ""
