"""What `doctor` looks at: each check says what it saw and what would mend it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from autonomy import unreached
from config import health, observing
from config.catalogue import unfenced
from ledger.backlog import backlog
from ledger.scope import SYSTEM_ROLE

CLOCK_TOLERANCE = 2.0
SEAL_TOLERANCE = 30.0
# What puts statements, their values or rows into the log of the database, and the values
# that do not. The first is what to set. A module that is not loaded logs nothing.
QUIET_LOG = {
    "log_statement": ("none", "ddl"),
    "log_min_error_statement": ("panic",),
    "log_error_verbosity": ("terse",),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length_on_error": ("0",),
    "auto_explain.log_min_duration": ("-1", ""),
}
# What any Postgres begins with: told of one that is given, and held against none but ours.
BY_DEFAULT = {"log_min_error_statement": "error", "log_error_verbosity": "default"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    seen: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Every check, in the order in which one would mend things."""
    findings = [*_configuration()]
    state = health.database()
    findings.append(
        Finding(
            "database", state == "ok", state, "Check DATABASE_URL, or `services up`."
        )
    )
    if state == "ok":
        try:
            findings += _database()
        except Error as error:
            findings.append(
                Finding("database", False, str(error).splitlines()[0], "Run `migrate`.")
            )
    redis = health.redis_server()
    findings.append(
        Finding("redis", redis == "ok", redis, "Check REDIS_URL, or `services up`.")
    )
    if health.has_own_broker():
        state = health.broker()
        findings.append(Finding("broker", state == "ok", state, "Check BROKER_URL."))
    evicts = health.redis_eviction()
    findings.append(
        Finding(
            "redis eviction",
            # A service that hides its configuration is not accused of anything.
            evicts == "noeviction" or evicts.startswith("not to be asked"),
            evicts,
            "Set maxmemory-policy noeviction: a full Redis drops messages otherwise.",
        )
    )
    return [*findings, *watchers()]


def watchers() -> Iterator[Finding]:
    """Whether somebody takes what is sent of traces and errors, where it is chosen."""
    for name, variable, place in (
        ("traces", "OTEL_EXPORTER_OTLP_ENDPOINT", settings.ENV.otlp_endpoint),
        ("reports of errors", "SENTRY_DSN", settings.ENV.sentry_dsn),
    ):
        seen = observing.reached(place) if place else "off"
        remedy = f"Check {variable}; what cannot be sent is lost, and holds nothing up."
        yield Finding(name, not seen.startswith("away"), seen, remedy)


def _configuration() -> Iterator[Finding]:
    yield Finding(
        "debug",
        not settings.DEBUG,
        "on" if settings.DEBUG else "off",
        "Set DEBUG=off where others can reach this.",
    )
    yield _folder("witness of the ledger", settings.LEDGER_ANCHOR_DIR)
    yield _folder("var", settings.VAR_DIR)
    yield Finding(
        "signing key",
        settings.LEDGER_SIGNING_KEY is not None,
        "present" if settings.LEDGER_SIGNING_KEY else "absent: this host cannot seal",
        "Set LEDGER_SIGNING_KEY for the relay.",
    )


def _folder(name: str, path: Path) -> Finding:
    """Tried, not asked about: what holds files of its own kind lets nobody write."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            seen = ""
    except OSError as error:
        seen = f": {error.strerror}"
    return Finding(
        name,
        not seen,
        f"{path} is not writable{seen}" if seen else f"{path} is writable",
        "Give this user the right to write there, or name another folder.",
    )


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        yield from _role(cursor)
        yield _clock(cursor)
        yield from _durable(cursor)
        yield _log(cursor)
    missing = health.migrations()
    yield Finding("migrations", missing == "ok", missing, "Run `migrate`.")
    open_tables = unfenced()
    yield Finding(
        "row-level security",
        not open_tables,
        "; ".join(open_tables) or "every table of a tenant is fenced",
        "Add a fence in a migration (ledger/fences.py).",
    )
    for process, state in health.processes().items():
        yield Finding(
            f"heartbeat of {process}", state == "ok", state, f"Start `{process}`."
        )
    waiting = backlog(now=timezone.now())
    yield Finding(
        "sealing",
        waiting.oldest_seconds < SEAL_TOLERANCE,
        f"{waiting.count} entries wait, the oldest {waiting.oldest_seconds:.1f} s",
        "Start `relay`; `verify_ledger` says whether a tree is broken.",
    )
    yield _digests()


def _digests() -> Finding:
    """An address that is wrong is for a tenant's admins to mend: it is said, no more."""
    found = unreached.counted(now=timezone.now())
    seen = (
        f"{found.all} readers are not reached, {found.given_up} of them for good: what "
        "is scheduled at their accounts asks a person; see Digests in the admin"
    )
    return Finding("digests", True, seen if found.all else "every reader is reached")


