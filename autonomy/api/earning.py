"""learning/suggestions/, learning/records/: autonomy that was earned, and who decides on it."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import earning, track
from autonomy.models import Suggestion
from autonomy.rules.earned import Says
from autonomy.rules.modes import MODES
from ledger.clock import clock
from ledger.doors import Pages
from perception.rules.callers import caller_of


class AloneOut(serializers.Serializer[Any]):
    trials = serializers.IntegerField()
    regrets = serializers.IntegerField()


class RecordOut(serializers.Serializer[Any]):
    """What became of a type's acts since its mode was last set. Where they are too few,
    there are no bounds.
    """

    mode = serializers.ChoiceField(choices=MODES, help_text="The mode in force.")
    to = serializers.CharField(
        allow_blank=True, help_text="The wider mode; empty where there is none."
    )
    since = serializers.DateTimeField()
    trials = serializers.IntegerField(
        help_text="Acts that mode held back and people decided; where they run alone, "
        "those that chance sent to people."
    )
    regrets = serializers.IntegerField(
        help_text="How many of these were refused, edited, undone or answered badly."
    )
    lower = serializers.FloatField(
        allow_null=True, help_text="At least this share goes well, at its level."
    )
    upper = serializers.FloatField(
        allow_null=True, help_text="At most this share goes well, at its level."
    )
    level = serializers.FloatField()
    threshold = serializers.FloatField()
    floor = serializers.FloatField()
    says = serializers.ChoiceField(choices=[each.value for each in Says])
    alone = AloneOut(help_text="What ran by itself; nobody looked at all of it.")
    explanation = serializers.CharField()


class TypeRecordOut(RecordOut):
    action_type = serializers.CharField()


class SuggestionOut(serializers.ModelSerializer[Suggestion]):
    record = serializers.DictField(
        child=serializers.JSONField(),
        help_text="The record when it was suggested, as `learning/records/` has it.",
    )
    first_by = serializers.UUIDField(
        source="first_by_id",
        allow_null=True,
        help_text="Who signed first, where two have to.",
    )
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True)

    class Meta:
        model = Suggestion
        fields: ClassVar = [
            "id", "action_type", "status", "record", "suggested_at", "first_by",
            "first_at", "decided_at", "decided_by", "narrowed_at",
        ]  # fmt: skip


class SuggestionFilter(filters.FilterSet):
    created_after = filters.IsoDateTimeFilter("suggested_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("suggested_at", lookup_expr="lt")

    class Meta:
        model = Suggestion
        fields: ClassVar = ["status", "action_type"]


class Suggestions(generics.GenericAPIView[Suggestion]):
    """Wider autonomy, as records bear it out, newest first. Only a person widens it;
    `narrowed_at` says when the record took a widening back.
    """

    queryset = Suggestion.objects.none()
    serializer_class = SuggestionOut
    filterset_class = SuggestionFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Suggestion]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Suggestion.objects.filter(tenant_id=caller_of(self.request).tenant)

    @extend_schema(
        operation_id="learning_suggestions", responses=SuggestionOut(many=True)
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(SuggestionOut(page or [], many=True).data)


class Sign(APIView):
    """Set the wider mode. With four eyes, the first of two signatures sets nothing yet."""

    @extend_schema(
        operation_id="learning_suggestions_sign", request=None, responses=SuggestionOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        held = earning.sign(pk, by=caller_of(request), now=clock())
        return Response(SuggestionOut(held).data)


class Decline(APIView):
    """Leave the mode as it is. It is not suggested again for 90 days."""

    @extend_schema(
        operation_id="learning_suggestions_decline",
        request=None,
        responses=SuggestionOut,
    )
    def post(self, request: Request, pk: UUID) -> Response:
        held = earning.decline(pk, by=caller_of(request), now=clock())
        return Response(SuggestionOut(held).data)


class Records(APIView):
    """What each type of action has earned so far, by its key."""

    @extend_schema(operation_id="learning_records", responses=TypeRecordOut(many=True))
    def get(self, request: Request) -> Response:
        found = track.records(now=clock())
        said = [
            {"action_type": key, **each.stated()} for key, each in sorted(found.items())
        ]
        return Response(TypeRecordOut(said, many=True).data)
