"""Where canaries are hunted: every place that somebody else might read."""

import json
import re
import subprocess
import sys
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import redis

from config.embedded.place import place_of, programs
from config.embedded.state import endpoints
from tests.walks.doors import Tenant
from tests.walks.hunted import Day
from tests.walks.running import ROOT

# What Django signs is packed: sessions, and messages in cookies.
SIGNED = re.compile(rb"(?<![\w-])(\.?)([\w-]{12,}):[\w-]{6}:[\w-]{43}")
# These hold keys and passwords by their task; nobody else may read them.
OWN = ("embedded.json", "redis.conf", "roles.json")
DATA = ("postgres", "redis", "keys", "exports")
ADMIN = (
    "perception/connector", "perception/apitoken", "perception/membership",
    "autonomy/tool",
)  # fmt: skip
ASKED = {
    "doctor": ("doctor",),
    "status": ("status", "--json"),
    "configuration as a file": ("config", "export", "--tenant", "demo-1"),
}
DIGESTS = """
from datetime import timedelta
from django.utils import timezone
from autonomy import digests
from perception import tenants
later, tenant = timezone.now() + timedelta(days=2), tenants.find_tenant("demo-1")
digests.write_due(now=later, tenant=tenant)
digests.send_due(now=later, tenant=tenant)
"""
# `doctor` may complain, as this is no deployment.
TOLD = """
import io, json, os
from contextlib import suppress
from django.core.management import call_command
said = {}
for name, words in json.loads(os.environ["ASKED"]).items():
    out = io.StringIO()
    with suppress(SystemExit):
        call_command(*words, stdout=out, stderr=out)
    said[name] = out.getvalue()
print(json.dumps(said))
"""


def unpacked(text: bytes) -> bytes:
    """The text, and what is packed in it."""
    more = []
    for dot, held in SIGNED.findall(text):
        with suppress(ValueError, zlib.error):
            raw = urlsafe_b64decode(held + b"=" * (-len(held) % 4))
            more.append(zlib.decompress(raw) if dot else raw)
    return b"\n".join([text, *more])


def places(day: Day) -> dict[str, bytes]:
    """Everything at once; what takes a process of its own goes side by side."""
    with ThreadPoolExecutor(2) as pool:
        told, kept = pool.submit(commands, day), pool.submit(backup, day)
        found = {
            "logs": logs(day),
            "files": files(day),
            "broker": broker(day),
            "command lines": lines(),
            "environments": environments(day),
            "statements": statements(day),
            "ledger": ledger(day),
            "audit": audit(day),
            "exports": exports(day),
            **answers(day),
            **pages(day),
        }
        found |= told.result()
        found["backup"] = kept.result()
    return {name: unpacked(text) for name, text in found.items()}


def commands(day: Day) -> dict[str, bytes]:
    """Digests are written and sent, in vain; then what operators ask answers."""
    words = {name: list(each) for name, each in ASKED.items()}
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", f"{DIGESTS}{TOLD}"],
        cwd=ROOT, env=day.running.env | {"ASKED": json.dumps(words)},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    *_, last = done.stdout.splitlines()
    said = {name: text.encode() for name, text in json.loads(last).items()}
    assert all(said.values()), said
    return {**said, "commands": done.stdout + done.stderr}


def logs(day: Day) -> bytes:
    """Every process's output, and the servers' own."""
    paths = [day.running.log, *(day.running.var / "log").iterdir()]
    text = b"\n".join(path.read_bytes() for path in paths)
    assert b"raised unexpected" in text, "nothing broke in a worker"
    assert b"Server Error" in text, "nothing broke in a web process"
    return text


def files(day: Day) -> bytes:
    """What lies about, except for data and for what keeps keys by its task."""
    var = day.running.var
    return b"\n".join(
        f"{path}\n".encode() + path.read_bytes()
        for path in sorted(var.rglob("*"))
        if path.is_file()
        and path.relative_to(var).parts[0] not in DATA
        and path.name not in OWN
    )


def broker(day: Day) -> bytes:
    """Every key that there is, and every command since Redis began: it keeps them all."""
    line = redis.Redis.from_url(endpoints(day.running.var).redis_url)
    held = []
    for key in line.scan_iter(count=1000):
        with suppress(redis.ResponseError):
            held += [key, line.dump(key) or b""]
    line.close()
    log = (day.running.var / "redis").rglob("*.aof")
    text = b"\n".join([*held, *(path.read_bytes() for path in log)])
    assert b"autonomy.tasks.execute" in text, "nothing went through the broker"
    return text