def _durable(cursor: Any) -> Iterator[Finding]:
    cursor.execute(
        "SELECT current_setting('synchronous_commit'), current_setting('fsync'), "
        "(SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc"
        " WHERE proname = 'pg_logical_emit_message')"
    )
    commits, syncs, may_wait = cursor.fetchone()
    yield Finding(
        "durable commits",
        commits != "off" and syncs == "on",
        f"synchronous_commit {commits}, fsync {syncs}",
        "Turn both on in postgresql.conf: what was accepted must survive a crash.",
    )
    yield Finding(
        "early commits",
        bool(may_wait),
        "are waited for" if may_wait else "pg_logical_emit_message may not be called",
        "GRANT EXECUTE on it to the run-time role: walks wait for the disk by it, and "
        "fail without.",
    )


def _log(cursor: Any) -> Finding:
    """Who reads the database's log is not asked what they may see of customers."""
    cursor.execute(
        "SELECT name, coalesce(current_setting(name, true), '') "
        "FROM unnest(%s::text[]) AS name",
        [list(QUIET_LOG)],
    )
    told = {
        name: value for name, value in cursor.fetchall() if value not in QUIET_LOG[name]
    }
    excused = not settings.ENV.embedded_postgres and told.items() <= BY_DEFAULT.items()
    said = ", ".join(f"{name} {value}" for name, value in told.items())
    wanted = ", ".join(f"{name} = {QUIET_LOG[name][0]}" for name in told)
    return Finding(
        "log of the database",
        not told or excused,
        f"{said}: rows get into it" if told else "no statements, no rows",
        f"Set {wanted} in postgresql.conf: what it quotes names people.",
    )


def _role(cursor: Any) -> Iterator[Finding]:
    cursor.execute(
        "SELECT current_user, rolsuper OR rolbypassrls, "
        "(SELECT count(*) FROM pg_class WHERE relowner = r.oid AND relkind = 'r') "
        "FROM pg_roles r WHERE rolname = current_user"
    )
    name, may_bypass, owns = cursor.fetchone()
    yield Finding(
        "run-time role",
        not may_bypass and not owns,
        f"{name}: {'may' if may_bypass else 'cannot'} bypass row-level security, "
        f"owns {owns} tables",
        "Let DATABASE_URL name a role that is neither superuser nor owner; "
        "`migrate` with a superuser's URL makes one.",
    )
    cursor.execute(
        "SELECT rolbypassrls, rolcanlogin, pg_has_role(current_user, oid, 'MEMBER') "
        "FROM pg_roles WHERE rolname = %s",
        [SYSTEM_ROLE],
    )
    found = cursor.fetchone()
    yield Finding(
        "system role",
        found == (True, False, True),
        "as it must be" if found == (True, False, True) else f"{found or 'missing'}",
        f"As a superuser: CREATE ROLE {SYSTEM_ROLE} NOLOGIN BYPASSRLS NOINHERIT; "
        f"GRANT {SYSTEM_ROLE} TO {name};",
    )


def _clock(cursor: Any) -> Finding:
    before = timezone.now()
    cursor.execute("SELECT clock_timestamp()")
    theirs = cursor.fetchone()[0]
    off = abs((theirs - before).total_seconds())
    return Finding(
        "clock",
        off < CLOCK_TOLERANCE,
        f"{off:.3f} s from the database's",
        "Run a time daemon on both hosts.",
    )
