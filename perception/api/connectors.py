"""connectors/: outside systems of the tenant, and what they delivered."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception import connectors
from perception.members import person_acting
from perception.models import Connector, Delivery
from perception.rules.callers import caller_of
from perception.rules.webhooks import key_of

MAX_CONFIG = 32


class SecretField(serializers.CharField):
    """A secret in the form of Standard Webhooks."""

    def to_internal_value(self, data: Any) -> str:
        secret: str = super().to_internal_value(data)
        try:
            key_of(secret)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None
        return secret


class ConnectorIn(StrictSerializer):
    kind = serializers.ChoiceField(choices=Connector.Kind.choices)
    name = serializers.CharField(max_length=200)
    config = serializers.DictField(required=False)
    secret = SecretField(
        required=False,
        max_length=200,
        help_text="whsec_ and base64; one is made where none is given.",
    )

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return _small(value)


class ConnectorChange(StrictSerializer):
    name = serializers.CharField(max_length=200, required=False)
    config = serializers.DictField(required=False)
    is_active = serializers.BooleanField(required=False)

    def validate_config(self, value: dict[str, Any]) -> dict[str, Any]:
        return _small(value)


class RotateIn(StrictSerializer):
    secret = SecretField(required=False, max_length=200)
    keep_old = serializers.BooleanField(
        required=False,
        help_text="false ends the old secret at once, as when it leaked.",
    )


class SecretOut(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Shown this once.")


class ConnectorOut(serializers.ModelSerializer[Connector]):
    class Meta:
        model = Connector
        fields: ClassVar = ["id", "kind", "name", "config", "is_active", "created_at"]


class ConnectorMade(ConnectorOut):
    secret = serializers.CharField(help_text="Shown this once.")

    class Meta(ConnectorOut.Meta):
        fields: ClassVar = [*ConnectorOut.Meta.fields, "secret"]


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields: ClassVar = ["id", "message", "answer", "received_at"]


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

    @extend_schema(operation_id="connectors_list", responses=ConnectorOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(ConnectorOut(page, many=True).data)

    @extend_schema(
        operation_id="connectors_add",
        request=ConnectorIn,
        responses={201: ConnectorMade},
    )
    def post(self, request: Request) -> Response:
        given = ConnectorIn(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        made = connectors.add_webhook(
            wanted["name"],
            now=timezone.now(),
            by=person_acting(caller_of(request)),
            config=wanted.get("config"),
            secret=wanted.get("secret"),
        )
        shown = {
            **ConnectorOut(self.get_queryset().get(pk=made.pk)).data,
            "secret": connectors.secrets_of(made)[0],
        }
        return Response(shown, status=status.HTTP_201_CREATED, headers=_UNKEPT)


class OneConnector(_Own):
    """One connector, changed with its ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="connectors_read", responses=ConnectorOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return _tagged(self.get_object())

    @extend_schema(
        operation_id="connectors_change",
        parameters=[OpenApiParameter("If-Match", str, OpenApiParameter.HEADER)],
        request=ConnectorChange,
        responses=ConnectorOut,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        given = ConnectorChange(data=request.data)
        given.is_valid(raise_exception=True)
        locked = self.get_queryset().select_for_update()
        connector = generics.get_object_or_404(locked, pk=pk)
        insist_on_match(request, etag(ConnectorOut(connector).data))
        connectors.change(
            connector,
            given.validated_data,
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
        secret = connectors.rotate(
            self.get_object(),
            by=person_acting(caller_of(request)),
            now=timezone.now(),
            **given.validated_data,
        )
        return Response({"secret": secret}, headers=_UNKEPT)


class Deliveries(_Own):
    """What a connector delivered, and how that was answered."""

    serializer_class = DeliveryOut  # type: ignore[assignment]
    pagination_class = Pages

    @extend_schema(
        operation_id="connectors_deliveries", responses=DeliveryOut(many=True)
    )
    def get(self, request: Request, pk: UUID) -> Response:
        connector = self.get_object()
        deliveries = Delivery.objects.filter(
            tenant_id=connector.tenant_id, connector=connector
        )
        page = self.paginate_queryset(deliveries)
        return self.get_paginated_response(DeliveryOut(page, many=True).data)


_UNKEPT = {"Cache-Control": "no-store"}


def _tagged(connector: Connector) -> Response:
    shown = ConnectorOut(connector).data
    return Response(shown, headers={"ETag": etag(shown)})


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > MAX_CONFIG or len(repr(value)) > 8192:
        raise serializers.ValidationError("This is more than a configuration needs.")
    return value
