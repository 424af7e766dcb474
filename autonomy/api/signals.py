"""signals/: what happened at accounts comes in here, and may start runs."""

from collections.abc import Sequence
from typing import ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import entering
from ledger.doors import Pages
from perception import intake
from perception.accounts import visible_to
from perception.api import deliveries, webhooks
from perception.api.shapes import (
    ONE_OR_MANY_IN,
    ONE_OR_MANY_OUT,
    faults_of,
    signals_in,
)
from perception.errors import SignalsRefused
from perception.intake import Received
from perception.members import person_acting
from perception.models import Signal
from perception.rules.callers import caller_of
from perception.rules.roles import sees_all_accounts
from perception.rules.signals import normalised, starts_run
from perception.webhooks import shown


class SignalOut(serializers.ModelSerializer[Signal]):
    account = serializers.UUIDField(source="account_id")
    connector = serializers.UUIDField(source="connector_id", allow_null=True)
    run = serializers.SerializerMethodField()

    class Meta:
        model = Signal
        fields: ClassVar = [
            "id", "account", "type", "is_known", "source", "connector", "dedupe_key",
            "payload", "occurred_at", "received_at", "run", "caused_by", "depth",
        ]  # fmt: skip

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_run(self, signal: Signal) -> str | None:
        """The run that it starts; null where it starts none."""
        starts = starts_run(signal.type, caused_by=signal.caused_by, depth=signal.depth)
        return str(signal.run_id) if starts else None


class SignalFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    run = filters.UUIDFilter("run_id")
    type = filters.CharFilter(method="of_type")
    created_after = filters.IsoDateTimeFilter("received_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("received_at", lookup_expr="lt")

    class Meta:
        model = Signal
        fields: ClassVar = ["is_known", "source"]

    def of_type(
        self, signals: QuerySet[Signal], _name: str, value: str
    ) -> QuerySet[Signal]:
        return signals.filter(type=normalised(value))


class _Seen(generics.GenericAPIView[Signal]):
    queryset = Signal.objects.none()
    serializer_class = SignalOut

    def get_queryset(self) -> QuerySet[Signal]:
        """Those of the accounts that the caller sees."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        signals = Signal.objects.filter(tenant_id=caller.tenant)
        if not sees_all_accounts(caller.role):
            signals = signals.filter(account_id__in=visible_to(caller).values("id"))
        return signals


class Signals(_Seen):
    """What happened at accounts; posted one by one, or up to a thousand at once."""

    filterset_class = SignalFilter
    pagination_class = Pages

    @extend_schema(operation_id="signals_list", responses=SignalOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="signals_receive",
        request=ONE_OR_MANY_IN,
        responses={202: ONE_OR_MANY_OUT},
    )
    def post(self, request: Request) -> Response:
        entering.insist_on_room()
        given = signals_in(request.data)
        items = given if isinstance(given, list) else [given]
        try:
            received = intake.receive(
                items, by=person_acting(caller_of(request)), now=timezone.now()
            )
        except SignalsRefused as refusal:
            raise faults_of(refusal, request.data) from refusal
        _enter(received)
        answers = [shown(each) for each in received]
        answer = answers if isinstance(given, list) else answers[0]
        return Response(answer, status=status.HTTP_202_ACCEPTED)


class OneSignal(_Seen, generics.RetrieveAPIView[Signal]):
    """One thing that happened."""

    filter_backends = ()


class Webhook(webhooks.Webhook):
    """Deliveries of connectors, sent on their way like what is posted."""

    def enter(self, received: Sequence[Received]) -> None:
        entering.insist_on_room()
        _enter(received)


class Redeliver(deliveries.Redeliver):
    """A refused delivery, taken once more and sent on its way."""

    def enter(self, received: Sequence[Received]) -> None:
        entering.insist_on_room()
        _enter(received)


def _enter(received: Sequence[Received]) -> None:
    """Give new signals their runs; say so when that is committed."""
    if entering.enter_these([each.id for each in received if not each.duplicate]):
        transaction.on_commit(entering.wake)
