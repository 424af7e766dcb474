"""What every REST door of the house has in common: strict bodies, pages, ETags.

It stands on the lowest floor, so that each floor can build its doors on it.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import QueryDict
from django_filters.rest_framework import BooleanFilter, CharFilter, DjangoFilterBackend
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.errors import Unstatable
from ledger.rules.canonical import check

MAX_DEPTH = 32
NOTHING = "Give a value, or leave it out."


class TooLarge(APIException):
    """The body is larger than this door takes."""

    status_code = 413
    default_code = "too_large"
    default_detail = __doc__


class MatchRequired(APIException):
    """Send If-Match with the ETag of what you read, so that no change is lost."""

    status_code = 428
    default_code = "match_required"
    default_detail = __doc__


class Stale(APIException):
    """It was changed since you read it: read it again, then change it."""

    status_code = 412
    default_code = "stale"
    default_detail = __doc__


def body_limit(path: str) -> int:
    """How many bytes a door takes."""
    limit: int = settings.BODY_LIMITS.get(path, settings.BODY_LIMIT)
    return limit


class StrictJSONParser(BaseParser):
    """JSON in UTF-8, of bounded size and depth, without what no row can hold."""

    media_type = "application/json"

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]
        limit = body_limit(request.path)
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"The body is larger than {limit} bytes.")
        try:
            value = orjson.loads(raw)
            check(value, max_bytes=limit * 2, max_depth=MAX_DEPTH)
        except orjson.JSONDecodeError as error:
            raise ParseError(
                f"The body is not JSON in UTF-8 (line {error.lineno}, "
                f"column {error.colno})."
            ) from error
        except Unstatable as error:
            raise ParseError(str(error)) from error
        return value


class FastJSONRenderer(JSONRenderer):
    """JSON through orjson."""

    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_UTC_Z)


class Pages(CursorPagination):
    """Pages that stay put while rows are added: `{results, next, previous}`."""

    page_size: int | None = 50
    max_page_size = 200
    page_size_query_param = "limit"
    ordering = "-id"

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError, DataError, OverflowError):
            # A cursor that somebody made up; its place is none of this list.
            raise NotFound(self.invalid_cursor_message) from None

    def get_page_size(self, request: Request) -> int | None:
        """What cannot be a length is refused, and what is too long is made shorter."""
        given = request.query_params.get(self.page_size_query_param)
        if given is None:
            return self.page_size
        if not re.fullmatch(r"0*[1-9][0-9]{0,30}", given, re.ASCII):
            raise serializers.ValidationError(
                {self.page_size_query_param: "Give a whole number from 1 on."}
            )
        return min(int(given), self.max_page_size)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """As ever, with the length that is told above."""
        shown: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for each in shown:
            if each["name"] == self.page_size_query_param:
                each["schema"] = {"type": "integer", "minimum": 1}
                if self.page_size:
                    each["schema"]["default"] = self.page_size
        return shown

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": url, "previous": url},
        }


class Whole(Pages):
    """Lists that are never long: one page, unless fewer rows are asked for."""

    page_size = None

    def answer(self, request: Request, rows: Any, *named_by: str) -> Response:
        """The rows that were asked for, each known by what these fields say."""
        self.base_url = request.build_absolute_uri()
        names = [" ".join(str(row[each]) for each in named_by) for row in rows]
        size = self.get_page_size(request) or len(rows)
        begin, end = self._stretch(names, size, self.decode_cursor(request))
        shown = names[begin:end]
        return Response(
            {
                "results": rows[begin:end],
                "next": self._link(shown[-1:], False) if end < len(rows) else None,
                "previous": self._link(shown[:1], True) if begin > 0 else None,
            }
        )

    def _stretch(
        self, names: list[str], size: int, cursor: Cursor | None
    ) -> tuple[int, int]:
        if cursor is None:
            return 0, size
        if str(cursor.position) not in names:
            raise NotFound(self.invalid_cursor_message)
        place = names.index(str(cursor.position))
        if cursor.reverse:
            return max(0, place - size), place
        return place + 1, place + 1 + size

    def _link(self, names: list[str], is_reverse: bool) -> str | None:
        """To what lies beyond one of the rows that are shown."""
        if not names:
            return None
        return self.encode_cursor(Cursor(0, is_reverse, cast(Any, names[0])))


class Filters(DjangoFilterBackend):
    """Filters of lists; one that is named and says nothing is refused."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filterset = self.get_filterset(request, queryset, view)
        for name, each in filterset.filters.items() if filterset else ():
            given = request.query_params.get(name)
            if given == "" and type(each) is not CharFilter:
                raise serializers.ValidationError({name: NOTHING})
            is_switch = given is not None and isinstance(each, BooleanFilter)
            if is_switch and str(given).lower() not in ("true", "false"):
                raise serializers.ValidationError({name: "Give true or false."})
        return super().filter_queryset(request, queryset, view)


