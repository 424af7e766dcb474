"""approvals/: what people are asked, what they answer, and how they go about it."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import asking, decisions, oversight
from autonomy.api.shapes import VerdictOut
from autonomy.decisions import Decided
from autonomy.models import Approval
from ledger.doors import Asked, Pages, StrictSerializer
from perception.rules.callers import caller_of

MOST_AT_ONCE = 100


class EditOut(serializers.Serializer[Any]):
    by = serializers.UUIDField()
    at = serializers.DateTimeField()
    before = serializers.DictField()
    after = serializers.DictField()


class ApprovalOut(serializers.ModelSerializer[Approval]):
    intent = serializers.UUIDField(source="intent_id")
    account = serializers.UUIDField(source="account_id")
    opportunity = serializers.UUIDField(source="intent.opportunity_id", allow_null=True)
    contact = serializers.UUIDField(source="intent.contact_id", allow_null=True)
    action_type = serializers.CharField(source="intent.action_type")
    parameters = serializers.SerializerMethodField()
    rationale = serializers.CharField(source="intent.rationale")
    confidence = serializers.FloatField(source="intent.confidence", allow_null=True)
    evidence = serializers.JSONField(source="intent.evidence")
    assigned_to = serializers.UUIDField(source="assigned_to_id", allow_null=True)
    author = serializers.UUIDField(source="author_id", allow_null=True)
    edits = EditOut(many=True)
    verdict = VerdictOut()
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True)

    class Meta:
        model = Approval
        fields: ClassVar = [
            "id", "intent", "account", "opportunity", "contact", "action_type",
            "parameters", "payload_hash", "rationale", "confidence", "evidence",
            "status", "requires_role", "assigned_to", "author", "edits", "verdict",
            "asked_at", "expires_at", "escalated_at", "snoozed_until", "decided_by",
            "decided_at", "cause", "note",
        ]  # fmt: skip

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_parameters(self, asked: Approval) -> Any:
        """What would be done; where an edit made an end of it, what was asked then."""
        ended = [each for each in asked.edits if each["approval"] == str(asked.id)]
        return ended[-1]["before"] if ended else asked.intent.parameters


class ApproveIn(StrictSerializer):
    payload_hash = serializers.CharField(
        required=False,
        max_length=71,
        help_text="Of what was read: anything else is then refused.",
    )


class RejectIn(StrictSerializer):
    cause = serializers.ChoiceField(choices=Approval.Cause.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=2000)


class EditIn(StrictSerializer):
    parameters = serializers.DictField()


class SnoozeIn(StrictSerializer):
    until = serializers.DateTimeField()


class DelegateIn(StrictSerializer):
    to = serializers.CharField(
        max_length=254, help_text="The id or the e-mail address of a member."
    )


class BulkIn(StrictSerializer):
    ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
    )
    decision = serializers.ChoiceField(choices=["approve", "reject"])
    cause = serializers.ChoiceField(choices=Approval.Cause.choices, required=False)


class RefusedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    detail = serializers.CharField()


class BulkOut(serializers.Serializer[Any]):
    decided = serializers.IntegerField()
    refused = RefusedOut(many=True)


class HabitOut(serializers.Serializer[Any]):
    approver = serializers.UUIDField()
    risk = serializers.CharField()
    decisions = serializers.IntegerField()
    approved = serializers.IntegerField()
    median_seconds = serializers.FloatField(
        help_text="From asking to deciding: half took no longer."
    )
    median_dwell_seconds = serializers.FloatField(
        allow_null=True,
        help_text="From showing the question on a page to deciding there: half took no "
        "longer. Many that one click decides share the time. Null: of none is it known, "
        "as with decisions by the API.",
    )
    edited = serializers.FloatField()
    undone = serializers.FloatField()
    glanced = serializers.FloatField(
        help_text="The share decided within three seconds of being shown; of being "
        "asked, where it is not known when it was shown."
    )
    per_hour = serializers.FloatField()
    most_in_an_hour = serializers.IntegerField()
    rubber_stamp = serializers.BooleanField()
    overloaded = serializers.BooleanField()


class SpanIn(Asked):
    def get_fields(self) -> dict[str, Any]:
        moment = serializers.DateTimeField
        return {"from": moment(required=False), "to": moment(required=False)}


class ApprovalFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    action_type = filters.CharFilter("intent__action_type")
    created_after = filters.IsoDateTimeFilter("asked_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("asked_at", lookup_expr="lt")

    class Meta:
        model = Approval
        fields: ClassVar = ["status", "requires_role"]


def _whole(rows: QuerySet[Approval]) -> QuerySet[Approval]:
    return rows.select_related("intent", "verdict").defer("verdict__facts")


class Approvals(generics.ListAPIView[Approval]):
    """What people were asked about the accounts that the caller sees."""

    queryset = Approval.objects.none()
    serializer_class = ApprovalOut
    filterset_class = ApprovalFilter
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Approval]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return _whole(asking.seen_by(caller_of(self.request)))


class OneApproval(generics.RetrieveAPIView[Approval]):
    """One question, with the whole of what would be done."""

    queryset = Approval.objects.none()
    serializer_class = ApprovalOut
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Approval]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return _whole(asking.seen_by(caller_of(self.request)))


class _Verb(APIView):
    """Something that a person does to a question."""

    def answered(self, decided: Decided) -> Response:
        """The question as it stands; where nothing was allowed, why, and it stands too."""
        if decided.refusal is not None:
            decided.refusal.keeps = True
            raise decided.refusal
        shown = _whole(Approval.objects.all()).get(
            tenant_id=decided.approval.tenant_id, pk=decided.approval.pk
        )
        return Response(ApprovalOut(shown).data)

    def given(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        asked = shape(data=self.request.data)
        asked.is_valid(raise_exception=True)
        found: dict[str, Any] = asked.validated_data
        return found


class Approve(_Verb):
    """Let exactly this be done."""

    @extend_schema(
        operation_id="approvals_approve", request=ApproveIn, responses=ApprovalOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        return self.answered(decisions.approve(pk, by=caller, **self.given(ApproveIn)))


class Reject(_Verb):
    """Refuse it, and say why in one word."""

    @extend_schema(
        operation_id="approvals_reject", request=RejectIn, responses=ApprovalOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        return self.answered(decisions.reject(pk, by=caller, **self.given(RejectIn)))


class Edit(_Verb):
    """Change what would be done. The answer is what is asked now."""

    @extend_schema(operation_id="approvals_edit", request=EditIn, responses=ApprovalOut)
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        return self.answered(decisions.edit(pk, by=caller, **self.given(EditIn)))


class Snooze(_Verb):
    """Put the decision off."""

    @extend_schema(
        operation_id="approvals_snooze", request=SnoozeIn, responses=ApprovalOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        return self.answered(decisions.snooze(pk, by=caller, **self.given(SnoozeIn)))


class Delegate(_Verb):
    """Hand the decision to another member."""

    @extend_schema(
        operation_id="approvals_delegate", request=DelegateIn, responses=ApprovalOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        return self.answered(
            decisions.delegate(pk, by=caller, **self.given(DelegateIn))
        )


class Bulk(_Verb):
    """Decide many of one action type and risk at once."""

    @extend_schema(operation_id="approvals_bulk", request=BulkIn, responses=BulkOut)
    def post(self, request: Request) -> Response:
        given = self.given(BulkIn)
        found = decisions.decide_all(
            given["ids"],
            given["decision"],
            by=caller_of(request),
            cause=given.get("cause", ""),
        )
        refused = [
            {"id": id_, "code": _code(error), "detail": str(error)}
            for id_, error in found.refused
        ]
        shown = BulkOut({"decided": found.decided, "refused": refused})
        return Response(shown.data)


class Oversight(APIView):
    """How people decide: who waves through, who is asked too much."""

    @extend_schema(
        operation_id="approvals_oversight",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATETIME),
            OpenApiParameter("to", OpenApiTypes.DATETIME),
        ],
        responses=HabitOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = SpanIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        until = asked.validated_data.get("to") or timezone.now()
        since = asked.validated_data.get("from") or until - oversight.MONTH
        found = oversight.habits(since=since, until=until)
        return Response(HabitOut(found, many=True).data)


def _code(error: Exception) -> str:
    """As a refusal of a single decision has it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).upper()
