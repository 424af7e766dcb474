"""undos/: acts taken back, one by one or since a moment, and what stood in the way."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import sweep as sweeps
from autonomy import undo as undos
from autonomy.api.executions import ExecutionOut, Seen
from autonomy.errors import UndoConflict
from autonomy.models import Intent, Sweep, Undo
from autonomy.retract import retract
from ledger.doors import Pages, StrictSerializer
from perception.accounts import visible_to
from perception.errors import NoSuchAccount
from perception.members import person_acting
from perception.models import Account
from perception.rules.callers import caller_of
from perception.rules.roles import Role, sees_all_accounts

REASON = "Why; kept in the ledger."


class UndoOut(serializers.ModelSerializer[Undo]):
    account = serializers.UUIDField(source="account_id")
    intent = serializers.UUIDField(source="intent_id")
    execution = serializers.UUIDField(source="execution_id", allow_null=True)
    sweep = serializers.UUIDField(source="sweep_id", allow_null=True)

    class Meta:
        model = Undo
        fields: ClassVar = [
            "id", "account", "intent", "execution", "sweep", "place", "status",
            "reason", "proof", "found", "error", "attempts", "asked_at", "finished_at",
        ]  # fmt: skip


class UndoFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    intent = filters.UUIDFilter("intent_id")
    execution = filters.UUIDFilter("execution_id")
    sweep = filters.UUIDFilter("sweep_id")
    created_after = filters.IsoDateTimeFilter("asked_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("asked_at", lookup_expr="lt")

    class Meta:
        model = Undo
        fields: ClassVar = ["status", "proof"]


class UndoIn(StrictSerializer):
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=300, help_text=REASON
    )


class UndoSettleIn(StrictSerializer):
    done = serializers.BooleanField(help_text="Whether it was taken back after all.")
    note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=300
    )


class StandingOut(serializers.Serializer[Any]):
    """Whether an act can be taken back now."""

    can = serializers.BooleanField()
    why = serializers.CharField(help_text="Why not; empty where it can be.")
    until = serializers.DateTimeField(allow_null=True)
    undos = UndoOut(many=True)


class UndoneOut(ExecutionOut):
    """The act as it stands, and what became of the wish to take it back."""

    undo = UndoOut()

    class Meta(ExecutionOut.Meta):
        fields: ClassVar = [*ExecutionOut.Meta.fields, "undo"]


class SweepIn(StrictSerializer):
    since = serializers.DateTimeField()
    account = serializers.UUIDField(required=False)
    only_automatic = serializers.BooleanField(
        default=True, help_text="false: also what people approved."
    )
    reason = serializers.CharField(max_length=300, help_text=REASON)


class SweepOut(serializers.ModelSerializer[Sweep]):
    account = serializers.UUIDField(source="account_id", allow_null=True)
    ended = serializers.SerializerMethodField(
        help_text="How many of its undos stand how; undos/?sweep= lists them."
    )

    class Meta:
        model = Sweep
        fields: ClassVar = [
            "id", "account", "since", "only_automatic", "reason", "status",
            "asked_at", "finished_at", "ended",
        ]  # fmt: skip

    def get_ended(self, sweep: Sweep) -> dict[str, int]:
        return dict(sweeps.counted(sweep))


class UndoOne(Seen):
    """Take an act back, or see whether that can be done."""

    filter_backends = ()
    refusals = ("404", "409")

    @extend_schema(operation_id="executions_undo_standing", responses=StandingOut)
    def get(self, request: Request, pk: UUID) -> Response:
        execution = self.get_object()
        stands = undos.standing_of(execution)
        rows = Undo.objects.filter(
            tenant_id=execution.tenant_id, execution=execution
        ).order_by("-id")
        shown = {"can": stands.can, "why": stands.why, "until": stands.until}
        return Response(StandingOut({**shown, "undos": rows}).data)

    @extend_schema(
        operation_id="executions_undo",
        request=UndoIn,
        responses={200: UndoneOut, 202: UndoneOut},
    )
    def post(self, request: Request, pk: UUID) -> Response:
        given = UndoIn(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        undo = undos.request(
            self.get_object().pk,
            by=person_acting(caller),
            member=caller.membership,
            reason=given.validated_data["reason"],
        )
        if undo.status == Undo.Status.CONFLICT:
            raise UndoConflict
        shown = {
            **ExecutionOut(self.get_object()).data,
            "undo": UndoOut(undo).data,
        }
        code = status.HTTP_202_ACCEPTED if undo.due_at else status.HTTP_200_OK
        return Response(shown, status=code)


class _SeenUndos(generics.GenericAPIView[Undo]):
    queryset = Undo.objects.none()
    serializer_class = UndoOut

    def get_queryset(self) -> QuerySet[Undo]:
        """Those of the accounts that the caller sees."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        found = Undo.objects.filter(tenant_id=caller.tenant)
        if not sees_all_accounts(caller.role):
            found = found.filter(account_id__in=visible_to(caller).values("id"))
        return found


