"""intents/: anybody proposes, everybody sees what came of it."""

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.api.shapes import IntentIn, VerdictOut, account_for, calibrated_by
from autonomy.models import Intent, Verdict
from autonomy.propose import propose
from ledger.doors import Pages
from perception.accounts import visible_to
from perception.members import person_acting
from perception.rules.callers import caller_of
from perception.rules.roles import sees_all_accounts


class IntentOut(serializers.ModelSerializer[Intent]):
    account = serializers.UUIDField(source="account_id")
    opportunity = serializers.UUIDField(source="opportunity_id", allow_null=True)
    contact = serializers.UUIDField(source="contact_id", allow_null=True)
    run = serializers.UUIDField(source="run_id", allow_null=True)
    proposed_by = serializers.UUIDField(source="proposed_by_id", allow_null=True)
    calibrated_confidence = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()

    class Meta:
        model = Intent
        fields: ClassVar = [
            "id", "account", "opportunity", "contact", "run", "origin", "action_type",
            "parameters", "confidence", "calibrated_confidence", "risk_level",
            "rationale", "evidence",
            "status", "proposed_by", "created_at", "updated_at", "verdict",
        ]  # fmt: skip

    def get_calibrated_confidence(self, intent: Intent) -> float | None:
        """The share of such confidences that came true; null where nobody knows yet."""
        return calibrated_by(self.context, intent.confidence)

    @extend_schema_field(VerdictOut)
    def get_verdict(self, intent: Intent) -> Any:
        """The newest verdict."""
        newest = next(iter(intent.verdicts.all()), None)
        return VerdictOut(newest).data if newest else None


class IntentFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    run = filters.UUIDFilter("run_id")
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Intent
        fields: ClassVar = ["status", "action_type", "origin"]


class _Seen(generics.GenericAPIView[Intent]):
    queryset = Intent.objects.none()
    serializer_class = IntentOut

    def get_queryset(self) -> QuerySet[Intent]:
        """Those of the accounts that the caller sees, each with its verdicts."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        intents = Intent.objects.filter(tenant_id=caller.tenant)
        if not sees_all_accounts(caller.role):
            mine = visible_to(caller).values("id")
            intents = intents.filter(account_id__in=mine)
        return with_verdicts(intents)


def with_verdicts(intents: QuerySet[Intent]) -> QuerySet[Intent]:
    """Their verdicts in one more query, the newest first."""
    newest = Verdict.objects.defer("facts").order_by("-id")
    return intents.prefetch_related(Prefetch("verdicts", newest))


class Intents(_Seen):
    """Proposed actions. What is posted is judged at once, by every layer."""

    filterset_class = IntentFilter
    pagination_class = Pages
    refusals = ("404",)

    @extend_schema(operation_id="intents_list", responses=IntentOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="intents_propose", request=IntentIn, responses={201: IntentOut}
    )
    def post(self, request: Request) -> Response:
        given = IntentIn(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        intent = propose(
            given.validated_data,
            account_for(request, given.validated_data["account"]),
            origin=Intent.Origin.AGENT,
            by=person_acting(caller),
            member=caller.membership,
            now=timezone.now(),
        )
        made = with_verdicts(Intent.objects.filter(pk=intent.pk)).get()
        return Response(IntentOut(made).data, status=status.HTTP_201_CREATED)


class OneIntent(_Seen, generics.RetrieveAPIView[Intent]):
    """One proposed action, with its verdict."""

    filter_backends = ()
