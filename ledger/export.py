"""Exports of the ledger: asked for here, written by a worker, with a manifest."""

import csv
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import orjson
import structlog
from django.conf import settings
from django.db import connection
from django.db.models import F, Q

from ledger.errors import ExportNotReady, TooManyExports
from ledger.models import Checkpoint, Export
from ledger.reading import COLUMNS, rows_of
from ledger.record import SYSTEM, Actor, Fact, record
from ledger.rules.cells import harmless
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant, system_scope, tenant_scope

logger = structlog.get_logger("ledger.export")

SCHEMA_VERSION = 1
HOUR = timedelta(hours=1)
PER_HOUR = 20
LONGEST_RANGE = timedelta(days=366)
KEPT_FOR = timedelta(days=7)
LEASE = timedelta(seconds=50)
UNSEALED_PAUSE = timedelta(seconds=2)
MOST_ATTEMPTS = 3
CHUNK = 5000
FIELDS = ("sequence", "number", "id", "at", "kind", "actor", "subjects", "data")
Document = dict[str, Any]


def request_export(
    *, begin: datetime, end: datetime, format: str, by: Actor, now: datetime
) -> Export:
    """Ask for a copy of a stretch of the ledger."""
    with connection.cursor() as cursor:
        # One at a time, so that thirty at once cannot all be the last one allowed.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('export ' || %s, 0))",
            [str(current_tenant())],
        )
    recent = list(
        Export.objects.filter(requested_at__gt=now - HOUR)
        .order_by("requested_at")
        .values_list("requested_at", flat=True)[:PER_HOUR]
    )
    if len(recent) == PER_HOUR:
        wait = (recent[0] + HOUR - now).total_seconds()
        raise TooManyExports(f"The limit is {PER_HOUR}.", wait=wait)
    export = Export.objects.create(
        tenant_id=current_tenant(),
        requested_by=UUID(by.id),
        requested_at=now,
        begin=begin,
        end=end,
        format=format,
    )
    _state(
        export,
        Kind.EXPORT_REQUESTED,
        {"from": begin.isoformat(), "to": end.isoformat(), "format": format},
        by=by,
        now=now,
    )
    return export


def due_exports(*, now: datetime) -> list[tuple[UUID, UUID]]:
    """Tenant and id of exports that nobody works on, oldest first."""
    with system_scope("find exports"):
        return list(
            Export.objects.filter(status=Export.Status.PENDING)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("requested_at")
            .values_list("tenant_id", "id")[:10]
        )


def write_due(*, now: datetime) -> int:
    """Write the oldest export that waits; one at a time, so that others get a turn."""
    for tenant, export in due_exports(now=now):
        if write_export(export, tenant=tenant, now=now):
            return 1
    return 0


def write_export(export: UUID, *, tenant: UUID, now: datetime) -> bool:
    """Write one export, if nobody else is at it; False when there was nothing to do."""
    with tenant_scope(tenant):
        claimed = _claim(export, now=now)
    if claimed is None:
        return False
    try:
        with tenant_scope(tenant):
            manifest = _write(claimed)
            _finish(claimed, manifest, now=now)
    except (OSError, duckdb.Error) as error:
        logger.error("export failed", name=str(export), error=type(error).__name__)
        with tenant_scope(tenant):
            _fail_or_wait(claimed, f"{type(error).__name__} while writing", now=now)
    return True


def open_export(export: Export, *, by: Actor, now: datetime) -> tuple[Path, str]:
    """The file of a finished export and its name; being taken away is a fact too."""
    path = path_of(export)
    if export.status != Export.Status.COMPLETED or export.expires_at is None:
        raise ExportNotReady(f"Its status is {export.status}. {export.error}".strip())
    if export.expires_at <= now or not path.exists():
        raise ExportNotReady("It has expired: ask for a new one.")
    _state(export, Kind.EXPORT_DOWNLOADED, {}, by=by, now=now)
    return path, f"ledger-{export.begin:%Y%m%d}-{export.end:%Y%m%d}.{export.format}"


def path_of(export: Export) -> Path:
    base: Path = settings.EXPORT_DIR
    return base / str(export.tenant_id) / f"{export.id}.{export.format}"


def _claim(export: UUID, *, now: datetime) -> Export | None:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    mine = Export.objects.filter(free, pk=export, status=Export.Status.PENDING)
    waiting = mine.first()
    if waiting and waiting.attempts < MOST_ATTEMPTS and _is_unsealed(waiting):
        # Complete or not at all: it is due again when the sealer has caught up.
        mine.update(lease_until=now + UNSEALED_PAUSE)
        return None
    if not mine.update(lease_until=now + LEASE, attempts=F("attempts") + 1):
        return None
    claimed = Export.objects.get(pk=export)
    if claimed.attempts > MOST_ATTEMPTS:
        _fail_or_wait(claimed, "Its worker died each time", now=now)
        return None
    return claimed


