"""feed/: what to do next, what ran by itself, what waits for the caller."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import feed
from autonomy.api.shapes import calibrated_by
from autonomy.lists import Lean, Merged, ran
from autonomy.models import Approval, Execution, Intent
from ledger.doors import Asked, Pages
from perception.rules.callers import caller_of

KINDS = ("approval", "doubt", "execution", "held", "parked")
WAITING = ("PROPOSED", "AWAITING_APPROVAL", "IN_DOUBT", "APPROVED", "PARKED")
# Where rows of each kind that waits hold what their items show.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "approval": {
        "status": "intent__status", "intent": "intent_id", "run": "intent__run_id",
        "action_type": "intent__action_type", "at": "asked_at",
    },
    "doubt": {
        "status": "status", "intent": "intent_id", "run": "intent__run_id",
        "action_type": "action_type", "at": "started_at",
    },
    "held": {
        "status": "status", "intent": "id", "run": "run_id",
        "action_type": "action_type", "at": "updated_at",
    },
    "parked": {"status": "status", "run": "id", "at": "updated_at"},
}  # fmt: skip


class ItemOut(serializers.Serializer[Any]):
    """One thing to look at; `kind` says of what the id is."""

    kind = serializers.ChoiceField(choices=KINDS)
    id = serializers.UUIDField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    intent = serializers.UUIDField(allow_null=True)
    execution = serializers.UUIDField(allow_null=True)
    run = serializers.UUIDField(allow_null=True)
    action_type = serializers.CharField(allow_null=True)
    parameters = serializers.DictField(allow_null=True)
    payload_hash = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    requires_role = serializers.CharField(allow_null=True)
    can_decide = serializers.BooleanField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    calibrated_confidence = serializers.FloatField(
        allow_null=True,
        help_text="The share of such confidences that came true; null where nobody "
        "knows yet.",
    )
    risk_level = serializers.CharField(allow_null=True)
    rationale = serializers.CharField(allow_null=True)
    auto_executed = serializers.BooleanField(allow_null=True)
    approval_source = serializers.CharField(allow_null=True)
    undo_possible = serializers.BooleanField(allow_null=True)
    undo_until = serializers.DateTimeField(
        allow_null=True, help_text="Of what is held back: when it goes out."
    )
    why = serializers.CharField()
    would_be_automatic_if = serializers.ListField(child=serializers.CharField())
    at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    escalated_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class NextFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    run = filters.UUIDFilter("intent__run_id")
    created_after = filters.IsoDateTimeFilter("asked_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("asked_at", lookup_expr="lt")
    action_type = filters.CharFilter("intent__action_type")
    status = filters.ChoiceFilter(
        field_name="intent__status",
        choices=[(each, each) for each in ("PROPOSED", "AWAITING_APPROVAL")],
    )

    class Meta:
        model = Approval
        fields: ClassVar[list[str]] = []


class AutopilotFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    run = filters.UUIDFilter("intent__run_id")
    created_after = filters.IsoDateTimeFilter("started_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("started_at", lookup_expr="lt")

    class Meta:
        model = Execution
        fields: ClassVar = ["status", "action_type"]


class InboxIn(Asked):
    """What may be asked of everything that waits; `created` is when it came up."""

    kind = serializers.ChoiceField(choices=list(COLUMNS), required=False)
    status = serializers.ChoiceField(choices=WAITING, required=False)
    account = serializers.UUIDField(required=False)
    intent = serializers.UUIDField(required=False)
    run = serializers.UUIDField(required=False)
    action_type = serializers.CharField(required=False)
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)


class Ranked(Pages):
    """The most worthwhile first."""

    ordering = ("-score", "-id")  # type: ignore[assignment]


class _Feed(generics.GenericAPIView[Any]):
    """A list for the caller, of plain values in the shape of `ItemOut`: to carry each of
    a thousand through a field of a serializer would take longer than all the rest.
    """

    serializer_class = ItemOut
    pagination_class = Pages

    def shown(self, rows: Any) -> Response:
        caller, known = caller_of(self.request), dict[str, Any]()
        page = self.paginate_queryset(rows) or []
        items = [feed.item(row, caller) for row in page]
        for each in items:
            sure = calibrated_by(known, each["confidence"])
            each["calibrated_confidence"] = sure
        return self.get_paginated_response(items)


class Next(_Feed):
    """What to do next: proposals and questions, the most worthwhile first."""

    queryset = Approval.objects.none()
    filterset_class = NextFilter
    pagination_class = Ranked

    @extend_schema(operation_id="feed_next", responses=ItemOut(many=True))
    def get(self, request: Request) -> Response:
        rows: QuerySet[Any] = feed.next_for(caller_of(request), now=timezone.now())
        return self.shown(Lean(self.filter_queryset(rows)))


class Autopilot(_Feed):
    """What ran by itself, the newest first."""

    queryset = Execution.objects.none()
    filterset_class = AutopilotFilter

    @extend_schema(operation_id="feed_autopilot", responses=ItemOut(many=True))
    def get(self, request: Request) -> Response:
        rows: QuerySet[Any] = feed.autopilot(caller_of(request))
        return self.shown(Lean(self.filter_queryset(rows), ran))


class Inbox(_Feed):
    """Everything that waits for the caller, the newest first."""

    queryset = Intent.objects.none()
    filter_backends = ()

    @extend_schema(
        operation_id="feed_inbox", parameters=[InboxIn], responses=ItemOut(many=True)
    )
    def get(self, request: Request) -> Response:
        asked = InboxIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        parts = feed.waiting(caller_of(request), now=timezone.now())
        return self.shown(Merged(*_narrowed(parts, asked.validated_data)))


def _narrowed(
    parts: Mapping[str, QuerySet[Any]], asked: Mapping[str, Any]
) -> Iterator[QuerySet[Any]]:
    """The rows of each kind that fit; a kind that has no such thing has none that fit."""
    wanted = {name: value for name, value in asked.items() if name != "kind"}
    for kind, rows in parts.items():
        places = _places(COLUMNS[kind])
        if asked.get("kind", kind) == kind and wanted.keys() <= places.keys():
            yield rows.filter(**{places[name]: wanted[name] for name in wanted})


def _places(columns: Mapping[str, str]) -> dict[str, str]:
    """What is asked, as the look-up of its column."""
    at = columns["at"]
    between = {"created_after": f"{at}__gte", "created_before": f"{at}__lt"}
    return {**columns, **between, "account": "account_id"}