def _proc(name: str) -> Iterator[tuple[int, bytes]]:
    for path in Path("/proc").glob(f"[0-9]*/{name}"):
        with suppress(OSError):
            yield int(path.parent.name), path.read_bytes()


def lines() -> bytes:
    """What `ps` shows to anybody on the machine."""
    return b"\n".join(line for _, line in _proc("cmdline"))


def environments(day: Day) -> bytes:
    mine = set(day.running.pids(""))
    assert mine
    return b"\n".join(held for pid, held in _proc("environ") if pid in mine)


def statements(day: Day) -> bytes:
    """What a superuser sees others ask; the module that would keep it is not there."""
    assert not day.running.sql(
        "SELECT 1 FROM pg_extension WHERE extname ~ 'statements'"
    )
    return _rows(day.running.sql("SELECT query FROM pg_stat_activity"))


def ledger(day: Day) -> bytes:
    return _rows(
        day.running.sql("SELECT kind, actor, subjects, data FROM ledger_entry")
    )


def audit(day: Day) -> bytes:
    """Every view of the auditor, and what their role sees of others' statements."""
    connection = psycopg2.connect(endpoints(day.running.var).auditor_url())
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'audit'")
        views = [name for (name,) in cursor.fetchall()]
        assert "ledger" in views
        found = [b""]
        for view in views:
            cursor.execute(f"SELECT * FROM audit.{view}")
            found.append(_rows(cursor.fetchall()))
        cursor.execute("SELECT query FROM pg_stat_activity")
        found.append(_rows(cursor.fetchall()))
    connection.close()
    return b"\n".join(found)


def _rows(rows: list[Any]) -> bytes:
    return "\n".join(str(row) for row in rows).encode()


def exports(day: Day) -> bytes:
    """The ledger's copies, as auditors download them."""
    tenant, found, now = day.tenant, list[bytes](), datetime.now(UTC)
    since, until = ((now + timedelta(days=days)).isoformat() for days in (-9, 9))
    for kind in ("jsonl", "csv"):
        body = {"from": since, "to": until, "format": kind}
        made = tenant.tell("POST", "exports/", body, role="auditor")
        path = f"exports/{made['id']}/"
        day.running.wait_for(partial(_is_written, tenant, path), 60)
        token = {"Authorization": f"Bearer {tenant.tokens['auditor']}"}
        status, text = day.running.ask(f"/api/v1/{path}download/", **token)
        assert status == 200
        found.append(text)
    return b"\n".join(found)


def _is_written(tenant: Tenant, path: str) -> bool:
    return bool(tenant.tell("GET", path, role="auditor")["status"] == "COMPLETED")


def answers(day: Day) -> dict[str, bytes]:
    """What the API said: heads of everything, refusals, and its own mistakes."""
    refused = [head + body for status, head, body in day.answers if 400 <= status < 500]
    broken = [head + body for status, head, body in day.answers if status >= 500]
    assert refused
    assert len(broken) >= 2, "nothing broke"
    shown = [
        json.dumps(day.tenant.tell("GET", path)).encode()
        for path in ("tools/", "connectors/", "settings/", "me/", "modes/")
    ]
    return {
        "heads of answers": b"\n".join(head for _, head, _ in day.answers),
        "refusals": b"\n".join(refused),
        "mistakes": b"\n".join(broken),
        "settings read again": b"\n".join(shown),
        "figures": day.running.ask("/metrics")[1],
        "health": b"".join(day.running.ask(p)[1] for p in ("/readyz", "/healthz")),
        "the OpenAPI document": day.running.ask("/api/schema/")[1],
    }


def pages(day: Day) -> dict[str, bytes]:
    """Pages of the day, those that broke, and those of what has secrets."""
    seen = list(day.visitor.pages)
    broken = [page for page in seen if page.status >= 500]
    assert {page.status for page in broken} == {500, 503}
    for path in ADMIN:
        listed = day.visitor.see(f"/admin/{path}/")
        assert listed.status == 200, path
        rows = re.findall(rf'"(/admin/{path}/[^/"]+/change/)'.encode(), listed.body)
        seen += [listed, *(day.visitor.see(row.decode()) for row in set(rows))]
    return {
        "pages": b"\n".join(page.headers + page.body for page in seen),
        "pages that broke": b"\n".join(page.headers + page.body for page in broken),
    }


def backup(day: Day) -> bytes:
    """The database, as a backup has it."""
    program = programs(place_of(day.running.var.resolve()))["postgres"] / "pg_dump"
    url = endpoints(day.running.var).superuser_url()
    words = [str(program), "--inserts", url]
    return subprocess.run(words, capture_output=True, check=True).stdout
