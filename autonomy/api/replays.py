"""executions/…/replay/ and replays/: an act is gone through again, dry or for good."""

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy.models import Execution, Replay
from autonomy.rehearsal import with_words
from autonomy.replay import Wanted, commit, rehearse
from ledger.doors import Pages, StrictSerializer
from perception.members import person_acting
from perception.rules.callers import caller_of


class ReplayIn(StrictSerializer):
    reason = serializers.CharField(max_length=300)
    commit = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Whether it is gone through for good; else nothing can be done.",
    )


class ReplayOut(serializers.ModelSerializer[Replay]):
    intent = serializers.UUIDField(source="intent_id")
    account = serializers.UUIDField(source="account_id")
    by = serializers.UUIDField(source="by_id", allow_null=True)
    execution = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()

    class Meta:
        model = Replay
        fields: ClassVar = [
            "id", "intent", "account", "execution", "commit", "reason", "by", "status",
            "result", "error", "asked_at", "finished_at",
        ]  # fmt: skip

    def get_execution(self, row: Replay) -> str | None:
        """What it started, once it has."""
        started = next(iter(row.executions.all()), None)
        return str(started.id) if started else None

    def get_result(self, row: Replay) -> dict[str, Any]:
        """Verdict, differences, and what would be done, with the words of today."""
        return with_words(row)


def seen(tenant: Any) -> QuerySet[Replay]:
    """The replays of a tenant, each with what it needs to be shown."""
    started = Prefetch("executions", Execution.objects.only("id", "replay_id"))
    rows = Replay.objects.filter(tenant_id=tenant)
    return rows.select_related("intent").prefetch_related(started)


class ReplayFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    created_after = filters.IsoDateTimeFilter("asked_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("asked_at", lookup_expr="lt")

    class Meta:
        model = Replay
        fields: ClassVar = ["status", "commit"]


class _Seen(generics.GenericAPIView[Replay]):
    queryset = Replay.objects.none()
    serializer_class = ReplayOut

    def get_queryset(self) -> QuerySet[Replay]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return seen(caller_of(self.request).tenant)


class Replays(_Seen, generics.ListAPIView[Replay]):
    """What was gone through again, newest first."""

    filterset_class = ReplayFilter
    pagination_class = Pages

    @extend_schema(operation_id="replays_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class OneReplay(_Seen, generics.RetrieveAPIView[Replay]):
    """One replay: what it found, and what came of it."""

    filter_backends = ()

    @extend_schema(operation_id="replays_read")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)


class ReplayExecution(APIView):
    """Go through an act's intent again: judged as things are, dry unless committed."""

    refusals = ("404", "409")

    @extend_schema(
        operation_id="executions_replay", request=ReplayIn, responses={201: ReplayOut}
    )
    def post(self, request: Request, pk: Any) -> Response:
        caller = caller_of(request)
        mine = Execution.objects.filter(tenant_id=caller.tenant)
        execution = generics.get_object_or_404(mine, pk=pk)
        given = ReplayIn(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = Wanted(
            reason=given.validated_data["reason"],
            by=person_acting(caller),
            member=caller.membership,
        )
        go = commit if given.validated_data["commit"] else rehearse
        made = go(execution.intent_id, wanted)
        row = seen(caller.tenant).get(pk=made.pk)
        return Response(ReplayOut(row).data, status=status.HTTP_201_CREATED)
