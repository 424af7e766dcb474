"""runs/: what a signal, ritual or person started, and how far it came."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import runs, starting
from autonomy.errors import NotParked
from autonomy.models import Intent, Run
from autonomy.rules.runs import RunStatus
from ledger.doors import Pages
from perception.accounts import visible_to
from perception.members import person_acting
from perception.rules.callers import caller_of
from perception.rules.roles import sees_all_accounts


class GateOut(serializers.Serializer[Any]):
    result = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    explanation = serializers.CharField(allow_blank=True)
    defer_until = serializers.DateTimeField(allow_null=True)


class RunOut(serializers.ModelSerializer[Run]):
    account = serializers.UUIDField(source="account_id")
    signal = serializers.UUIDField(source="signal_id", allow_null=True)
    gate = serializers.SerializerMethodField()
    intents = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields: ClassVar = [
            "id", "account", "signal", "trigger", "origin", "status", "stage", "gate",
            "intents", "attempts", "error", "created_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field(GateOut)
    def get_gate(self, run: Run) -> dict[str, Any]:
        """What the cost gate said, or what held the trigger back."""
        return {
            "result": run.gate_result or None,
            "reason": run.gate_reason,
            "explanation": run.gate_explanation,
            "defer_until": run.defer_until,
        }

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_intents(self, run: Run) -> list[UUID]:
        found: dict[UUID, list[UUID]] = self.context["intents"]
        return found.get(run.id, [])


class RunFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    signal = filters.UUIDFilter("signal_id")
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Run
        fields: ClassVar = ["status", "trigger", "gate_result"]


def shown(found: list[Run]) -> Any:
    """Runs with their intents, in one more query."""
    by_run: dict[UUID, list[UUID]] = {}
    rows = Intent.objects.filter(
        tenant_id__in={run.tenant_id for run in found},
        run_id__in=[run.id for run in found],
    )
    for run, intent in rows.order_by("rank", "id").values_list("run_id", "id"):
        if run is not None:
            by_run.setdefault(run, []).append(intent)
    return RunOut(found, many=True, context={"intents": by_run}).data


class _Seen(generics.GenericAPIView[Run]):
    queryset = Run.objects.none()
    serializer_class = RunOut

    def get_queryset(self) -> QuerySet[Run]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        found = Run.objects.filter(tenant_id=caller.tenant)
        if sees_all_accounts(caller.role):
            return found
        return found.filter(account_id__in=visible_to(caller).values("id"))


class Runs(_Seen):
    """Runs, newest first."""

    filterset_class = RunFilter
    pagination_class = Pages

    @extend_schema(operation_id="runs_list", responses=RunOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(shown(list(page or [])))


class OneRun(_Seen):
    """One run."""

    filter_backends = ()
    pagination_class = None

    @extend_schema(operation_id="runs_read", responses=RunOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(shown([self.get_object()])[0])


class RetryRun(APIView):
    """Send a parked run on its way again."""

    refusals = ("404", "409")

    @extend_schema(operation_id="runs_retry", request=None, responses=RunOut)
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        mine = Run.objects.filter(tenant_id=caller.tenant)
        run = generics.get_object_or_404(mine, pk=pk)
        if not runs.retry(run, by=person_acting(caller), now=timezone.now()):
            raise NotParked(f"It is {RunStatus(run.status).value}.")
        return Response(shown([mine.get(pk=pk)])[0])


class Ask(APIView):
    """Ask what would help an account: a run looks at it, or the one that does already."""

    refusals = ("404", "409")

    @extend_schema(operation_id="accounts_ask", request=None, responses={202: RunOut})
    def post(self, request: Request, pk: UUID) -> Response:
        caller = caller_of(request)
        account = generics.get_object_or_404(visible_to(caller), pk=pk)
        run = starting.ask(account.pk, by=person_acting(caller), now=timezone.now())
        return Response(shown([run])[0], status=status.HTTP_202_ACCEPTED)
