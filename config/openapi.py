"""The OpenAPI document: what every operation has in common, stated once."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema

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

ALWAYS = ("400", "401", "403", "429")
WORDS = {
    "400": "The request cannot be read or is not valid.",
    "401": "No credential, or not a valid one.",
    "403": "Not for this role.",
    "404": "There is nothing here for this caller.",
    "409": "It clashes with the present state, or its twin is in flight.",
    "412": "Changed since it was read.",
    "413": "The body is too large.",
    "422": "The Idempotency-Key came before with another request.",
    "428": "If-Match is needed.",
    "429": "Too fast, or too many; Retry-After says when.",
}


class HouseSchema(AutoSchema):
    """Problems, tokens and Idempotency-Key on every operation that knows them."""

    def get_override_parameters(self) -> list[Any]:
        if self.method != "POST":
            return []
        return [
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                description="Repeating the key with the same body repeats the answer.",
            )
        ]

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/", 1)[0]]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        # drf-spectacular offers no public hook around all responses of an operation.
        found: dict[str, Any] = super(AutoSchema, self)._get_response_bodies(direction)
        for status in self._refusals():
            found.setdefault(
                status,
                {
                    "description": WORDS[status],
                    "content": {
                        "application/problem+json": {
                            "schema": {"$ref": "#/components/schemas/Problem"}
                        }
                    },
                },
            )
        return found

    def _refusals(self) -> list[str]:
        refusals = [*ALWAYS]
        if "{" in self.path or "404" in getattr(self.view, "refusals", ()):
            refusals.append("404")
        if self.method in ("POST", "PUT", "PATCH"):
            refusals.append("413")
        if self.method == "POST":
            refusals += ["409", "422"]
        return [*refusals, *getattr(self.view, "refusals", ())]


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
