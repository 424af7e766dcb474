"""A SQL warehouse: one query that only reads, within bounds of time, rows and bytes."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import orjson

from perception.sources.base import (
    Asked,
    Found,
    Reach,
    Sighted,
    SourceFailed,
    SourceRefuses,
    Wire,
)
from perception.sources.crm import needed
from perception.sources.postgres import asked_for
from perception.sources.reading import NAME, Notes, held, key, line

ROWS = 200
WIDEST = 32 * 1024
OWN = ("account", "type", "occurred_at", "key")
PARAMETER = re.compile(r"%\((\w*)\)s")
# The query cannot be anything but a SELECT here; each row comes as JSON, if not too wide.
SELECTED = """SELECT CASE WHEN octet_length(told.whole) <= {widest} THEN told.whole END
FROM (SELECT to_jsonb(found)::text AS whole FROM (
{query}
) AS found) AS told"""


class Warehouse:
    """A database of usage, asked by one query of the tenant's own."""

    kind = "warehouse"
    title = "SQL warehouse (Postgres)"
    reach = Reach.WHOLE
    secret = "The password of a role that may read what the query reads."  # noqa: S105
    schema: Mapping[str, Any] = {
        "title": "SQL warehouse",
        "type": "object",
        "required": ["host", "database", "user", "query"],
        "additionalProperties": False,
        "properties": {
            "host": {
                "type": "string",
                "title": "Host",
                "pattern": "^[A-Za-z0-9.:_-]+$",
            },
            "port": {
                "type": "integer",
                "title": "Port",
                "minimum": 1,
                "maximum": 65535,
                "default": 5432,
            },
            "database": {"type": "string", "title": "Database", "minLength": 1},
            "user": {"type": "string", "title": "Role", "minLength": 1},
            "tls": {
                "type": "boolean",
                "title": "TLS",
                "description": "With the host's certificate held to its name. Without, "
                "only what EGRESS_ALLOW names is reached.",
                "default": True,
            },
            "query": {
                "type": "string",
                "title": "Query",
                "description": "One SELECT with columns account, occurred_at and, where "
                "they are, type and key; every other column goes into the payload. It "
                "reads from %(since)s on to before %(until)s, ordered by occurred_at, "
                "and at most %(limit)s rows.",
                "minLength": 8,
                "maxLength": 10_000,
            },
            "type": {
                "type": "string",
                "title": "Type of signals",
                "maxLength": 64,
                "default": "product_usage_anomaly",
            },
            "first_days": {
                "type": "integer",
                "title": "Days at first",
                "minimum": 0,
                "maximum": 365,
                "default": 7,
            },
            "overlap_minutes": {
                "type": "integer",
                "title": "Overlap",
                "description": "So many minutes are read again, for rows that come late; "
                "known ones make nothing.",
                "minimum": 0,
                "maximum": 10_080,
                "default": 60,
            },
        },
    }

    def pull(self, asked: Asked, wire: Wire) -> Found:
        """Read the next rows. Only reads."""
        config = held(self.schema, asked.config)
        wire.hide(needed(asked.secret, "a warehouse"))
        since, until = _stretch(asked, config)
        statement = _statement(config["query"], since, until)
        wire.pace()
        began = monotonic()
        place = f"{config['host']}:{config['port']}/{config['database']}"
        said = "no answer"
        try:
            rows = asked_for(statement, config, asked.secret, wire, most=ROWS)
            said = f"{len(rows)} rows"
        except SourceFailed as failed:
            said = failed.detail
            raise
        finally:
            wire.tell(f"{place}\n{statement}", said, since=began)
        return _found(rows, config, place, since, until)


def _stretch(asked: Asked, config: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """From when until when rows are asked for."""
    cursor = asked.cursor
    if "from" in cursor:
        since = datetime.fromisoformat(cursor["from"])
        return since, datetime.fromisoformat(cursor["until"])
    if "mark" in cursor:
        late = timedelta(minutes=config["overlap_minutes"])
        return datetime.fromisoformat(cursor["mark"]) - late, asked.now
    return asked.now - timedelta(days=config["first_days"]), asked.now


def _statement(query: str, since: datetime, until: datetime) -> str:
    """The query as one statement that can do nothing but select."""
    if ";" in query or "\0" in query:
        raise SourceRefuses("The query is one statement, without a semicolon.")
    known = {
        "since": f"'{since.isoformat()}'::timestamptz",
        "until": f"'{until.isoformat()}'::timestamptz",
        "limit": str(ROWS),
    }
    unknown = {name for name in PARAMETER.findall(query) if name not in known}
    if unknown:
        raise SourceRefuses(f"The query has no value for {sorted(unknown)[0]!r}.")
    filled = PARAMETER.sub(lambda found: known[found[1]], query)
    return SELECTED.format(widest=WIDEST, query=filled)


def _found(
    rows: Sequence[str | None],
    config: Mapping[str, Any],
    place: str,
    since: datetime,
    until: datetime,
) -> Found:
    notes = Notes()
    signals = []
    last = since
    for number, row in enumerate(rows, 1):
        said = {} if row is None else orjson.loads(row)
        at = _moment(said.get("occurred_at"))
        account = line(said.get("account"), NAME)
        if row is None:
            notes.add(f"Row {number} is wider than {WIDEST} bytes.")
        elif at is None or not account:
            notes.add(f"Row {number} names no account, or not when it was.")
        else:
            if at < last and len(rows) == ROWS:
                raise SourceRefuses("The rows are not ordered by occurred_at.")
            last = max(last, at)
            signals.append(_sighted(said, config, place, account, at))
    if len(rows) < ROWS:
        return Found(
            cursor={"mark": until.isoformat()}, signals=signals, skipped=notes.told()
        )
    if last <= since:
        raise SourceRefuses(f"More than {ROWS} rows have the same time: {last}.")
    cursor = {"from": last.isoformat(), "until": until.isoformat()}
    return Found(cursor=cursor, signals=signals, skipped=notes.told(), more=True)


def _sighted(
    row: Mapping[str, Any],
    config: Mapping[str, Any],
    place: str,
    account: str,
    at: datetime,
) -> Sighted:
    kind = line(row.get("type"), 64) or config["type"]
    named = row.get("key")
    if named is None:
        named = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    return Sighted(
        type=kind,
        payload={name: value for name, value in row.items() if name not in OWN},
        occurred_at=at,
        dedupe_key=key("warehouse", place, kind, account, named),
        account=account,
    )


def _moment(written: Any) -> datetime | None:
    """When it was; without a zone, in UTC."""
    try:
        at = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
