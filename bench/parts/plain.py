"""The list that a plain DRF view would give of what ran: what the feed is held against.

No login, no fence, no middleware and no filter stand before it; a serializer shows the
fields of the rows, which one query with its joins finds.
"""

from typing import Any, ClassVar

from django.urls import path
from rest_framework import generics, pagination, serializers

from autonomy.models import Execution

OPEN = "unfenced"
BESIDE = ("intent", "account", "permit__verdict")


class Row(serializers.ModelSerializer[Execution]):
    """What the feed shows of an execution, but for what only the feed can tell."""

    account_name = serializers.CharField(source="account.name")
    run = serializers.UUIDField(source="intent.run_id")
    parameters = serializers.DictField(source="intent.parameters")
    confidence = serializers.FloatField(source="intent.confidence")
    risk_level = serializers.CharField(source="intent.risk_level")
    rationale = serializers.CharField(source="intent.rationale")
    why = serializers.CharField(source="permit.verdict.explanation")
    would_be_automatic_if = serializers.ListField(
        source="permit.verdict.would_be_automatic_if"
    )

    class Meta:
        model = Execution
        fields: ClassVar = [
            "id", "account", "account_name", "intent", "run", "action_type",
            "parameters", "status", "confidence", "risk_level", "rationale",
            "auto_executed", "approval_source", "why", "would_be_automatic_if",
            "started_at", "finished_at",
        ]  # fmt: skip


class Pages(pagination.CursorPagination):
    page_size = 50
    ordering = "-id"


class Rows(generics.ListAPIView[Execution]):
    """The newest executions of one tenant."""

    serializer_class = Row
    pagination_class = Pages
    authentication_classes = ()
    permission_classes = ()
    filter_backends = ()

    def get_queryset(self) -> Any:
        rows = Execution.objects.using(OPEN).filter(tenant_id=self.kwargs["tenant"])
        return rows.filter(auto_executed=True).select_related(*BESIDE)


urlpatterns = [path("<uuid:tenant>/", Rows.as_view())]