class Undos(_SeenUndos, generics.ListAPIView[Undo]):
    """What was taken back, or is to be, newest first."""

    filterset_class = UndoFilter
    pagination_class = Pages

    @extend_schema(operation_id="undos_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class OneUndo(_SeenUndos, generics.RetrieveAPIView[Undo]):
    """One undo, and how it ended."""

    filter_backends = ()

    @extend_schema(operation_id="undos_read")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)


class SettleUndo(_SeenUndos):
    """Say whether an undo that is in doubt was done. The first word counts."""

    filter_backends = ()
    refusals = ("404", "409")

    @extend_schema(operation_id="undos_settle", request=UndoSettleIn, responses=UndoOut)
    def post(self, request: Request, pk: UUID) -> Response:
        given = UndoSettleIn(data=request.data)
        given.is_valid(raise_exception=True)
        settled = undos.settle(
            self.get_object().pk,
            done_=given.validated_data["done"],
            by=person_acting(caller_of(request)),
            note=given.validated_data["note"],
        )
        return Response(UndoOut(settled).data)


class _OwnSweeps(generics.GenericAPIView[Sweep]):
    queryset = Sweep.objects.none()
    serializer_class = SweepOut
    filter_backends = ()
    refusals = ("404",)

    def get_queryset(self) -> QuerySet[Sweep]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        mine = Sweep.objects.filter(tenant_id=caller_of(self.request).tenant)
        return sweeps.with_counts(mine)


class Sweeps(_OwnSweeps):
    """Everything since a moment is taken back: of an account, or of the tenant."""

    pagination_class = Pages

    @extend_schema(operation_id="undos_sweeps", responses=SweepOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(SweepOut(page, many=True).data)

    @extend_schema(
        operation_id="undos_since", request=SweepIn, responses={202: SweepOut}
    )
    def post(self, request: Request) -> Response:
        given = SweepIn(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        since: datetime = given.validated_data["since"]
        account = given.validated_data.get("account")
        if account is not None:
            if not visible_to(caller).filter(pk=account).exists():
                raise NoSuchAccount("", "account")
        elif caller.role is not Role.ADMIN:
            raise PermissionDenied("An admin takes back what concerns every account.")
        sweep = sweeps.request(
            since,
            account=account,
            only_automatic=given.validated_data["only_automatic"],
            reason=given.validated_data["reason"],
            by=person_acting(caller),
            member=caller.membership,
        )
        shown = SweepOut(sweeps.one(sweep.pk)).data
        return Response(shown, status=status.HTTP_202_ACCEPTED)


class OneSweep(_OwnSweeps):
    """One of them, and how far it has come."""

    @extend_schema(operation_id="undos_sweep", responses=SweepOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return Response(SweepOut(self.get_object()).data)


class Retract(generics.GenericAPIView[Any]):
    """Call off an act that is approved and has not started, as a message held back."""

    queryset = Intent.objects.none()
    serializer_class = UndoOut
    filter_backends = ()
    refusals = ("404", "409")

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        caller = caller_of(self.request)
        mine: QuerySet[Account] = visible_to(caller)
        return Intent.objects.filter(
            tenant_id=caller.tenant, account_id__in=mine.values("id")
        )

    @extend_schema(operation_id="intents_retract", request=UndoIn, responses=UndoOut)
    def post(self, request: Request, pk: UUID) -> Response:
        given = UndoIn(data=request.data)
        given.is_valid(raise_exception=True)
        caller = caller_of(request)
        undo = retract(
            self.get_object().pk,
            by=person_acting(caller),
            member=caller.membership,
            reason=given.validated_data["reason"],
        )
        return Response(UndoOut(undo).data)
