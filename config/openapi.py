"""The OpenAPI document: what every operation has in common, stated once."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer
from drf_standardized_errors.openapi import AutoSchema
from rest_framework.pagination import CursorPagination
from rest_framework.serializers import DecimalField

from config.idempotency import KEY_SHAPE, LONGEST_KEY
from ledger.doors import StrictSerializer

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}

ALWAYS = ("400", "401", "403", "406", "429")
# What changes only with the ETag in hand, is changed by these.
CHANGES = ("PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")
WORDS = {
    "400": "The request cannot be read or is not valid.",
    "401": "No credential, or not a valid one.",
    "403": "Not for this role.",
    "404": "There is nothing here for this caller.",
    "406": "Only JSON is answered, and problems as problem+json.",
    "409": "It clashes with the present state, or its twin is in flight.",
    "412": "Changed since it was read.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The Idempotency-Key came before with another request.",
    "428": "If-Match is needed.",
    "429": "Too fast, or too many; Retry-After says when.",
}


# The headers that refusals bring along.
HEADERS: dict[str, dict[str, Any]] = {
    "401": {
        "WWW-Authenticate": {
            "description": "How to come in.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    "429": {
        "Retry-After": {
            "description": "After so many seconds it may go on.",
            "schema": {"type": "integer", "minimum": 0},
        }
    },
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": LONGEST_KEY, "pattern": f"^{KEY_SHAPE}$"},
    OpenApiParameter.HEADER,
    description="Repeating the key with the same body repeats the answer.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The ETag that was read; * for whatever is there.",
)


class HouseSchema(AutoSchema):
    """Problems, tokens and Idempotency-Key on every operation that knows them."""

    def get_override_parameters(self) -> list[Any]:
        if self.method == "POST":
            return [IDEMPOTENCY_KEY]
        return [IF_MATCH] if "428" in self._refusals() else []

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/", 1)[0]]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        # No public hook tells how a serializer is shown; what it refuses, it says.
        shown: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        if direction == "request" and isinstance(serializer, StrictSerializer):
            shown["additionalProperties"] = False
        return shown

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: bool = False
    ) -> Any:
        if direction == "request" and isinstance(field, DecimalField):
            return _decimal(field)
        return super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )

    def _get_request_for_media_type(
        self, serializer: Any, direction: Any = "request"
    ) -> Any:
        schema, needed = super()._get_request_for_media_type(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        # A choice of shapes does not say by itself that one of them is needed.
        return schema, needed or isinstance(serializer, PolymorphicProxySerializer)

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        # drf-spectacular offers no public hook around all responses of an operation.
        found: dict[str, Any] = super(AutoSchema, self)._get_response_bodies(direction)
        for status in self._refusals():
            found.setdefault(status, _refusal(status))
        return found

    def _refusals(self) -> list[str]:
        own: tuple[str, ...] = getattr(self.view, "refusals", ())
        if self.method not in CHANGES:
            own = tuple(each for each in own if each not in ("412", "428"))
        refusals = [*ALWAYS, *own]
        if "{" in self.path or self._has_cursor():
            refusals.append("404")
        if self.method in WITH_BODY:
            # What a body names may not be there.
            refusals += ["404", "413", "415"]
        if self.method == "POST":
            refusals += ["409", "422"]
        return sorted({*refusals})

    def _has_cursor(self) -> bool:
        """A cursor that somebody made up has no place in any list."""
        pages = getattr(self.view, "pagination_class", None)
        is_cursor = isinstance(pages, type) and issubclass(pages, CursorPagination)
        return is_cursor and self.method == "GET" and self._is_list_view()


def _decimal(field: DecimalField) -> dict[str, Any]:
    """Numbers, or texts that are numbers, with as many digits as a field takes."""
    whole, places = field.max_whole_digits or 0, field.decimal_places or 0
    least = field.min_value
    sign = "-?" if least is None or least < 0 else ""
    some = "(?=.*[1-9])" if least is not None and least > 0 else ""
    pattern = rf"^{some}{sign}[0-9]{{1,{whole}}}(\.[0-9]{{1,{places}}})?$"
    number: dict[str, Any] = {"type": "number", "exclusiveMaximum": 10**whole}
    number["minimum"] = -(10**whole) if least is None else float(least)
    text = {"type": "string", "format": "decimal", "pattern": pattern}
    shown = {"anyOf": [text, number]}
    if field.allow_null:
        shown["anyOf"].append({"type": "null"})
    return shown


def _refusal(status: str) -> dict[str, Any]:
    headers = {"headers": HEADERS[status]} if status in HEADERS else {}
    return {
        "description": WORDS[status],
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"}
            }
        },
        **headers,
    }


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is sent."""

    target_class = "config.access.Bearer"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "aut_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a logged-in person is known."""

    target_class = "config.access.Session"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def add_problem(result: dict[str, Any], **_about: Any) -> dict[str, Any]:
    """A post-processing hook: the one schema that all refusals share."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM
    return result


def say_anything(result: dict[str, Any], **_about: Any) -> dict[str, Any]:
    """A post-processing hook: what may be anything may also be null.

    drf-spectacular says that it is one of both, which null never is.
    """
    _say_anything(result)
    return result


def _say_anything(shown: Any) -> None:
    if isinstance(shown, list):
        for each in shown:
            _say_anything(each)
    if not isinstance(shown, dict):
        return
    options = shown.get("oneOf")
    if isinstance(options, list) and {} in options:
        del shown["oneOf"]
    for each in shown.values():
        _say_anything(each)
