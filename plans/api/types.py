"""plan-types/: what each type of plan is to reach, and what it may hold."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger.doors import Whole
from plans.errors import NoSuchPlanType
from plans.types.base import PlanType, StepTemplate
from plans.types.registry import TYPES, type_of

A_DAY = 86_400


class ActOut(serializers.Serializer[Any]):
    action_type = serializers.CharField()
    phase = serializers.IntegerField(
        help_text="No step waits for one of a later phase; 0 fits everywhere."
    )


class TemplateStepOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    action_type = serializers.CharField()
    parameters = serializers.DictField()
    after = serializers.ListField(child=serializers.CharField())
    required = serializers.BooleanField()  # type: ignore[assignment]
    human_touch = serializers.BooleanField()
    only_if = serializers.CharField(allow_blank=True)
    starts_after_days = serializers.FloatField()
    max_failures = serializers.IntegerField()


class PlanTypeOut(serializers.Serializer[Any]):
    """A type of plan, as it is declared."""

    key = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField()
    objective = serializers.CharField()
    condition = serializers.CharField()
    action_types = ActOut(many=True)
    steps = TemplateStepOut(many=True)
    constraints = serializers.DictField()
    highest_risk = serializers.CharField()
    lasts_days = serializers.FloatField()
    priority = serializers.IntegerField()
    max_touches = serializers.IntegerField()


class PlanTypes(APIView):
    """Every type of plan, the one that goes first at the top."""

    pagination_class = Whole

    @extend_schema(operation_id="plan_types_list", responses=PlanTypeOut(many=True))
    def get(self, request: Request) -> Response:
        shown = [_shown(each) for each in TYPES.values()]
        return Whole().answer(request, shown, "key")


class OnePlanType(APIView):
    """One type of plan."""

    @extend_schema(operation_id="plan_types_read", responses=PlanTypeOut)
    def get(self, request: Request, key: str) -> Response:
        declared = type_of(key)
        if declared is None:
            raise NoSuchPlanType
        return Response(_shown(declared))


def _shown(declared: PlanType) -> dict[str, Any]:
    return {
        "key": declared.key,
        "title": declared.title,
        "about": declared.about,
        "objective": declared.objective,
        "condition": declared.condition,
        "action_types": [
            {"action_type": key, "phase": phase}
            for key, phase in declared.phases.items()
        ],
        "steps": [_step(each) for each in declared.template],
        "constraints": dict(declared.constraints),
        "highest_risk": declared.highest_risk.value,
        "lasts_days": declared.lasts.total_seconds() / A_DAY,
        "priority": declared.priority,
        "max_touches": declared.max_touches,
    }


def _step(template: StepTemplate) -> dict[str, Any]:
    return {
        "key": template.key,
        "action_type": template.action_type,
        "parameters": dict(template.parameters),
        "after": list(template.after),
        "required": template.required,
        "human_touch": template.human_touch,
        "only_if": template.only_if,
        "starts_after_days": template.starts_after.total_seconds() / A_DAY,
        "max_failures": template.max_failures,
    }
