"""Ids of others in queries and bodies, wherever the document of the API has a place for one."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from django.db import transaction
from django.test import Client
from uuid_utils.compat import uuid7

from perception.rules.roles import Role
from tests.attacks.doors import MEANT, OWN, Route, Town, api, ways
from tests.attacks.trying import Came, Trials

DOCUMENT = "/api/schema/?format=json"
# What people are named by in bodies.
PEOPLE = ("owner", "to", "member", "person", "delegate", "approver")
PLAIN = {"string": "Words.", "integer": 1, "number": 1, "boolean": False, "null": None}
FORMATS = {
    "date": "2026-12-01", "date-time": "2026-12-01T10:00:00Z",
    "email": "x@probe.invalid", "uri": "https://probe.invalid/", "decimal": "1",
}  # fmt: skip
Place = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Named:
    """One place of one operation where something can be named."""

    method: str
    path: str
    where: str
    # The same request, once with what is foreign and once with what is nowhere.
    sent: Mapping[str, tuple[str, bytes, str]]

    def send(self, tried: Trials) -> None:
        client = Client(
            raise_request_exception=False,
            headers={**tried.given.headers(Role.ADMIN), "if-match": "*"},
        )
        what = f"{self.method} {self.path} {self.where}"
        came: dict[str, Came] = {}
        for sort, (path, body, value) in self.sent.items():
            # Taken back at once: the next one finds the same house.
            with transaction.atomic():
                came[sort] = tried.send(
                    client,
                    self.method,
                    path,
                    [value],
                    data=body,
                    content_type="application/json",
                )
                transaction.set_rollback(True)
        if all(each.status < 400 for each in came.values()):
            # Words, in which anything may stand.
            statuses = {each.status for each in came.values()}
            tried.expect(len(statuses) == 1, f"{what} is told apart: {came}")
        else:
            tried.alike(what, came)
        tried.settle(what, "GET", [])


def asked_for(given: Town) -> Iterator[Named]:
    """Every parameter of every query that takes words."""
    for route, method, operation, _ in _operations(given):
        for each in operation.get("parameters", ()):
            schema = each.get("schema", {})
            if each["in"] != "query" or "enum" in schema:
                continue
            if schema.get("type") != "string":
                continue
            own = _own_path(given, route)
            sent = {
                sort: (f"{own}?{each['name']}={value}", b"", value)
                for sort, value in _two(given, each["name"])
            }
            yield Named(method=method, path=own, where=f"?{each['name']}", sent=sent)


def bodies_of(given: Town) -> Iterator[Named]:
    """Every place of every body that takes words."""
    for route, method, operation, document in _operations(given):
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            continue
        shapes = Shapes(given, document)
        least, whole = shapes.least(schema), shapes.whole(schema)
        own = _own_path(given, route)
        for place in _words(whole):
            sent = {
                sort: (own, orjson.dumps(_put(least, whole, place, value)), value)
                for sort, value in _two(given, _noun(place))
            }
            where = ".".join(map(str, place))
            yield Named(method=method, path=own, where=where, sent=sent)


def _operations(given: Town) -> Iterator[tuple[Route, str, Any, Any]]:
    document = _document()
    by_shape = {_shape("/" + each.pattern): each for each in api()}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "post", "put", "patch", "delete"):
                route = by_shape[_shape(path)]
                if route.name != "webhook":
                    yield route, method.upper(), operation, document


@cache
def _document() -> Any:
    return Client().get(DOCUMENT).json()


def _shape(path: str) -> tuple[str, ...]:
    return tuple("" if part[:1] in ("<", "{") else part for part in path.split("/"))


def _own_path(given: Town, route: Route) -> str:
    found = ways(given, route)
    own = next((each for each in found if each.sort == OWN), found[0])
    return route.filled(own.values)


def _two(given: Town, noun: str) -> list[tuple[str, str]]:
    """Something of the other house, and something that is nowhere."""
    theirs, nowhere = given.theirs, uuid7()
    name = MEANT.get(noun, noun).removesuffix("_id").rstrip("s").replace("_", "")
    if noun in PEOPLE:
        foreign = str(theirs.house.members[Role.SELLER].pk)
    elif name in theirs.rows:
        row = theirs.rows[name]
        foreign = str(getattr(row, "id", row.pk))
    else:
        foreign = theirs.known("uuid", "accounts")
    return [("foreign", foreign), ("absent", str(nowhere))]


def _noun(place: Place) -> str:
    return next((each for each in reversed(place) if isinstance(each, str)), "")


def _words(value: Any, at: Place = ()) -> Iterator[Place]:
    """The places of all words in a value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _words(each, (*at, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _words(each, (*at, place))
    elif isinstance(value, str):
        yield at


def _put(least: Any, whole: Any, place: Place, value: str) -> Any:
    """The least that is asked for, and besides it this value at this place."""
    if not place:
        return value
    step, *rest = place
    if isinstance(step, int):
        kept = list(least) if isinstance(least, list) else []
        inner = kept[step] if step < len(kept) else deepcopy(whole[step])
        return [*kept[:step], _put(inner, whole[step], tuple(rest), value)]
    base = dict(least) if isinstance(least, dict) else {}
    inner = base.get(step, deepcopy(whole[step]))
    return {**base, step: _put(inner, whole[step], tuple(rest), value)}


class Shapes:
    """Values that fit schemas of the document."""

    def __init__(self, given: Town, document: Any) -> None:
        self._given, self._document = given, document

    def least(self, schema: Any) -> Any:
        return self._made(schema, "", whole=False, depth=0)

    def whole(self, schema: Any) -> Any:
        return self._made(schema, "", whole=True, depth=0)

    def _made(self, schema: Any, noun: str, *, whole: bool, depth: int) -> Any:
        schema = self._resolved(schema)
        for fixed in ("const", "example"):
            if fixed in schema:
                return schema[fixed]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = next(each for each in kind if each != "null")
        if kind == "object":
            return self._object(schema, whole=whole, depth=depth)
        if kind == "array":
            few = whole or schema.get("minItems")
            item = schema.get("items", {})
            one = self._made(item, noun, whole=whole, depth=depth + 1)
            return [one] if few else []
        return self._plain(schema, kind, noun)

    def _object(self, schema: Any, *, whole: bool, depth: int) -> dict[str, Any]:
        wanted = schema.get("required", ())
        return {
            name: self._made(each, name, whole=whole, depth=depth + 1)
            for name, each in schema.get("properties", {}).items()
            if (name in wanted or (whole and depth < 4))
            and not self._resolved(each).get("readOnly")
        }

    def _plain(self, schema: Any, kind: str, noun: str) -> Any:
        if kind in ("integer", "number"):
            return schema.get("minimum", PLAIN[kind])
        if kind != "string":
            return PLAIN[kind]
        if schema.get("format") == "uuid" or noun in PEOPLE:
            return self._own(noun)
        return FORMATS.get(schema.get("format", ""), PLAIN["string"])

    def _own(self, noun: str) -> str:
        mine = self._given.mine
        if noun in PEOPLE:
            return str(mine.house.members[Role.SELLER].pk)
        row = mine.rows.get(noun.replace("_", "")) or mine.rows["account"]
        return str(getattr(row, "id", row.pk))

    def _resolved(self, schema: Any) -> Any:
        """Without references, and of several shapes the first that is something."""
        while True:
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                schema = self._document["components"]["schemas"][name]
            elif "allOf" in schema:
                merged: dict[str, Any] = {
                    k: v for k, v in schema.items() if k != "allOf"
                }
                for each in schema["allOf"]:
                    merged = {**self._resolved(each), **merged}
                schema = merged
            elif "oneOf" in schema or "anyOf" in schema:
                several = schema.get("oneOf") or schema["anyOf"]
                schema = next(
                    each
                    for each in several
                    if self._resolved(each).get("type") != "null"
                )
            else:
                return schema
