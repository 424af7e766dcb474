"""executions/: what was done, how it ended, and the end of a doubt."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.desk import look_up
from autonomy.feed import executions
from autonomy.models import Execution
from autonomy.settle import settle
from ledger.doors import Pages, StrictSerializer
from perception.members import person_acting
from perception.rules.callers import caller_of


class ExecutionOut(serializers.ModelSerializer[Execution]):
    intent = serializers.UUIDField(source="intent_id")
    account = serializers.UUIDField(source="account_id")
    seller = serializers.UUIDField(source="seller_id", allow_null=True)
    replay = serializers.UUIDField(source="replay_id", allow_null=True)

    class Meta:
        model = Execution
        fields: ClassVar = [
            "id", "intent", "account", "seller", "action_type", "tool", "status",
            "auto_executed", "approval_source", "attempts", "started_at",
            "finished_at", "outcome", "error", "replay",
        ]  # fmt: skip


class ExecutionFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    created_after = filters.IsoDateTimeFilter("started_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("started_at", lookup_expr="lt")

    class Meta:
        model = Execution
        fields: ClassVar = ["status", "action_type", "tool", "auto_executed"]


class SettleIn(StrictSerializer):
    done = serializers.BooleanField(help_text="Whether the tool acted after all.")
    note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=300
    )


class Seen(generics.GenericAPIView[Execution]):
    queryset = Execution.objects.none()
    serializer_class = ExecutionOut

    def get_queryset(self) -> QuerySet[Execution]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return executions(caller_of(self.request))


class Executions(Seen, generics.ListAPIView[Execution]):
    """What was done, newest first."""

    filterset_class = ExecutionFilter
    pagination_class = Pages

    @extend_schema(operation_id="executions_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class OneExecution(Seen, generics.RetrieveAPIView[Execution]):
    """One act, and how it ended."""

    filter_backends = ()

    @extend_schema(operation_id="executions_read")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)


class LookedOut(serializers.Serializer[Any]):
    """What asking the tool brought, and the act as it stands then."""

    done = serializers.BooleanField(
        allow_null=True, help_text="null: it could not be told; the act is as it was."
    )
    said = serializers.CharField()
    seen = serializers.DictField(allow_null=True)
    execution = ExecutionOut()


class LookUp(Seen):
    """Ask the tool of an act in doubt whether it was done; what it shows ends the doubt."""

    filter_backends = ()
    refusals = ("404", "409")

    @extend_schema(operation_id="executions_lookup", request=None, responses=LookedOut)
    def post(self, request: Request, pk: Any) -> Response:
        act = self.get_object()
        looked = look_up(act.pk, by=person_acting(caller_of(request)))
        act.refresh_from_db()
        shown = {"done": looked.done, "said": looked.said, "seen": looked.seen}
        return Response(LookedOut({**shown, "execution": act}).data)


class Settle(Seen):
    """Say whether an act that is in doubt was done. The first word counts."""

    filter_backends = ()
    refusals = ("404", "409")

    @extend_schema(
        operation_id="executions_settle", request=SettleIn, responses=ExecutionOut
    )
    def post(self, request: Request, pk: Any) -> Response:
        given = SettleIn(data=request.data)
        given.is_valid(raise_exception=True)
        settled = settle(
            self.get_object(),
            done=given.validated_data["done"],
            by=person_acting(caller_of(request)),
            note=given.validated_data["note"],
            now=timezone.now(),
        )
        return Response(ExecutionOut(settled).data)
