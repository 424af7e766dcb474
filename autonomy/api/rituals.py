"""rituals/: what the mornings and weeks had to say to the caller."""

from typing import ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.models import Ritual, Told
from ledger.doors import Pages
from perception.rules.callers import caller_of


class ToldOut(serializers.ModelSerializer[Told]):
    ritual = serializers.UUIDField(source="ritual_id")
    kind = serializers.ChoiceField(source="ritual.kind", choices=Ritual.Kind.choices)
    day = serializers.DateField(source="ritual.day")
    body = serializers.DictField(
        child=serializers.JSONField(),
        help_text="A brief: `next`, `preparing`, `waiting`. A review: `accounts`, "
        "`neglected`, `neglected_count`, `preparing`.",
    )

    class Meta:
        model = Told
        fields: ClassVar = ["id", "ritual", "kind", "day", "at", "body"]


class ToldFilter(filters.FilterSet):
    kind = filters.ChoiceFilter("ritual__kind", choices=Ritual.Kind.choices)
    created_after = filters.IsoDateTimeFilter("at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("at", lookup_expr="lt")

    class Meta:
        model = Told
        fields: ClassVar = ["kind"]


class Rituals(generics.GenericAPIView[Told]):
    """What rituals told the caller, newest first; what they told others stays theirs."""

    queryset = Told.objects.none()
    serializer_class = ToldOut
    filterset_class = ToldFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Told]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        mine = Told.objects.filter(tenant_id=caller.tenant, member_id=caller.membership)
        return mine.select_related("ritual")

    @extend_schema(operation_id="rituals_list", responses=ToldOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ToldOut(page or [], many=True).data)
