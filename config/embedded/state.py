"""What is kept of the servers: their ports and passwords, behind one lock."""

import fcntl
import hashlib
import json
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

NAMES, HOST, DATABASE = ("postgres", "redis"), "127.0.0.1", "autonomy"
PASSWORDS = ("superuser", "owner", "app", "auditor", "redis")
# Outside the range from which the kernel takes ports of outgoing connections.
PORTS = range(20000, 32000)


class EmbeddedError(Exception):
    """An embedded server cannot be used; the message says why and how to mend it."""


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the servers of `var` answer, and the password of every role."""

    host: str = HOST
    postgres_port: int
    redis_port: int
    superuser_password: str = field(repr=False)
    owner_password: str = field(repr=False)
    app_password: str = field(repr=False)
    auditor_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    var: str = ""

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


def endpoints(var: Path) -> Endpoints:
    """The kept ports and passwords, made at the first call; nothing is started."""
    var = var.resolve()
    kept = _kept(var)
    if kept and kept.var == str(var):
        return kept
    with locked(var):
        return kept_or_made(var)


@contextmanager
def locked(var: Path) -> Iterator[None]:
    """One process at a time; what the system refuses becomes one line."""
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


def kept_or_made(var: Path, taken: str = "") -> Endpoints:
    """The state; with other ports where the folder is a copy, or a port is taken."""
    kept = _kept(var) or _made()
    # A copied folder must not speak to the servers of the original.
    is_elsewhere = kept.var != str(var)
    renewed = [name for name in NAMES if is_elsewhere or name == taken]
    if not renewed:
        return kept
    ports = {f"{name}_port": _free_port() for name in renewed}
    state = {**asdict(kept), **ports, "var": str(var)}
    write(var / "embedded.json", json.dumps(state, indent=1))
    return Endpoints(**state)


def _kept(var: Path) -> Endpoints | None:
    path = var / "embedded.json"
    try:
        return Endpoints(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError) as error:
        raise EmbeddedError(
            f"{path} cannot be read ({error}): run as the user who made it, or remove "
            "it to begin anew; the data so far is then moved aside."
        ) from error


def _made() -> Endpoints:
    passwords = {f"{name}_password": secrets.token_urlsafe(24) for name in PASSWORDS}
    return Endpoints(postgres_port=0, redis_port=0, **passwords)


def write(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """All or nothing, and for one reader only: these files hold passwords."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    if owner:
        os.chown(draft, *owner, follow_symlinks=False)
    draft.replace(path)


def _free_port() -> int:
    while not is_free(port := secrets.choice(PORTS)):
        pass
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False
