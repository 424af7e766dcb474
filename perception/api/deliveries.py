"""connectors/{id}/deliveries/: what a sender delivered, and what was refused of it."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.doors import Pages
from perception import webhooks
from perception.api.shapes import ONE_OR_MANY_OUT, faults_of, signals_in
from perception.errors import SignalsRefused
from perception.intake import Received
from perception.models import Connector, Delivery
from perception.rules.callers import caller_of


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    class Meta:
        model = Delivery
        fields: ClassVar = [
            "id", "message", "status", "answer", "error", "received_at",
        ]  # fmt: skip


class _Deliveries(generics.GenericAPIView[Any]):
    queryset = Delivery.objects.none()
    serializer_class = DeliveryOut
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Delivery.objects.filter(
            tenant_id=caller_of(self.request).tenant, connector=self.kwargs["connector"]
        ).defer("body")


class Deliveries(_Deliveries):
    """What a connector delivered, and how that was answered."""

    pagination_class = Pages
    refusals = ("404",)

    @extend_schema(
        operation_id="connectors_deliveries", responses=DeliveryOut(many=True)
    )
    def get(self, request: Request, connector: UUID) -> Response:
        own = Connector.objects.filter(tenant_id=caller_of(request).tenant)
        generics.get_object_or_404(own, pk=connector)
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(DeliveryOut(page, many=True).data)


class Redeliver(_Deliveries):
    """Take a delivery that was refused, once more."""

    refusals = ("404", "409")

    def enter(self, received: Sequence[Received]) -> None:
        """Send signals on their way; here they wait for whoever comes by."""

    @extend_schema(
        operation_id="connectors_redeliver", request=None, responses=ONE_OR_MANY_OUT
    )
    def post(self, request: Request, connector: UUID, pk: UUID) -> Response:
        delivery = self.get_object()
        body: Any = orjson.loads(bytes(delivery.body)) if delivery.body else None
        try:
            answer = webhooks.redeliver(
                delivery,
                read=lambda raw: signals_in(orjson.loads(raw)),
                enter=self.enter,
                now=timezone.now(),
            )
        except SignalsRefused as refusal:
            raise faults_of(refusal, body) from refusal
        return Response(answer)
