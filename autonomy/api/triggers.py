"""triggers/ and decision-budget/: how often runs may start, and what they may cost."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import pacing
from autonomy.rules.triggers import Trigger
from ledger.doors import StrictSerializer, Whole, etag, insist_on_match
from perception.rules.callers import caller_of

DAY = 86_400


class TriggerShape(StrictSerializer):
    type = serializers.ChoiceField(
        choices=[each.value for each in Trigger], read_only=True
    )
    enabled = serializers.BooleanField()
    debounce_s = serializers.IntegerField(min_value=0, max_value=DAY)
    cooldown_s = serializers.IntegerField(min_value=0, max_value=30 * DAY)
    max_per_account_hour = serializers.IntegerField(min_value=0, max_value=100_000)
    max_per_tenant_hour = serializers.IntegerField(min_value=0, max_value=10_000_000)


class DecisionBudgetShape(StrictSerializer):
    runs_per_day = serializers.IntegerField(min_value=0, max_value=100_000_000)
    runs_per_account_day = serializers.IntegerField(min_value=0, max_value=1_000_000)
    cost_per_day = serializers.FloatField(min_value=0, max_value=10_000_000)


class Triggers(APIView):
    """Every trigger and its windows."""

    pagination_class = Whole

    @extend_schema(operation_id="triggers_list", responses=TriggerShape(many=True))
    def get(self, request: Request) -> Response:
        return Whole().answer(request, pacing.triggers(), "type")


class OneTrigger(APIView):
    """One trigger, changed with the ETag in hand."""

    refusals = ("404", "412", "428")

    @extend_schema(operation_id="triggers_read", responses=TriggerShape)
    def get(self, request: Request, name: str) -> Response:
        return _answer(pacing.trigger(name))

    @extend_schema(
        operation_id="triggers_change",
        request=TriggerShape,
        responses=TriggerShape,
    )
    def put(self, request: Request, name: str) -> Response:
        return self._changed(request, name, partial=False)

    @extend_schema(
        operation_id="triggers_adjust",
        request=TriggerShape(partial=True),
        responses=TriggerShape,
    )
    def patch(self, request: Request, name: str) -> Response:
        return self._changed(request, name, partial=True)

    def _changed(self, request: Request, name: str, *, partial: bool) -> Response:
        given = TriggerShape(data=request.data, partial=partial)
        given.is_valid(raise_exception=True)
        insist_on_match(request, etag(pacing.trigger(name)))
        return _answer(
            pacing.change_trigger(
                name, given.validated_data, by=caller_of(request), now=timezone.now()
            )
        )


class Decisions(APIView):
    """The budget of decisions, changed with the ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="decision_budget_read", responses=DecisionBudgetShape)
    def get(self, request: Request) -> Response:
        return _answer(pacing.decision_budget())

    @extend_schema(
        operation_id="decision_budget_change",
        request=DecisionBudgetShape,
        responses=DecisionBudgetShape,
    )
    def put(self, request: Request) -> Response:
        given = DecisionBudgetShape(data=request.data)
        given.is_valid(raise_exception=True)
        insist_on_match(request, etag(pacing.decision_budget()))
        return _answer(
            pacing.change_decision_budget(
                given.validated_data, by=caller_of(request), now=timezone.now()
            )
        )


def _answer(shown: dict[str, Any]) -> Response:
    return Response(shown, headers={"ETag": etag(shown)})
