"""What the document says, held against a running server by schemathesis."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from zlib import crc32

import orjson
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from schemathesis.engine import events, from_schema
from schemathesis.openapi.checks import RejectedPositiveData

from config.catalogue import tenant_models
from config.planting import plant_row
from ledger.scope import tenant_scope
from perception.rules.roles import Role
from tests.conftest import Api, House, new_house

EVERYBODY = (*Role, None)
PHASES = ("examples", "coverage", "fuzzing", "stateful")
DOCUMENT = "/api/schema/?format=json"
# By these a list names what it holds.
KEYS = ("id", "step_id", "key", "name", "type", "tool")

# What a schema can say. Whoever keeps to the document never meets one of these.
SAYABLE = frozenset(
    {
        "REQUIRED", "UNKNOWN_FIELD", "NULL", "NOT_A_LIST", "NOT_A_DICT",
        "MIN_VALUE", "MAX_VALUE", "MIN_LENGTH", "MAX_LENGTH",
        "MAX_WHOLE_DIGITS", "BAD_IDEMPOTENCY_KEY", "MATCH_REQUIRED",
        "UNSUPPORTED_MEDIA_TYPE", "NOT_ACCEPTABLE",
    }
)  # fmt: skip
# What no schema can say: how many digits a number has, what is there already, what fits
# together, which numbers and characters a ledger can hold, which key came before.
REFUSED = (400, 409, 412, 422)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How long to look, and how."""

    phases: tuple[str, ...] = ("fuzzing",)
    examples: int = 1
    paths: str = ""
    # Of so many parts of all operations, one that is the role's own.
    part: int = 1


@dataclass
class Found:
    """What was sent, and what was found."""

    sent: int = 0
    routes: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)


@contextmanager
def serving() -> Iterator[str]:
    """The house behind a real socket, in this process; where it listens is given."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """The house says itself what was asked."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A house with one of everything, and what the document says of it."""

    house: House
    document: dict[str, Any]
    # For each path the ids and keys of something that is there.
    known: dict[str, dict[str, str]]


@cache
def world() -> World:
    """One for all who look; what they do stays."""
    house = new_house()
    rows: dict[Any, Any] = {}
    with tenant_scope(house.tenant):
        for model in tenant_models():
            plant_row(model, house.tenant, rows)
    document = house.client().get(DOCUMENT).json()
    ids = {
        str(model._meta.verbose_name_plural): str(getattr(row, "id", row.pk))
        for model, row in rows.items()
    }
    reader = house.client(Role.AUDITOR)
    known = {path: _known(reader, path, ids) for path in document["paths"]}
    return World(house=house, document=document, known=known)


def fuzz(role: Role | None, base: str, way: Way) -> Found:
    """The operations of the document, by one role, with every check there is."""
    given = world()
    schema = _schema(given, role, base, way)

    def map_path_parameters(context: Any, path_parameters: Any) -> Any:
        # Three of four ask for what is there.
        if path_parameters and len(str(path_parameters)) % 4:
            path_parameters.update(given.known[context.operation.path])
        return path_parameters

    def map_headers(context: Any, headers: Any) -> Any:
        # No schema tells which ETag is the present one.
        if headers and "If-Match" in headers:
            headers["If-Match"] = "*"
        return headers

    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        return not (
            isinstance(failure, RejectedPositiveData) and _is_sensible(response)
        )

    for hook in (map_path_parameters, map_headers, filter_failure):
        schema.hook(hook)
    found = Found()
    for event in from_schema(schema).execute():
        _note(event, found)
    return found


def _schema(given: World, role: Role | None, base: str, way: Way) -> Any:
    """The operations that are looked at."""
    schema: Any = schemathesis.openapi.from_dict(
        deepcopy(given.document), config=_config(given.house, role, base, way)
    )
    if way.paths:
        schema = schema.include(path_regex=way.paths)
    if way.part > 1:
        place = EVERYBODY.index(role) % way.part
        schema = schema.include(
            lambda each: crc32(each.operation.label.encode()) % way.part == place
        )
    return schema


def _config(house: House, role: Role | None, base: str, way: Way) -> Any:
    headers = {"Authorization": f"Bearer {house.tokens[role]}"} if role else {}
    return schemathesis.Config.from_dict(
        {
            "base-url": base,
            "seed": 1,
            "workers": 1,
            "headers": headers,
            "continue-on-failure": True,
            "request-timeout": 60,
            "generation": {
                "max-examples": way.examples,
                "deterministic": True,
                "database": "none",
                "no-shrink": True,
            },
            "phases": {name: {"enabled": name in way.phases} for name in PHASES},
            "checks": {
                "missing_required_header": {
                    # What is no draft any more is refused as such, with an ETag or without.
                    "expected-statuses": [400, 401, 403, 404, 406, 409, 415, 422, 428]
                }
            },
        }
    )


def _is_sensible(response: Any) -> bool:
    """Whether a refusal says what no schema could have said before."""
    if response.status_code not in REFUSED:
        return False
    said = orjson.loads(response.content)
    codes = {said["code"], *(each["code"] for each in said.get("errors", ()))}
    return not codes & SAYABLE


def _note(event: Any, found: Found) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        value = (
            event.value if isinstance(event, events.NonFatalError) else event.exception
        )
        found.faults[f"schemathesis: {getattr(event, 'label', '')}"] = repr(value)
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    found.sent += len(recorder.interactions)
    found.routes.add(recorder.label)
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                sent = recorder.interactions.get(case)
                fault = check.failure_info.failure
                found.faults.setdefault(
                    f"{check.name}: {recorder.label}",
                    f"{fault.title}: {fault.message}\n{_shown(sent)}",
                )


def _shown(sent: Any) -> str:
    if sent is None:
        return ""
    asked, answered = sent.request, sent.response
    told = f"{asked.method} {asked.uri} {asked.headers} {(asked.body or b'')[:1000]!r}"
    if answered is not None:
        told += f"\n{answered.status_code} {answered.content[:1000]!r}"
    return told


def _known(reader: Api, path: str, ids: Mapping[str, str]) -> dict[str, str]:
    """The ids and keys in a path, as the lists above them name what is there."""
    known: dict[str, str] = {}
    begin, _, rest = path.partition("{")
    while rest:
        name, _, rest = rest.partition("}")
        value = _first(reader, begin) or ids.get(begin.split("/")[-2], "")
        if value:
            known[name] = value
        more, _, rest = rest.partition("{")
        begin += value + more
    return known


def _first(reader: Api, path: str) -> str:
    answer = reader.get(path)
    if answer.status_code != 200:
        return ""
    body = answer.json()
    rows = body.get("results", []) if isinstance(body, dict) else body
    row = rows[0] if rows else {}
    return next((str(row[key]) for key in KEYS if key in row), "")