class Asked(serializers.Serializer[Any]):
    """What a query asks for; what is named and left empty is refused."""

    def to_internal_value(self, data: Any) -> Any:
        empty = {str(name): NOTHING for name in self.fields if data.get(name) == ""}
        if empty:
            raise serializers.ValidationError(empty)
        return super().to_internal_value(data)


# The types of JSON that a field takes, and no other that it could be made of.
_JSON_TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], Any], ...] = (
    (serializers.BooleanField, bool),
    (serializers.IntegerField, (int, float)),
    (serializers.FloatField, (int, float)),
    (serializers.CharField, str),
    (serializers.UUIDField, str),
)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def insist_on_types(field: Any, value: Any) -> None:
    """Raise where a number stands for a text, a text for a number, and the like."""
    child = getattr(field, "child", None)
    if child is not None and isinstance(value, list | dict):
        places = value.items() if isinstance(value, dict) else enumerate(value)
        _insist_on_each([(key, child, each) for key, each in places])
        return
    if value is not None and not _is_of_type(field, value):
        said = str(field.error_messages["invalid"])
        raise serializers.ValidationError(
            said.format(value=value, input=value), code="invalid"
        )


def _insist_on_each(values: Iterable[tuple[Any, Any, Any]]) -> None:
    faults: dict[Any, Any] = {}
    for place, field, value in values:
        try:
            insist_on_types(field, value)
        except serializers.ValidationError as error:
            faults[place] = error.detail
    if faults:
        raise serializers.ValidationError(faults)


def _is_of_type(field: Any, value: Any) -> bool:
    if isinstance(field, serializers.DecimalField) and isinstance(value, str):
        return _DECIMAL.fullmatch(value) is not None
    taken = next(
        (taken for kind, taken in _JSON_TYPES if isinstance(field, kind)), None
    )
    if taken is None:
        return True
    return isinstance(value, bool) is (taken is bool) and isinstance(value, taken)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, instead of dropping them, and values that
    are not of a field's type, instead of making them so.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            writable = {
                name for name, field in self.fields.items() if not field.read_only
            }
            unknown = sorted(set(data) - writable)
            if unknown:
                raise serializers.ValidationError(
                    {
                        str(name): serializers.ErrorDetail(
                            "This field is not known here.", code="unknown_field"
                        )
                        for name in unknown
                    }
                )
            # A form sends nothing but texts.
            if not isinstance(data, QueryDict):
                _insist_on_each((name, self.fields[name], data[name]) for name in data)
        return super().to_internal_value(data)


def etag(representation: Mapping[str, Any]) -> str:
    """A strong tag over what a reader sees."""
    raw = orjson.dumps(representation, option=orjson.OPT_SORT_KEYS, default=str)
    return f'"{hashlib.sha256(raw).hexdigest()[:32]}"'


def insist_on_match(request: Request, current: str) -> None:
    """Let a change through only when its sender has seen the current state."""
    given = request.headers.get("If-Match")
    if given is None:
        raise MatchRequired
    if current not in (tag.strip() for tag in given.split(",")) and given != "*":
        raise Stale
