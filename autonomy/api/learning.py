"""learning/: models that rank or are tried, and what is known of how well they do."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy.learning.completeness import completeness
from autonomy.models import Evaluation, Ranking
from ledger.doors import Pages
from perception.rules.callers import caller_of


class ModelOut(serializers.ModelSerializer[Ranking]):
    artefact = serializers.DictField(child=serializers.JSONField())
    provenance = serializers.DictField(child=serializers.JSONField())
    gate = serializers.DictField(
        child=serializers.JSONField(),
        allow_null=True,
        help_text="What the gate said when it was promoted, and what it replaced.",
    )
    moved_by = serializers.UUIDField(source="moved_by_id", allow_null=True)

    class Meta:
        model = Ranking
        fields: ClassVar = [
            "id", "version", "kind", "status", "artefact", "provenance", "gate",
            "made_at", "moved_at", "moved_by",
        ]  # fmt: skip


class ModelFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter("made_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("made_at", lookup_expr="lt")

    class Meta:
        model = Ranking
        fields: ClassVar = ["status"]


class Models(generics.GenericAPIView[Ranking]):
    """Models of the tenant, newest first. Without one that is ACTIVE, the house's ranks
    if there is one, else confidence.
    """

    queryset = Ranking.objects.none()
    serializer_class = ModelOut
    filterset_class = ModelFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Ranking]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Ranking.objects.filter(tenant_id=caller_of(self.request).tenant)

    @extend_schema(operation_id="learning_models", responses=ModelOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ModelOut(page or [], many=True).data)


class GapOut(serializers.Serializer[Any]):
    intent = serializers.UUIDField()
    action_type = serializers.CharField()
    status = serializers.CharField()
    owed = serializers.CharField()
    since = serializers.DateTimeField()


class CompletenessOut(serializers.Serializer[Any]):
    """Whether everything that ended in the last 30 days has its outcome."""

    ended = serializers.IntegerField()
    by_outcome = serializers.DictField(child=serializers.IntegerField())
    missing = serializers.IntegerField()
    gaps = GapOut(many=True)


class ReportOut(serializers.Serializer[Any]):
    """`evaluation` is what `manage.py evaluate` found last; null before the first."""

    completeness = CompletenessOut()
    evaluation = serializers.DictField(child=serializers.JSONField(), allow_null=True)
    evaluated_at = serializers.DateTimeField(allow_null=True)


class Report(APIView):
    """How well proposals are ranked, and whether every outcome is known."""

    @extend_schema(operation_id="learning_report", responses=ReportOut)
    def get(self, request: Request) -> Response:
        rows = Evaluation.objects.filter(tenant_id=caller_of(request).tenant)
        last = rows.order_by("-id").first()
        said = {
            "completeness": completeness(now=timezone.now()).stated(),
            "evaluation": last.body if last else None,
            "evaluated_at": last.at if last else None,
        }
        return Response(ReportOut(said).data)