def _is_unsealed(export: Export) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM ledger_pending p JOIN ledger_entry e USING "
            "(number) WHERE p.tenant_id = %s AND e.at >= %s AND e.at < %s)",
            [str(export.tenant_id), export.begin, export.end],
        )
        return bool(cursor.fetchone()[0])


def _write(export: Export) -> Document:
    """Write beside, then rename: a half-written file is never downloaded."""
    path = path_of(export)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{export.attempts}")
    writer = WRITERS[Export.Format(export.format)]
    seen = _Seen()
    writer(seen.through(_documents(export)), draft)
    digest = hashlib.sha256()
    with draft.open("rb") as written:
        for block in iter(lambda: written.read(1 << 20), b""):
            digest.update(block)
        os.fsync(written.fileno())
    draft.replace(path)
    head = Checkpoint.objects.order_by("-size").first()
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": seen.rows,
        "first": seen.first,
        "last": seen.last,
        "sha256": digest.hexdigest(),
        "checkpoint": head.note if head else None,
    }


class _Seen:
    """Counts what goes by."""

    def __init__(self) -> None:
        self.rows = 0
        self.first: int | None = None
        self.last: int | None = None

    def through(self, documents: Iterator[Document]) -> Iterator[Document]:
        for document in documents:
            self.rows += 1
            if self.first is None:
                self.first = document["sequence"]
            self.last = document["sequence"]
            yield document


def _documents(export: Export) -> Iterator[Document]:
    """Sealed entries of the range, in the order of the tree."""
    with connection.connection.cursor(name="export") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(_SEALED, [str(export.tenant_id), export.begin, export.end])
        for sequence, *columns in cursor:
            yield rows_of([columns])[0].document(sequence)


def _write_jsonl(documents: Iterator[Document], path: Path) -> None:
    with path.open("wb") as out:
        for document in documents:
            out.write(orjson.dumps(document, option=orjson.OPT_SORT_KEYS) + b"\n")


def _write_csv(documents: Iterator[Document], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, quoting=csv.QUOTE_ALL)
        rows.writerow(FIELDS)
        for document in documents:
            rows.writerow([harmless(_text(document[name])) for name in FIELDS])


def _write_parquet(documents: Iterator[Document], path: Path) -> None:
    lines = path.with_suffix(".lines")
    with lines.open("wb") as out:
        for document in documents:
            flat = {name: document[name] for name in FIELDS}
            for name in ("actor", "subjects", "data"):
                flat[name] = _text(document[name])
            out.write(orjson.dumps(flat) + b"\n")
    with duckdb.connect(config={"threads": 1}) as db:
        db.execute(_PARQUET, [str(lines), str(path)])
    lines.unlink()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


WRITERS: dict[Export.Format, Callable[[Iterator[Document], Path], None]] = {
    Export.Format.JSONL: _write_jsonl,
    Export.Format.CSV: _write_csv,
    Export.Format.PARQUET: _write_parquet,
}


def _finish(export: Export, manifest: Document, *, now: datetime) -> None:
    mine = Export.objects.filter(
        pk=export.pk, status=Export.Status.PENDING, attempts=export.attempts
    )
    if mine.update(
        status=Export.Status.COMPLETED,
        manifest=manifest,
        finished_at=now,
        expires_at=now + KEPT_FOR,
        lease_until=None,
    ):
        said = {"rows": manifest["rows"], "sha256": manifest["sha256"]}
        _state(export, Kind.EXPORT_COMPLETED, said, by=SYSTEM, now=now)


def _fail_or_wait(export: Export, error: str, *, now: datetime) -> None:
    """Leave it to another try, or give up for good after the last one."""
    mine = Export.objects.filter(
        pk=export.pk, status=Export.Status.PENDING, attempts=export.attempts
    )
    if export.attempts < MOST_ATTEMPTS:
        mine.update(lease_until=now + LEASE)
    elif mine.update(status=Export.Status.FAILED, error=error, finished_at=now):
        _state(export, Kind.EXPORT_FAILED, {"error": error}, by=SYSTEM, now=now)


def _state(
    export: Export, kind: Kind, data: Document, *, by: Actor, now: datetime
) -> None:
    record(Fact(kind=kind, by=by, subjects={"export": export.id}, data=data), now=now)


_SEALED = f"""
SELECT l.sequence, {COLUMNS}
FROM ledger_leaf l JOIN ledger_entry e ON e.number = l.number
WHERE l.tenant_id = %s AND e.at >= %s AND e.at < %s
ORDER BY l.sequence
"""
_PARQUET = """
COPY (SELECT * FROM read_json(?, format = 'newline_delimited', columns = {
    sequence: 'BIGINT', number: 'BIGINT', id: 'UUID', "at": 'TIMESTAMPTZ',
    kind: 'VARCHAR', actor: 'VARCHAR', subjects: 'VARCHAR', "data": 'VARCHAR'
})) TO ? (FORMAT parquet, COMPRESSION zstd)
"""
