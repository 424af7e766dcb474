"""modes/, budgets/, opt-ins/: what admins set, one row for each scope."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import budget, steering
from autonomy.models import Budget, Mode, OptIn
from autonomy.rules.modes import MODES
from ledger.doors import Filters, Pages, StrictSerializer, etag
from perception.accounts import visible_to
from perception.rules.callers import Caller, caller_of
from perception.rules.roles import sees_all_accounts


class ModeIn(StrictSerializer):
    account = serializers.UUIDField(required=False, allow_null=True)
    action_type = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=64
    )
    mode = serializers.ChoiceField(choices=MODES)


class ModeOut(serializers.ModelSerializer[Mode]):
    account = serializers.UUIDField(source="account_id", allow_null=True)

    class Meta:
        model = Mode
        fields: ClassVar = ["id", "account", "action_type", "mode", "set_at"]


class BudgetIn(StrictSerializer):
    account = serializers.UUIDField(required=False, allow_null=True)
    seller = serializers.UUIDField(required=False, allow_null=True)
    action_type = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=64
    )
    each = serializers.ChoiceField(
        choices=Budget.Each.choices,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="A limit for every one that has no row of its own.",
    )
    limit_per_day = serializers.IntegerField(min_value=0, max_value=1_000_000)
    decay_percent = serializers.IntegerField(
        min_value=0,
        max_value=100,
        required=False,
        help_text="By how much each unused day shrinks the limit.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("each") and (given.get("account") or given.get("seller")):
            raise serializers.ValidationError(
                {"each": "Give either each, or one account or seller."}
            )
        return given


class BudgetOut(serializers.ModelSerializer[Budget]):
    account = serializers.UUIDField(source="account_id", allow_null=True)
    seller = serializers.UUIDField(source="seller_id", allow_null=True)

    class Meta:
        model = Budget
        fields: ClassVar = [
            "id", "account", "seller", "action_type", "each", "limit_per_day",
            "decay_percent", "set_at",
        ]  # fmt: skip


class UsageOut(serializers.Serializer[Any]):
    budget = serializers.UUIDField()
    scope = serializers.CharField()
    account = serializers.UUIDField(allow_null=True)
    seller = serializers.UUIDField(allow_null=True)
    action_type = serializers.CharField(allow_blank=True)
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    remaining = serializers.IntegerField()
    day = serializers.DateField()


class OptInIn(StrictSerializer):
    account = serializers.UUIDField(required=False, allow_null=True)
    granted = serializers.BooleanField()


class OptInOut(serializers.ModelSerializer[OptIn]):
    account = serializers.UUIDField(source="account_id", allow_null=True)
    by = serializers.UUIDField(source="by_id")

    class Meta:
        model = OptIn
        fields: ClassVar = ["id", "account", "granted", "by", "at"]


class ModeFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")

    class Meta:
        model = Mode
        fields: ClassVar = ["action_type", "mode"]


class BudgetFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    seller = filters.UUIDFilter("seller_id")

    class Meta:
        model = Budget
        fields: ClassVar = ["action_type"]


class OptInFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")

    class Meta:
        model = OptIn
        fields: ClassVar = ["granted"]


class _Rows(generics.GenericAPIView[Any]):
    """Rows of the tenant."""

    filter_backends: Sequence[type[Filters]] = ()

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        rows: QuerySet[Any] = super().get_queryset()
        return self.seen(rows, caller_of(self.request))

    def seen(self, rows: QuerySet[Any], caller: Caller) -> QuerySet[Any]:
        """A seller sees what holds for all, and for their own accounts."""
        mine = rows.filter(tenant_id=caller.tenant)
        if sees_all_accounts(caller.role):
            return mine
        own = visible_to(caller).values("id")
        return mine.filter(Q(account=None) | Q(account_id__in=own))


class _Budgets(_Rows):
    """Budgets also belong to sellers."""

    queryset = Budget.objects.filter(is_active=True)
    serializer_class = BudgetOut

    def seen(self, rows: QuerySet[Any], caller: Caller) -> QuerySet[Any]:
        return budget.visible(caller)


class _Listed(_Rows):
    """A page of them, and what is set among them."""

    filter_backends = (Filters,)
    pagination_class = Pages

    def page(self) -> Response:
        shown = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(shown, many=True).data)

    def said(self, row: Model, before: int) -> Response:
        """What stands there now; 201 where it is new."""
        is_new = self.get_queryset().count() > before
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        shown = self.get_serializer(row).data
        return Response(shown, status=code, headers={"ETag": etag(shown)})


class Modes(_Listed):
    """How much autonomy there is. Posting a scope that is set changes it."""

    queryset = Mode.objects.all()
    serializer_class = ModeOut
    filterset_class = ModeFilter

    @extend_schema(operation_id="modes_list", responses=ModeOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page()

    @extend_schema(
        operation_id="modes_set", request=ModeIn, responses={200: ModeOut, 201: ModeOut}
    )
    def post(self, request: Request) -> Response:
        given = ModeIn(data=request.data)
        given.is_valid(raise_exception=True)
        before = self.get_queryset().count()
        row = steering.set_mode(
            given.validated_data["mode"],
            given.validated_data,
            by=caller_of(request),
            now=timezone.now(),
        )
        return self.said(row, before)


class Budgets(_Budgets, _Listed):
    """How many acts may run by themselves in a day. Posting a set scope changes it."""

    filterset_class = BudgetFilter

    @extend_schema(operation_id="budgets_list", responses=BudgetOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page()

    @extend_schema(
        operation_id="budgets_set",
        request=BudgetIn,
        responses={200: BudgetOut, 201: BudgetOut},
    )
    def post(self, request: Request) -> Response:
        given = BudgetIn(data=request.data)
        given.is_valid(raise_exception=True)
        before = self.get_queryset().count()
        row = steering.set_budget(
            given.validated_data, by=caller_of(request), now=timezone.now()
        )
        return self.said(row, before)


class OptIns(_Listed):
    """Whether work that rituals and plans start is wanted."""

    queryset = OptIn.objects.all()
    serializer_class = OptInOut
    filterset_class = OptInFilter

    @extend_schema(operation_id="opt_ins_list", responses=OptInOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page()

    @extend_schema(
        operation_id="opt_ins_set",
        request=OptInIn,
        responses={200: OptInOut, 201: OptInOut},
    )
    def post(self, request: Request) -> Response:
        given = OptInIn(data=request.data)
        given.is_valid(raise_exception=True)
        before = self.get_queryset().count()
        row = steering.set_opt_in(
            given.validated_data["granted"],
            given.validated_data.get("account"),
            by=caller_of(request),
            now=timezone.now(),
        )
        return self.said(row, before)


class _One(_Rows):
    """One of them."""

    def shown(self) -> Response:
        shown = self.get_serializer(self.get_object()).data
        return Response(shown, headers={"ETag": etag(shown)})


class OneMode(_One):
    """The mode of one scope."""

    queryset = Mode.objects.all()
    serializer_class = ModeOut

    @extend_schema(operation_id="modes_read", responses=ModeOut)
    def get(self, request: Request, pk: Any) -> Response:
        return self.shown()

    @extend_schema(operation_id="modes_unset", responses={204: None})
    def delete(self, request: Request, pk: Any) -> Response:
        row = self.get_object()
        steering.unset_mode(row, by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class OneBudget(_Budgets, _One):
    """The budget of one scope."""

    @extend_schema(operation_id="budgets_read", responses=BudgetOut)
    def get(self, request: Request, pk: Any) -> Response:
        return self.shown()

    @extend_schema(operation_id="budgets_unset", responses={204: None})
    def delete(self, request: Request, pk: Any) -> Response:
        row = self.get_object()
        steering.withdraw_budget(row, by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Usage(APIView):
    """What each budget has left today."""

    refusals = ("404",)

    @extend_schema(
        operation_id="budgets_usage",
        parameters=[
            OpenApiParameter(
                "account", OpenApiTypes.UUID, description="Id of an account."
            )
        ],
        responses=UsageOut(many=True),
    )
    def get(self, request: Request) -> Response:
        named = request.query_params.get("account")
        account = None
        if named is not None:
            asked = ModeIn(data={"account": named, "mode": MODES[0]})
            asked.is_valid(raise_exception=True)
            seen = visible_to(caller_of(request))
            account = seen.filter(pk=asked.validated_data["account"]).first()
            if account is None:
                raise NotFound("There is no such account.")
        caller = caller_of(request)
        found = budget.usage(account=account, seen_by=caller, now=timezone.now())
        return Response(UsageOut(found, many=True).data)
