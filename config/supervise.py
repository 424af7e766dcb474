"""`make run`: the servers, then every line of the Procfile, kept alive until Ctrl-C."""

import argparse
import fcntl
import http.client
import json
import os
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from config import embedded
from config.crew import Child, Crew
from config.env import Environment, load
from config.values import ROOT, WrongSetting

ASK_SECONDS, ANSWER_SECONDS, LATE_SECONDS = 0.5, 10, 60
TEND_SECONDS = 2
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104


class Refused(Exception):
    """The product cannot start here; the message is one line."""


def main() -> int:
    """Run until a signal; the exit code tells a refusal (2) from a failure (1)."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--folder", type=Path, default=ROOT)
    given.add_argument("--procfile", type=Path)
    given.add_argument("--sandbox", action="store_true", help="a demo with a past")
    choice = given.parse_args()
    procfile = choice.procfile or choice.folder / "Procfile"
    try:
        env = load()
        with _alone(env.var_dir):
            _refuse_taken(env)
            lines = _procfile(procfile)
            crew = Crew(choice.folder, _environment(env))
            return _run(env, lines, crew, ["--sandbox"] if choice.sandbox else [])
    except (WrongSetting, Refused) as problem:
        sys.stderr.write(f"autonomy: {problem}\n")
        return 2
    except embedded.EmbeddedError as problem:
        sys.stderr.write(f"autonomy: {problem}\n")
        return 1


def _run(env: Environment, lines: dict[str, str], crew: Crew, demo: list[str]) -> int:
    crew.heed()
    crew.width = max(map(len, [*lines, "release"]))
    names = _wanted(env)
    started = embedded.up(env.var_dir, names) if names else frozenset[str]()
    try:
        return _run_all(env, lines, crew, demo)
    finally:
        crew.stop()
        if started:
            embedded.down(env.var_dir, started)


def _run_all(
    env: Environment, lines: dict[str, str], crew: Crew, demo: list[str]
) -> int:
    seeded: list[str] = []
    seed = [sys.executable, "manage.py", "seed", "--json", *demo]
    release = lines.pop("release", None)
    code = _finish(crew, "release", _shell(release)) if release else 0
    code = code or _finish(crew, "seed", seed, seeded)
    if code == 0:
        crew.children += [Child(name, _shell(line)) for name, line in lines.items()]
        _watch(crew, env, _demo(seeded))
    return code


def _finish(
    crew: Crew, name: str, command: list[str], kept: list[str] | None = None
) -> int:
    """The exit code as a shell passes it on; 0 where we are asked to stop."""
    code = 0 if crew.stopping else crew.run_to_end(name, command, kept)
    if code != 0:
        crew.say(name, f"failed with code {code}: nothing is started")
    return code if code >= 0 else 128 - code


def _demo(seeded: list[str]) -> dict[str, Any]:
    with suppress(ValueError, LookupError):
        tenant: dict[str, Any] = json.loads("\n".join(seeded))["tenants"][0]
        return tenant
    return {}


def _watch(crew: Crew, env: Environment, demo: dict[str, Any]) -> None:
    host = EVERYWHERE.get(env.web_bind, env.web_bind)
    if _becomes_ready(crew, host, env.port):
        crew.write(_welcome(f"[{host}]" if ":" in host else host, env.port, demo))
    tended = time.monotonic()
    while not crew.stopping:
        crew.work()
        if time.monotonic() - tended > TEND_SECONDS:
            tended = time.monotonic()
            _tend_servers(crew, env)


def _tend_servers(crew: Crew, env: Environment) -> None:
    """A server of ours that died comes back; what cannot start is tried again."""
    try:
        for name in embedded.up(env.var_dir, _wanted(env)) if _wanted(env) else ():
            crew.say(name, "was gone and is started again")
    except embedded.EmbeddedError as problem:
        crew.say("services", str(problem))


def _wanted(env: Environment) -> list[str]:
    wanted = {"postgres": env.embedded_postgres, "redis": env.embedded_redis}
    return [name for name, is_wanted in wanted.items() if is_wanted]


def _becomes_ready(crew: Crew, host: str, port: int) -> bool:
    """Ask until the first 200, and never again: each answer is a line in the log."""
    born, asked, is_late = time.monotonic(), 0.0, False
    while not crew.stopping:
        crew.work()
        if time.monotonic() - asked < ASK_SECONDS:
            continue
        asked = time.monotonic()
        answer = _readyz(crew, host, port)
        if answer == "200":
            return True
        if not is_late and time.monotonic() - born > LATE_SECONDS:
            is_late = True
            crew.say("run", f"/readyz says {answer} after {LATE_SECONDS} s: see above")
    return False


def _readyz(crew: Crew, host: str, port: int) -> str:
    """The status; whoever starts is waited for with one question, not with many."""
    line = http.client.HTTPConnection(host, port, timeout=2)
    until = time.monotonic() + ANSWER_SECONDS
    try:
        line.request("GET", "/readyz")
        while not select.select([line.sock], [], [], 0)[0]:
            if crew.stopping or time.monotonic() > until:
                return "nothing"
            crew.work()
        return str(line.getresponse().status)
    except (OSError, http.client.HTTPException) as problem:
        return type(problem).__name__
    finally:
        line.close()


def _welcome(host: str, port: int, demo: dict[str, Any]) -> str:
    address, slug = f"http://{host}:{port}", demo.get("slug", "demo-1")
    token = f".venv/bin/python manage.py token create --tenant {slug} --role seller"
    rows = [
        (role, login["email"], login["password"])
        for role, login in demo.get("logins", {}).items()
    ]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    table = [f"    {r:<{widths[0]}}  {e:<{widths[1]}}  {p}" for r, e, p in rows]
    return "\n".join(
        [
            "",
            f"  Autonomy answers at {address}/",
            f"  Admin               {address}/admin/",
            f"  API docs            {address}/api/docs/",
            *([f"  Demo logins of {slug} (role, e-mail, password):"] if rows else []),
            *table,
            f"  A token: {token}",
            "  Ctrl-C stops everything.",
            "",
            "",
        ]
    )


def _procfile(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    lines = [line.partition(":") for line in text.splitlines()]
    return {
        name.strip(): command.strip()
        for name, _, command in lines
        if command.strip() and not name.lstrip().startswith("#")
    }


def _shell(line: str) -> list[str]:
    return ["/bin/sh", "-c", f"exec {line}"]


def _environment(env: Environment) -> dict[str, str]:
    programs = Path(sys.executable).parent
    return {
        **os.environ,
        "PORT": str(env.port),
        "WEB_BIND": env.web_bind,
        "WORKER_CONCURRENCY": str(env.worker_concurrency),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


@contextmanager
def _alone(var: Path) -> Iterator[None]:
    try:
        var.mkdir(parents=True, exist_ok=True)
        handle = os.open(var / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Refused(
            f"{var} cannot be written ({error.strerror}): make it writable for this "
            "user, or name another folder in VAR_DIR."
        ) from error
    with os.fdopen(handle):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(
                f"`make run` is already running for {var}: stop it, or name another "
                "folder in VAR_DIR."
            ) from error
        yield


def _refuse_taken(env: Environment) -> None:
    host = env.web_bind.strip("[]")
    try:
        found = socket.getaddrinfo(host or None, env.port, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        raise Refused(
            f"{env.web_bind}:{env.port} cannot be served ({error.strerror}): stop what "
            "answers there, or choose another PORT or WEB_BIND."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
