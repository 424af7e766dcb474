"""connectors/: outside systems of the tenant, read or delivering."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
)
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception import connectors
from perception.api.breakers import (
    BreakerIn,
    BreakerOut,
    breaker_forced,
    breaker_shown,
)
from perception.members import person_acting
from perception.models import Connector
from perception.rules.callers import caller_of
from perception.rules.webhooks import key_of
from perception.trying import try_out

MAX_CONFIG = 32
MAX_SECRET = 4096
WEBHOOK = Connector.Kind.WEBHOOK


class CapsShape(StrictSerializer):
    """How much is read in a day, and how fast; SHALLOW takes 1 unit, DEEP 3."""

    units_per_day = serializers.IntegerField(min_value=0, max_value=10_000_000)
    rate_per_s = serializers.FloatField(min_value=0.01, max_value=1000)


class ConnectorIn(StrictSerializer):
    kind = serializers.ChoiceField(choices=Connector.Kind.choices)
    name = serializers.CharField(max_length=200)
    config = serializers.DictField(required=False)
    secret = serializers.CharField(
        required=False,
        max_length=MAX_SECRET,
        help_text="Of a webhook: whsec_ and base64, made where none is given. "
        "Of a source that is read: what it issued.",
    )
    caps = CapsShape(required=False)

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return _small(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "secret" in attrs and attrs["kind"] == Connector.Kind.WEBHOOK:
            _insist_on_key(attrs["secret"])
        return attrs


class ConnectorChange(StrictSerializer):
    name = serializers.CharField(max_length=200, required=False)
    config = serializers.DictField(required=False)
    is_active = serializers.BooleanField(required=False)
    caps = CapsShape(required=False, partial=True)

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return _small(value)


class RotateIn(StrictSerializer):
    secret = serializers.CharField(required=False, max_length=MAX_SECRET)
    keep_old = serializers.BooleanField(
        required=False,
        help_text="false ends the old secret at once, as when it leaked.",
    )


class SecretOut(serializers.Serializer[Any]):
    secret = serializers.CharField(
        allow_blank=True, help_text="That of a webhook, shown this once."
    )


class ConnectorOut(serializers.ModelSerializer[Connector]):
    caps = CapsShape(source="*")

    class Meta:
        model = Connector
        fields: ClassVar = [
            "id", "kind", "name", "config", "caps", "is_active", "created_at",
        ]  # fmt: skip


class ConnectorRead(ConnectorOut):
    """A connector with how it fares; what moves by itself is no part of its ETag."""

    breaker = serializers.SerializerMethodField()

    class Meta(ConnectorOut.Meta):
        fields: ClassVar = [
            *ConnectorOut.Meta.fields,
            "next_pull_at", "pulled_at", "last_error", "breaker",
        ]  # fmt: skip

    @extend_schema_field(BreakerOut)
    def get_breaker(self, connector: Connector) -> Any:
        return breaker_shown(connector)


class ExchangedOut(serializers.Serializer[Any]):
    request = serializers.CharField()
    answer = serializers.CharField()
    took_ms = serializers.FloatField()


class TriedOut(serializers.Serializer[Any]):
    """What one page would have brought, and what was said on the way."""

    ok = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    signals = serializers.IntegerField()
    interactions = serializers.IntegerField()
    skipped = serializers.ListField(child=serializers.CharField())
    more = serializers.BooleanField()
    exchanged = ExchangedOut(many=True)
    calls_left = serializers.FloatField(help_text="Of this second, at its rate.")
    units_left = serializers.IntegerField(help_text="Of this day.")


class TriedShown(TriedOut):
    breaker = BreakerOut()


class ConnectorMade(ConnectorRead):
    secret = serializers.CharField(
        allow_blank=True, help_text="That of a webhook, shown this once."
    )

    class Meta(ConnectorRead.Meta):
        fields: ClassVar = [*ConnectorRead.Meta.fields, "secret"]


class _Own(generics.GenericAPIView[Any]):
    queryset = Connector.objects.none()
    serializer_class = ConnectorOut
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Connector.objects.filter(tenant_id=caller_of(self.request).tenant)


class Connectors(_Own):
    """The tenant's connectors."""

    pagination_class = Pages

    @extend_schema(operation_id="connectors_list", responses=ConnectorRead(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ConnectorRead(page, many=True).data)

    @extend_schema(
        operation_id="connectors_add",
        request=ConnectorIn,
        responses={201: ConnectorMade},
    )
    def post(self, request: Request) -> Response:
        given = ConnectorIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = connectors.add(
            _flat(given.validated_data),
            by=person_acting(caller_of(request)),
            now=timezone.now(),
        )
        shown = {
            **ConnectorRead(self.get_queryset().get(pk=made.pk)).data,
            "secret": _once(made),
        }
        return Response(shown, status=status.HTTP_201_CREATED, headers=_UNKEPT)


class OneConnector(_Own):
    """One connector, changed with its ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="connectors_read", responses=ConnectorRead)
    def get(self, request: Request, pk: UUID) -> Response:
        return _tagged(self.get_object())

    @extend_schema(
        operation_id="connectors_change",
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=ConnectorChange,
        responses=ConnectorRead,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        given = ConnectorChange(data=request.data)
        given.is_valid(raise_exception=True)
        locked = self.get_queryset().select_for_update()
        connector = generics.get_object_or_404(locked, pk=pk)
        insist_on_match(request, etag(ConnectorOut(connector).data))
        connectors.change(
            connector,
            _flat(given.validated_data),
            by=person_acting(caller_of(request)),
            now=timezone.now(),
        )
        return _tagged(connector)


class Rotate(_Own):
    """A new secret; the one before stays live beside it."""

    @extend_schema(
        operation_id="connectors_rotate", request=RotateIn, responses=SecretOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        given = RotateIn(data=request.data)
        given.is_valid(raise_exception=True)
        connector = self.get_object()
        if given.validated_data.get("secret") and connector.kind == WEBHOOK:
            _insist_on_key(given.validated_data["secret"])
        secret = connectors.rotate(
            connector,
            by=person_acting(caller_of(request)),
            now=timezone.now(),
            **given.validated_data,
        )
        shown = secret if connector.kind == WEBHOOK else ""
        return Response({"secret": shown}, headers=_UNKEPT)


class ConnectorBreaker(_Own):
    """A connector's breaker: held open, or let go."""

    @extend_schema(operation_id="connectors_breaker_read", responses=BreakerOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(breaker_shown(self.get_object()))

    @extend_schema(
        operation_id="connectors_breaker_change",
        request=BreakerIn,
        responses=BreakerOut,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        return Response(breaker_forced(self.get_object(), request))


class Try(_Own):
    """Read one page now, keep nothing of it, and see what was said."""

    refusals = ("404", "409")

    @extend_schema(operation_id="connectors_try", request=None, responses=TriedShown)
    def post(self, request: Request, pk: UUID) -> Response:
        connector = self.get_object()
        tried = try_out(connector, now=timezone.now())
        shown = {**TriedOut(tried).data, "breaker": breaker_shown(connector)}
        return Response(TriedShown(shown).data)


_UNKEPT = {"Cache-Control": "no-store"}


def _tagged(connector: Connector) -> Response:
    tag = etag(ConnectorOut(connector).data)
    return Response(ConnectorRead(connector).data, headers={"ETag": tag})


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    """Caps are an object to those who write them, and columns here."""
    return {**{k: v for k, v in given.items() if k != "caps"}, **given.get("caps", {})}


def _once(connector: Connector) -> str:
    """The secret that was made for a webhook; that of a source is known to its owner."""
    return connectors.secrets_of(connector)[0] if connector.kind == WEBHOOK else ""


def _insist_on_key(secret: str) -> None:
    try:
        key_of(secret)
    except ValueError as error:
        raise serializers.ValidationError({"secret": str(error)}) from None


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > MAX_CONFIG or len(repr(value)) > 8192:
        raise serializers.ValidationError("This is more than a configuration needs.")
    return value
