"""goals/: what is to be reached in a period, how far it is, and what would help."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy import catching_up, goals
from autonomy.models import Goal
from autonomy.rules.goals import Look, forecast, look
from ledger.doors import Pages, StrictSerializer, Whole
from perception.rules.callers import caller_of

YEARS = range(2000, 2200)
A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time"},
        ]
    }
)
class Moment(serializers.DateTimeField):
    """A moment, or a date for the whole of that day in the tenant's time zone."""

    def to_internal_value(self, value: Any) -> Any:
        is_day = isinstance(value, str) and A_DAY.fullmatch(value)
        found: date = (
            serializers.DateField().to_internal_value(value)
            if is_day
            else super().to_internal_value(value)
        )
        if found.year not in YEARS:
            raise serializers.ValidationError("The year is out of reach.")
        return found


class GoalIn(StrictSerializer):
    type = serializers.ChoiceField(choices=Goal.Type.choices)
    target = serializers.DecimalField(
        max_digits=16, decimal_places=2, min_value=Decimal("0.01")
    )
    start = Moment()
    end = Moment(help_text="A date counts to the end of its day.")
    account = serializers.UUIDField(required=False, allow_null=True)
    seller = serializers.UUIDField(required=False, allow_null=True)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not _precedes(given["start"], given["end"]):
            raise serializers.ValidationError({"end": "It must come after the start."})
        if given.get("account") and given.get("seller"):
            raise serializers.ValidationError(
                {"seller": "Give either one account or one seller."}
            )
        return given


class ForecastOut(serializers.Serializer[Any]):
    """Where it ends up if it goes on as before."""

    expected = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    share = serializers.FloatField(help_text="How often low to high holds.")
    count = serializers.IntegerField(help_text="The facts that it rests on.")


class FactOut(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.UUIDField()
    amount = serializers.FloatField()
    at = serializers.DateTimeField(allow_null=True)


class CountedOut(serializers.Serializer[Any]):
    """What it was measured from: how many of each kind, and the newest by id."""

    count = serializers.IntegerField()
    kinds = serializers.DictField(child=serializers.IntegerField())
    facts = FactOut(many=True)


class GoalOut(serializers.ModelSerializer[Goal]):
    account = serializers.UUIDField(source="account_id", allow_null=True)
    seller = serializers.UUIDField(source="seller_id", allow_null=True)
    set_by = serializers.UUIDField(source="set_by_id", allow_null=True)
    target = serializers.FloatField()
    current = serializers.FloatField()
    percent = serializers.SerializerMethodField()
    due_percent = serializers.SerializerMethodField()
    on_track = serializers.SerializerMethodField()
    is_behind = serializers.SerializerMethodField()
    days_left = serializers.SerializerMethodField()
    forecast = serializers.SerializerMethodField()
    counted = serializers.SerializerMethodField()

    class Meta:
        model = Goal
        fields: ClassVar = [
            "id", "type", "target", "start", "end", "account", "seller", "status",
            "current", "percent", "due_percent", "on_track", "is_behind", "days_left",
            "forecast", "counted", "measured_at", "ended_at", "set_by", "created_at",
        ]  # fmt: skip

    def get_percent(self, goal: Goal) -> float:
        """How much of the target is reached; 100 at most."""
        return self._look(goal).percent

    def get_due_percent(self, goal: Goal) -> float:
        """How much of its time is over."""
        return self._look(goal).due_percent

    def get_on_track(self, goal: Goal) -> bool:
        return self._look(goal).on_track

    def get_is_behind(self, goal: Goal) -> bool:
        """Whether less than four fifths of what was due by now is reached."""
        return self._look(goal).is_behind

    def get_days_left(self, goal: Goal) -> int:
        return self._look(goal).days_left

    @extend_schema_field(ForecastOut(allow_null=True))
    def get_forecast(self, goal: Goal) -> dict[str, Any] | None:
        found = forecast(
            goals.facts_of(goal),
            count=goal.measured.get("count", 0),
            squares=goal.measured.get("squares", 0.0),
            now=self.context["now"],
        )
        return None if found is None else ForecastOut(found).data

    @extend_schema_field(CountedOut)
    def get_counted(self, goal: Goal) -> dict[str, Any]:
        held = {"count": 0, "kinds": {}, "facts": [], **goal.measured}
        return CountedOut(held).data

    def _look(self, goal: Goal) -> Look:
        return look(goals.facts_of(goal), now=self.context["now"])


class GoalSuggestionOut(serializers.Serializer[Any]):
    action_type = serializers.CharField()
    account = serializers.UUIDField()
    account_name = serializers.CharField()
    why = serializers.CharField()


class GoalFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    seller = filters.UUIDFilter("seller_id")
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Goal
        fields: ClassVar = ["type", "status"]


class _Seen(generics.GenericAPIView[Goal]):
    queryset = Goal.objects.none()
    serializer_class = GoalOut

    def get_queryset(self) -> QuerySet[Goal]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return goals.visible(caller_of(self.request))


class Goals(_Seen):
    """Goals as they were measured last, the newest first."""

    filterset_class = GoalFilter
    pagination_class = Pages

    @extend_schema(operation_id="goals_list", responses=GoalOut(many=True))
    def get(self, request: Request) -> Response:
        rows = self.filter_queryset(self.get_queryset().defer("baseline"))
        page = self.paginate_queryset(rows) or []
        context = {"now": timezone.now()}
        return self.get_paginated_response(
            GoalOut(page, many=True, context=context).data
        )

    @extend_schema(operation_id="goals_set", request=GoalIn, responses={201: GoalOut})
    def post(self, request: Request) -> Response:
        given = GoalIn(data=request.data)
        given.is_valid(raise_exception=True)
        now = timezone.now()
        goal = goals.set_goal(given.validated_data, by=caller_of(request), now=now)
        shown = GoalOut(goal, context={"now": now}).data
        return Response(shown, status=status.HTTP_201_CREATED)


class OneGoal(_Seen):
    """One goal, with what its facts come to now."""

    filter_backends = ()
    pagination_class = None

    @extend_schema(operation_id="goals_read", responses=GoalOut)
    def get(self, request: Request, pk: Any) -> Response:
        now = timezone.now()
        goal = goals.as_of(self.get_object(), now=now)
        return Response(GoalOut(goal, context={"now": now}).data)

    @extend_schema(operation_id="goals_withdraw", responses={204: None})
    def delete(self, request: Request, pk: Any) -> Response:
        goal = self.get_object()
        goals.withdraw_goal(goal, by=caller_of(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class Suggestions(_Seen):
    """What would help a goal that is behind, on accounts with nothing under way."""

    serializer_class = GoalSuggestionOut  # type: ignore[assignment]
    filter_backends = ()
    pagination_class = Whole

    @extend_schema(
        operation_id="goals_suggestions", responses=GoalSuggestionOut(many=True)
    )
    def get(self, request: Request, pk: Any) -> Response:
        now = timezone.now()
        goal = goals.as_of(self.get_object(), now=now)
        found = catching_up.suggestions(goal, now=now)
        shown = GoalSuggestionOut(found, many=True).data
        return Whole().answer(request, shown, "action_type", "account")


def _precedes(start: date | datetime, end: date | datetime) -> bool:
    """Whether a period has a length; a date and a moment are compared by their days."""
    if isinstance(start, datetime) and isinstance(end, datetime):
        return start < end
    if not isinstance(start, datetime) and not isinstance(end, datetime):
        return start < end
    first = start.date() if isinstance(start, datetime) else start
    last = end.date() if isinstance(end, datetime) else end
    return first < last
