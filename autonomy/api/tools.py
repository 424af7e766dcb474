"""tools/: integrators' URLs that carry acts out, and the breakers before them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.models import Tool
from autonomy.tools.addresses import fault_of
from autonomy.tools.binding import add_tool, change_tool
from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception.api.breakers import (
    BreakerIn,
    BreakerOut,
    breaker_forced,
    breaker_shown,
)
from perception.rules.callers import caller_of
from perception.rules.webhooks import key_of

KEY = r"[a-z][a-z0-9_.-]{1,63}"
LONGEST_CALL = 60


class ToolOut(serializers.ModelSerializer[Tool]):
    breaker = serializers.SerializerMethodField()

    class Meta:
        model = Tool
        fields: ClassVar = [
            "id", "key", "url", "effect", "undo", "timeout_s", "rate_per_s",
            "updated_at", "breaker",
        ]  # fmt: skip

    @extend_schema_field(BreakerOut)
    def get_breaker(self, tool: Tool) -> Any:
        return breaker_shown(tool)


class ToolChange(StrictSerializer):
    """What may be changed of a tool; what is left out stays."""

    url = serializers.CharField(required=False, max_length=500)
    secret = serializers.CharField(
        required=False,
        write_only=True,
        max_length=200,
        help_text="whsec_ and base64, as Standard Webhooks has it. Never shown.",
    )
    effect = serializers.ChoiceField(choices=Tool.Effects.values, required=False)
    undo = serializers.BooleanField(required=False)
    timeout_s = serializers.FloatField(
        required=False, min_value=0.1, max_value=LONGEST_CALL
    )
    rate_per_s = serializers.FloatField(
        required=False, min_value=0.001, max_value=10_000
    )

    def validate_url(self, url: str) -> str:
        if fault := fault_of(url):
            raise serializers.ValidationError(fault)
        return url

    def validate_secret(self, secret: str) -> str:
        try:
            key_of(secret)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        return secret


class ToolIn(ToolChange):
    """An integrator's tool: a URL that acts when it is called."""

    key = serializers.RegexField(rf"^{KEY}$", help_text="As gift-shop.")
    url = serializers.CharField(max_length=500)
    secret = serializers.CharField(
        write_only=True,
        max_length=200,
        help_text="whsec_ and base64, as Standard Webhooks has it. Never shown.",
    )
    effect = serializers.ChoiceField(
        choices=Tool.Effects.values,
        help_text="KEYED: the same Idempotency-Key never acts twice. AT_MOST_ONCE: it "
        "may, so it is called once.",
    )
    undo = serializers.BooleanField(default=False)
    rate_per_s = serializers.FloatField(default=10.0, min_value=0.001, max_value=10_000)

    def validate(self, given: Mapping[str, Any]) -> dict[str, Any]:
        usual = min(settings.TOOL_TIMEOUT_SECONDS, LONGEST_CALL)
        return {"timeout_s": usual, **given}


class _Tools(generics.GenericAPIView[Tool]):
    queryset = Tool.objects.none()
    serializer_class = ToolOut
    filter_backends = ()
    lookup_field = "key"

    def get_queryset(self) -> QuerySet[Tool]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Tool.objects.filter(tenant_id=caller_of(self.request).tenant)

    def shown(self, tool: Tool, code: int = status.HTTP_200_OK) -> Response:
        return Response(ToolOut(tool).data, status=code, headers={"ETag": tag_of(tool)})


class Tools(_Tools):
    """Tools that action types can be bound to, besides those of the house."""

    pagination_class = Pages
    refusals = ("409",)

    @extend_schema(operation_id="tools_list", responses=ToolOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ToolOut(page, many=True).data)

    @extend_schema(operation_id="tools_add", request=ToolIn, responses={201: ToolOut})
    def post(self, request: Request) -> Response:
        given = ToolIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = add_tool(given.validated_data, by=caller_of(request), now=timezone.now())
        return self.shown(made, status.HTTP_201_CREATED)


class OneTool(_Tools):
    """One tool, changed with the ETag in hand."""

    refusals = ("404", "412", "428")

    @extend_schema(operation_id="tools_read", responses=ToolOut)
    def get(self, request: Request, key: str) -> Response:
        return self.shown(self.get_object())

    @extend_schema(
        operation_id="tools_change",
        request=ToolChange,
        responses=ToolOut,
    )
    def put(self, request: Request, key: str) -> Response:
        given = ToolChange(data=request.data)
        given.is_valid(raise_exception=True)
        tool = generics.get_object_or_404(
            self.get_queryset().select_for_update(), key=key
        )
        insist_on_match(request, tag_of(tool))
        changed = change_tool(
            tool, given.validated_data, by=caller_of(request), now=timezone.now()
        )
        return self.shown(changed)


class ToolBreaker(_Tools):
    """A tool's breaker: held open, or let go."""

    refusals = ("404",)

    @extend_schema(operation_id="tools_breaker_read", responses=BreakerOut)
    def get(self, request: Request, key: str) -> Response:
        return Response(breaker_shown(self.get_object()))

    @extend_schema(
        operation_id="tools_breaker_change", request=BreakerIn, responses=BreakerOut
    )
    def patch(self, request: Request, key: str) -> Response:
        return Response(breaker_forced(self.get_object(), request))


def tag_of(tool: Tool) -> str:
    """Over what people set: a breaker that moves makes nobody's view stale."""
    shown = {**ToolOut(tool).data}
    return etag({name: shown[name] for name in shown if name != "breaker"})
