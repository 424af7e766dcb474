"""What every REST door of the house has in common: strict bodies, pages, ETags.

It stands on the lowest floor, so that each floor can build its doors on it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from ledger.errors import Unstatable
from ledger.rules.canonical import check

MAX_DEPTH = 32


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
        return orjson.dumps(data, default=str)


class Pages(CursorPagination):
    """Pages that stay put while rows are added: `{results, next, previous}`."""

    page_size = 50
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

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": url, "previous": url},
        }


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, instead of dropping them."""

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
