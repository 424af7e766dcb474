"""connectors/: outside systems of the tenant, read or delivering."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import (
    extend_schema,
)
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.doors import Pages, Whole, etag, insist_on_match
from perception import connectors
from perception.api.breakers import (
    BreakerIn,
    BreakerOut,
    breaker_forced,
    breaker_shown,
)
from perception.api.connector_shapes import (
    ConnectorChange,
    ConnectorIn,
    ConnectorMade,
    ConnectorOut,
    ConnectorRead,
    KindOut,
    RotateIn,
    SecretOut,
    TriedOut,
    TriedShown,
    insist_on_key,
)
from perception.errors import ConfigRefused
from perception.members import person_acting
from perception.models import Connector
from perception.rules.callers import caller_of
from perception.trying import try_out

SIGNED = connectors.SIGNED


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
        with _told():
            made = connectors.add(
                _flat(given.validated_data),
                by=person_acting(caller_of(request)),
                now=timezone.now(),
            )
        shown = {
            **ConnectorRead(self.get_queryset().get(pk=made.pk)).data,
            "secret": _once(made, given.validated_data),
        }
        return Response(shown, status=status.HTTP_201_CREATED, headers=_UNKEPT)


class Kinds(APIView):
    """Which kinds of connectors there are, and how each is configured."""

    pagination_class = Whole

    @extend_schema(operation_id="connectors_kinds", responses=KindOut(many=True))
    def get(self, request: Request) -> Response:
        shown = KindOut(connectors.kinds(), many=True).data
        return Whole().answer(request, shown, "kind")


class OneConnector(_Own):
    """One connector, changed with its ETag in hand."""

    refusals = ("409", "412", "428")

    @extend_schema(operation_id="connectors_read", responses=ConnectorRead)
    def get(self, request: Request, pk: UUID) -> Response:
        return _tagged(self.get_object())

    @extend_schema(
        operation_id="connectors_change",
        request=ConnectorChange,
        responses=ConnectorRead,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        given = ConnectorChange(data=request.data)
        given.is_valid(raise_exception=True)
        locked = self.get_queryset().select_for_update()
        connector = generics.get_object_or_404(locked, pk=pk)
        insist_on_match(request, etag(ConnectorOut(connector).data))
        with _told():
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
        if given.validated_data.get("secret") and connector.kind in SIGNED:
            insist_on_key(given.validated_data["secret"])
        with _told():
            secret = connectors.rotate(
                connector,
                by=person_acting(caller_of(request)),
                now=timezone.now(),
                **given.validated_data,
            )
        shown = "" if "secret" in given.validated_data else secret
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


@contextmanager
def _told() -> Iterator[None]:
    """What does not fit is said field by field, at its place."""
    try:
        yield
    except ConfigRefused as refusal:
        faults = {_place(at): [words] for at, words in refusal.faults.items()}
        raise serializers.ValidationError(faults) from None


def _place(at: str) -> str:
    return at if at in ("config", "secret") else f"config.{at}"


_UNKEPT = {"Cache-Control": "no-store"}


def _tagged(connector: Connector) -> Response:
    tag = etag(ConnectorOut(connector).data)
    return Response(ConnectorRead(connector).data, headers={"ETag": tag})


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    """Caps are an object to those who write them, and columns here."""
    return {**{k: v for k, v in given.items() if k != "caps"}, **given.get("caps", {})}


def _once(connector: Connector, given: dict[str, Any]) -> str:
    """The secret that was made here; one that was sent is known to its sender."""
    is_made_here = connector.kind in SIGNED and "secret" not in given
    return connectors.secrets_of(connector)[0] if is_made_here else ""
