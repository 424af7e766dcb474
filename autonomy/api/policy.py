"""policy/: bundles of clauses, the data they are asked with, and simulations."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import policies
from autonomy.api.shapes import DECISIONS, faults
from autonomy.errors import BundleRefused
from autonomy.models import Activation, Bundle
from autonomy.opa import OpaPolicy
from autonomy.policy import shipped
from autonomy.registry import all_types
from autonomy.rules.actions import normalise
from ledger.doors import Pages, StrictSerializer, etag, insist_on_match
from perception.api.settings import CLOCK
from perception.rules.callers import caller_of


class ClauseShape(StrictSerializer):
    """Where the condition holds, the ceiling does."""

    id = serializers.CharField(max_length=64)
    ceiling = serializers.ChoiceField(choices=DECISIONS)
    condition = serializers.CharField(max_length=500, help_text="In CEL, over facts.")
    reason = serializers.CharField(max_length=64)
    explanation = serializers.CharField(
        max_length=300, help_text="A sentence; {confidence} shows a fact."
    )
    remedy = serializers.CharField(
        max_length=300,
        required=False,
        allow_blank=True,
        help_text="What would let it run by itself, as: its risk is low.",
    )


class CaseShape(StrictSerializer):
    """Facts that differ from the plainest case, and what must follow."""

    given = serializers.DictField()
    expect = serializers.DictField(child=serializers.CharField())


class BundleIn(StrictSerializer):
    name = serializers.RegexField(r"^[a-z][a-z0-9_]{0,63}$")
    clauses = ClauseShape(many=True)
    tests = CaseShape(many=True)


class ActivationOut(serializers.ModelSerializer[Activation]):
    asked_by = serializers.UUIDField(source="asked_by_id", allow_null=True)
    signed_by = serializers.UUIDField(source="signed_by_id", allow_null=True)
    simulation = serializers.UUIDField(source="simulation_id", allow_null=True)

    class Meta:
        model = Activation
        fields: ClassVar = [
            "id", "widens", "asked_by", "asked_at", "signed_by", "in_force_at",
            "rolled_back_at", "simulation",
        ]  # fmt: skip


class BundleOut(serializers.ModelSerializer[Bundle]):
    saved_by = serializers.UUIDField(source="saved_by_id", allow_null=True)
    clauses = ClauseShape(many=True, source="source.clauses", required=False)
    tests = CaseShape(many=True, source="source.tests", required=False)
    in_force = serializers.SerializerMethodField()
    activations = ActivationOut(many=True)

    class Meta:
        model = Bundle
        fields: ClassVar = [
            "id", "name", "version", "clauses", "tests", "saved_by", "saved_at",
            "in_force", "activations",
        ]  # fmt: skip

    def get_in_force(self, bundle: Bundle) -> bool:
        """Whether it judges today."""
        return bool(self.context.get("in_force") == bundle.version)


class HoursShape(StrictSerializer):
    start = serializers.RegexField(f"^{CLOCK.pattern}$")
    end = serializers.RegexField(f"^{CLOCK.pattern}$")
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        help_text="0 is Monday.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["start"] >= given["end"]:
            raise serializers.ValidationError({"end": "It must be after start."})
        return given


@extend_schema_field(
    {
        "anyOf": [
            {
                "type": "object",
                "required": ["start", "end"],
                "properties": {
                    "start": {"type": "string", "pattern": f"^{CLOCK.pattern}$"},
                    "end": {"type": "string", "pattern": f"^{CLOCK.pattern}$"},
                    "days": {
                        "type": "array",
                        "items": {"type": "integer", "minimum": 0, "maximum": 6},
                    },
                },
                "additionalProperties": False,
            },
            {"type": "object", "maxProperties": 0},
        ]
    }
)
class Hours(serializers.DictField):
    """When something may be sent, or nothing at all."""


class DataShape(StrictSerializer):
    """The lists and numbers that the tenant's policy is asked with."""

    allowlist = serializers.ListField(
        child=serializers.CharField(max_length=64), max_length=500
    )
    min_confidence = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=1),
        help_text='As {"default": 0.7, "draft_email": 0.8}; inclusive.',
    )
    amount_caps = serializers.DictField(child=serializers.FloatField(min_value=0))
    hours = Hours(
        help_text='As {"start": "08:00", "end": "18:00", "days": [0, 1]}, or {}.'
    )

    opa = serializers.DictField(
        child=serializers.CharField(max_length=500),
        required=False,
        help_text='A server that judges in place of the bundle, as {"url": '
        '"https://opa.example"} and, if it is another, the path.',
    )

    def validate_opa(self, value: Mapping[str, str]) -> Any:
        try:
            OpaPolicy(**value)
        except (TypeError, ValueError) as error:
            raise serializers.ValidationError(
                f"Give the url of a server, and its path if need be: {error}."
            ) from error
        return value

    def validate_allowlist(self, value: list[str]) -> list[str]:
        """A slip would look as if it allowed something."""
        known = {action.key for action in all_types()}
        keys = [normalise(key) for key in value]
        unknown = {
            str(place): f"No action type is called {key!r}."
            for place, key in enumerate(keys)
            if key not in known
        }
        if unknown:
            raise serializers.ValidationError(unknown)
        return sorted(dict.fromkeys(keys), key=keys.index)

    def validate_min_confidence(self, value: Mapping[str, float]) -> Any:
        if "default" not in value:
            raise serializers.ValidationError("Give the default too.")
        return value

    def validate_hours(self, value: Mapping[str, Any]) -> Any:
        if not value:
            return {}
        shape = HoursShape(data=value)
        shape.is_valid(raise_exception=True)
        return dict(shape.validated_data)


