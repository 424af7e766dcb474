"""Both servers together: started, stopped, shown."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from config.embedded.place import Place, move_aside, open_shelf, place_of
from config.embedded.processes import answers, living, stop
from config.embedded.start import first_line, start
from config.embedded.state import NAMES, Endpoints, endpoints, kept_or_made, locked

PID_FILES = {"postgres": "postmaster.pid", "redis": "redis.pid"}


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One server, as it is now."""

    name: str
    running: bool
    pid: int | None
    address: str
    home: Path


def up(var: Path, names: Collection[str] = NAMES) -> frozenset[str]:
    """Start what does not run and wait for its answer; say what was started here."""
    var, started = var.resolve(), set[str]()
    with locked(var):
        place, ends = place_of(var), kept_or_made(var)
        try:
            for name in names:
                if not _is_well(place, name, ends):
                    if place.base != place.var and not started:
                        open_shelf(place, "data and programs")
                    started.add(name)
                    ends = start(place, name, ends)
        except BaseException:
            for name in started:
                stop(place, name)
            raise
    return frozenset(started)


def down(var: Path, names: Collection[str] = NAMES) -> frozenset[str]:
    """Stop what runs; say what was stopped."""
    var = var.resolve()
    with locked(var):
        return frozenset(name for name in names if stop(place_of(var), name))


def status(var: Path) -> list[ServiceStatus]:
    """What runs, and where."""
    ends, place, found = endpoints(var), place_of(var.resolve()), []
    for name in NAMES:
        pid = next(iter(living(place, name)), None)
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


def _is_well(place: Place, name: str, ends: Endpoints) -> bool:
    """Whether it runs as this state says; if it runs otherwise, it is stopped."""
    home, port = place.base / name, f"{ends.port(name)}"
    is_ours = first_line(home / "autonomy.id") == ends.fingerprint()
    kept_pid = first_line(home / PID_FILES[name])
    for pid, given in living(place, name).items():
        is_here = is_ours and kept_pid == f"{pid}" and port in given
        if is_here and answers(place, name, ends, pid):
            return True
    stop(place, name)
    if home.exists() and not is_ours:
        move_aside(home, "is of another state than this embedded.json")
    return False
