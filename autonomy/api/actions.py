"""action-types/: what each type is, what it may do now, and how it is tightened."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import registry
from autonomy.api.shapes import DECISIONS
from autonomy.propose import check_parameters
from autonomy.rules.actions import ActionType, Reversal, Risk, Tier, Touch
from autonomy.rules.allowed import what_is_allowed
from autonomy.rules.catalogue import TOOLS
from autonomy.tools.binding import outside
from ledger.doors import Asked, StrictSerializer, Whole, etag, insist_on_match
from perception.models import Opportunity
from perception.rules.callers import caller_of

FORBIDDEN = frozenset(
    {
        "$ref", "$dynamicRef", "$recursiveRef", "$id", "$schema", "$anchor",
        "pattern", "patternProperties",
    }
)  # fmt: skip
KEY = r"[a-z][a-z0-9_]{1,63}"


class ActionOut(serializers.Serializer[Any]):
    """A type, and the verdict of the guardrails on it at the asked stage."""

    key = serializers.CharField()
    tier = serializers.ChoiceField(choices=[tier.value for tier in Tier])
    risk_level = serializers.CharField()
    external_contact = serializers.BooleanField()
    touches = serializers.ListField(child=serializers.CharField())
    reversal = serializers.CharField()
    idempotent = serializers.BooleanField()
    schema = serializers.DictField()
    example = serializers.DictField()
    tool = serializers.CharField(allow_blank=True)
    min_confidence = serializers.FloatField(allow_null=True)
    verdict = serializers.ChoiceField(choices=DECISIONS)
    reason = serializers.CharField()


class _Changeable(StrictSerializer):
    tier = serializers.ChoiceField(choices=[tier.value for tier in Tier])
    tool = serializers.CharField(
        max_length=64,
        allow_blank=True,
        help_text="What carries it out; empty: a person does it by hand.",
    )
    min_confidence = serializers.FloatField(
        min_value=0, max_value=1, allow_null=True, default=None
    )

    def validate_tool(self, value: str) -> str:
        """One of the house's, or one that the tenant added."""
        if value and value not in TOOLS and not outside(value):
            raise serializers.ValidationError(
                f"There is no tool {value!r}.", code="invalid_choice"
            )
        return value


class ActionChange(_Changeable):
    """What may be changed of a type. A tier may only become stricter."""

    tier = serializers.ChoiceField(
        choices=[tier.value for tier in Tier], required=False
    )
    tool = serializers.CharField(max_length=64, allow_blank=True, required=False)
    min_confidence = serializers.FloatField(
        min_value=0, max_value=1, allow_null=True, required=False
    )


class ActionIn(_Changeable):
    """A type of the tenant's own."""

    key = serializers.RegexField(
        rf"^{KEY}$", help_text="In lower_snake letters, as send_gift_card."
    )
    risk_level = serializers.ChoiceField(choices=[risk.value for risk in Risk])
    external_contact = serializers.BooleanField()
    touches = serializers.ListField(
        child=serializers.ChoiceField(choices=[touch.value for touch in Touch]),
        default=list,
    )
    reversal = serializers.ChoiceField(choices=[each.value for each in Reversal])
    idempotent = serializers.BooleanField()
    schema = serializers.DictField(help_text="JSON Schema of the parameters.")
    example = serializers.DictField()

    def validate_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise serializers.ValidationError(f"{error.message}.") from error
        if schema.get("type") != "object":
            raise serializers.ValidationError("Parameters are an object.")
        if found := _forbidden(schema):
            raise serializers.ValidationError(
                f"{found} is not allowed here: write the shape out."
            )
        return schema


STAGE = OpenApiParameter(
    "stage",
    {"type": "string", "minLength": 1, "maxLength": 32},
    description=f"As if a deal stood there: {', '.join(Opportunity.Stage.values)}.",
)
VERDICT = OpenApiParameter("verdict", str, enum=DECISIONS)


class _Asked(Asked):
    stage = serializers.CharField(required=False, max_length=32)
    verdict = serializers.ChoiceField(choices=DECISIONS, required=False)


class ActionTypes(APIView):
    """Every type, with what guardrails say of it: `?stage=&verdict=` asks further."""

    refusals = ("409",)
    pagination_class = Whole

    @extend_schema(
        operation_id="action_types_list",
        parameters=[STAGE, VERDICT],
        responses=ActionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        asked = _Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        stage, verdict = (
            asked.validated_data.get(name) for name in ("stage", "verdict")
        )
        shown = [_shown(action, stage) for action in registry.all_types()]
        found = [each for each in shown if verdict in (None, each["verdict"])]
        return Whole().answer(request, found, "key")

    @extend_schema(
        operation_id="action_types_add", request=ActionIn, responses={201: ActionOut}
    )
    def post(self, request: Request) -> Response:
        given = ActionIn(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: Mapping[str, Any] = given.validated_data
        made = registry.add_type(wanted, by=caller_of(request), now=timezone.now())
        check_parameters(made, wanted["example"], at="example")
        return Response(_shown(made), status=status.HTTP_201_CREATED)


class OneActionType(APIView):
    """One type, tightened with the ETag in hand."""

    refusals = ("404", "409", "412", "428")

    @extend_schema(operation_id="action_types_read", responses=ActionOut)
    def get(self, request: Request, key: str) -> Response:
        shown = _shown(registry.one_type(key))
        return Response(shown, headers={"ETag": etag(shown)})

    @extend_schema(
        operation_id="action_types_change",
        request=ActionChange,
        responses=ActionOut,
    )
    def put(self, request: Request, key: str) -> Response:
        given = ActionChange(data=request.data)
        given.is_valid(raise_exception=True)
        insist_on_match(request, etag(_shown(registry.one_type(key))))
        changed = registry.change_type(
            key, given.validated_data, by=caller_of(request), now=timezone.now()
        )
        shown = _shown(changed)
        return Response(shown, headers={"ETag": etag(shown)})


def _forbidden(schema: Any) -> str:
    """What would send the house elsewhere, or let it think for ever."""
    if isinstance(schema, Mapping):
        for name, inner in schema.items():
            if name in FORBIDDEN:
                return str(name)
            if found := _forbidden(inner):
                return found
    if isinstance(schema, list):
        return next((found for each in schema if (found := _forbidden(each))), "")
    return ""


def _shown(action: ActionType, stage: str | None = None) -> dict[str, Any]:
    allowed = what_is_allowed(action, stage)
    return {
        "key": action.key,
        "tier": action.traits.tier,
        "risk_level": action.traits.risk_level,
        "external_contact": action.traits.external_contact,
        "touches": list(action.traits.touches),
        "reversal": action.traits.reversal,
        "idempotent": action.traits.idempotent,
        "schema": action.schema,
        "example": action.example,
        "tool": action.traits.tool,
        "min_confidence": action.min_confidence,
        "verdict": allowed.decision.value,
        "reason": allowed.reason,
    }