def _bundles(request: Request) -> QuerySet[Bundle]:
    found = Bundle.objects.filter(tenant_id=caller_of(request).tenant)
    return found.prefetch_related("activations")


def _context() -> dict[str, Any]:
    held = policies.in_force()
    return {"in_force": held.bundle.version if held else shipped().version}


class Bundles(generics.GenericAPIView[Bundle]):
    """Versions of policy; each is kept as it was saved."""

    queryset = Bundle.objects.none()
    serializer_class = BundleOut
    pagination_class = Pages
    filter_backends = ()
    refusals = ("409",)

    @extend_schema(operation_id="policy_bundles_list", responses=BundleOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(_bundles(request))
        shown = BundleOut(page, many=True, context=_context())
        return self.get_paginated_response(shown.data)

    @extend_schema(
        operation_id="policy_bundles_save",
        request=BundleIn,
        responses={201: BundleOut},
    )
    def post(self, request: Request) -> Response:
        given = BundleIn(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            saved = policies.save_bundle(
                given.validated_data, by=caller_of(request), now=timezone.now()
            )
        except BundleRefused as refusal:
            raise faults(refusal) from refusal
        shown = BundleOut(_bundles(request).get(pk=saved.pk), context=_context())
        return Response(shown.data, status=status.HTTP_201_CREATED)


class OneBundle(APIView):
    """One version."""

    refusals = ("404",)

    @extend_schema(operation_id="policy_bundles_read", responses=BundleOut)
    def get(self, request: Request, pk: UUID) -> Response:
        bundle = generics.get_object_or_404(_bundles(request), pk=pk)
        shown = BundleOut(bundle, context=_context()).data
        return Response(shown, headers={"ETag": etag(shown)})


class Activate(APIView):
    """Bring a version into force. One that widens needs a second person's call."""

    refusals = ("403", "404", "409")

    @extend_schema(
        operation_id="policy_bundles_activate", request=None, responses=BundleOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        bundle = generics.get_object_or_404(_bundles(request), pk=pk)
        policies.activate(
            bundle, simulation=None, by=caller_of(request), now=timezone.now()
        )
        shown = BundleOut(_bundles(request).get(pk=pk), context=_context())
        return Response(shown.data)


class RollBack(APIView):
    """Go back to the policy that was in force before."""

    refusals = ("409",)

    @extend_schema(
        operation_id="policy_bundles_roll_back",
        request=None,
        responses=ActivationOut,
    )
    def post(self, request: Request) -> Response:
        earlier = policies.roll_back(by=caller_of(request), now=timezone.now())
        return Response(ActivationOut(earlier).data if earlier else {})


class Data(APIView):
    """What the policy is asked with, changed with the ETag in hand."""

    refusals = ("412", "428")

    @extend_schema(operation_id="policy_data_read", responses=DataShape)
    def get(self, request: Request) -> Response:
        shown = policies.data_in_force()
        return Response(shown, headers={"ETag": etag(shown)})

    @extend_schema(
        operation_id="policy_data_change",
        request=DataShape,
        responses=DataShape,
    )
    def put(self, request: Request) -> Response:
        given = DataShape(data=request.data)
        given.is_valid(raise_exception=True)
        insist_on_match(request, etag(policies.data_in_force()))
        shown = policies.save_data(
            given.validated_data, by=caller_of(request), now=timezone.now()
        )
        return Response(shown, headers={"ETag": etag(shown)})
