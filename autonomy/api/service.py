"""service/, tools/{key}/service/ and alerts/: how well tools serve, and have to."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import service
from autonomy.models import SloAlert
from autonomy.rules.service import (
    BOUNDS,
    LEAST_PERCENT,
    MOST_PERCENT,
    Aim,
    Figures,
    Tally,
    figures_of,
    held_to,
)
from ledger.doors import Pages, StrictSerializer, Whole, etag, insist_on_match
from perception.rules.callers import caller_of


def _percent(says: str) -> serializers.FloatField:
    return serializers.FloatField(
        min_value=LEAST_PERCENT, max_value=MOST_PERCENT, help_text=says
    )


class ObjectiveShape(StrictSerializer):
    """How well a tool has to serve."""

    latency_ms = serializers.IntegerField(
        min_value=1,
        max_value=int(BOUNDS[-1]),
        help_text="Held to the next of 1, 1.5, 2, 3, 5, 7.5, 10 … 120,000.",
    )
    latency_percent = _percent("So many percent of calls take no longer.")
    success_percent = _percent("So many percent of calls go well.")
    is_active = serializers.BooleanField(help_text="false: no alert.")


class BurnOut(serializers.Serializer[Any]):
    latency = serializers.FloatField()
    success = serializers.FloatField()


class FiguresOut(serializers.Serializer[Any]):
    """A window of time; percentiles are the bounds of the buckets that they lie in."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    error_share = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    burn = BurnOut(
        help_text="How many times faster than allowed the budget of errors is used up."
    )


class AlertOut(serializers.ModelSerializer[SloAlert]):
    class Meta:
        model = SloAlert
        fields: ClassVar = [
            "id", "tool", "about", "burn_short", "burn_long", "opened_at",
            "closed_at", "told_at",
        ]  # fmt: skip


class ServiceOut(serializers.Serializer[Any]):
    """A tool's figures, its objective, and what is open about it."""

    tool = serializers.CharField()
    title = serializers.CharField()
    objective = ObjectiveShape()
    held_to_ms = serializers.FloatField()
    windows = serializers.DictField(
        child=FiguresOut(), help_text="5m, 1h and 24h, up to now."
    )
    alerts = AlertOut(many=True)


class AlertFilter(filters.FilterSet):
    is_open = filters.BooleanFilter("closed_at", lookup_expr="isnull")
    created_after = filters.IsoDateTimeFilter("opened_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("opened_at", lookup_expr="lt")

    class Meta:
        model = SloAlert
        fields: ClassVar = ["tool", "about"]


class Services(APIView):
    """How well every tool that acts outside serves."""

    pagination_class = Whole

    @extend_schema(operation_id="service_list", responses=ServiceOut(many=True))
    def get(self, request: Request) -> Response:
        shown = ServiceOut(_seen(), many=True).data
        return Whole().answer(request, shown, "tool")


class OneService(APIView):
    """One tool's figures; its objective is changed with the ETag of it in hand."""

    refusals = ("404", "412", "428")

    @extend_schema(operation_id="service_read", responses=ServiceOut)
    def get(self, request: Request, key: str) -> Response:
        return _answer(key, service.objective(key))

    @extend_schema(
        operation_id="service_change",
        request=ObjectiveShape,
        responses=ServiceOut,
    )
    def put(self, request: Request, key: str) -> Response:
        return self._changed(request, key, partial=False)

    @extend_schema(
        operation_id="service_adjust",
        request=ObjectiveShape(partial=True),
        responses=ServiceOut,
    )
    def patch(self, request: Request, key: str) -> Response:
        return self._changed(request, key, partial=True)

    def _changed(self, request: Request, key: str, *, partial: bool) -> Response:
        held = service.hold_objective(key, now=timezone.now())
        given = ObjectiveShape(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        insist_on_match(request, tag_of(held))
        aim = service.change_objective(
            key, given.validated_data, by=caller_of(request), now=timezone.now()
        )
        return _answer(key, aim)


class Alerts(generics.ListAPIView[SloAlert]):
    """Objectives that were missed, the newest first."""

    queryset = SloAlert.objects.none()
    serializer_class = AlertOut
    filterset_class = AlertFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[SloAlert]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return SloAlert.objects.filter(tenant_id=caller_of(self.request).tenant)

    @extend_schema(operation_id="alerts_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


def tag_of(aim: Aim) -> str:
    """Over what people set: a call that is counted makes nobody's view stale."""
    return etag(asdict(aim))


def _answer(key: str, aim: Aim) -> Response:
    (seen,) = _seen(key)
    return Response(ServiceOut(seen).data, headers={"ETag": tag_of(aim)})


def _seen(key: str | None = None) -> list[dict[str, Any]]:
    """Every tool, or one, in as many queries for one as for a hundred."""
    now, aims, titles = timezone.now(), service.objectives(), service.tools()
    counted = service.figures(key, now=now)
    open_: dict[str, list[SloAlert]] = {}
    for row in service.open_alerts():
        open_.setdefault(row.tool, []).append(row)
    return [
        _one(tool, title, aims.get(tool, Aim()), counted.get(tool), open_.get(tool, []))
        for tool, title in titles.items()
        if key in (None, tool)
    ]


def _one(
    tool: str,
    title: str,
    aim: Aim,
    counted: Mapping[str, Figures] | None,
    alerts: list[SloAlert],
) -> dict[str, Any]:
    nothing = {name: figures_of(Tally(), aim) for name in service.WINDOWS}
    windows = counted or nothing
    return {
        "tool": tool,
        "title": title,
        "objective": asdict(aim),
        "held_to_ms": held_to(aim.latency_ms),
        "windows": {name: asdict(each) for name, each in windows.items()},
        "alerts": alerts,
    }
