"""policy/simulate/: a candidate tried on the recorded past."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from autonomy import policies, simulate, steering
from autonomy.api.policy import BundleIn
from autonomy.api.settings import BudgetIn, ModeIn
from autonomy.api.shapes import faults
from autonomy.errors import BundleRefused
from autonomy.models import Bundle, Simulation
from autonomy.policy import compiled, read
from ledger.doors import StrictSerializer
from perception.models import Opportunity
from perception.rules.callers import caller_of


class SimulationIn(StrictSerializer):
    """A stretch of time, and what might have been in force."""

    bundle = serializers.JSONField(
        required=False,
        allow_null=True,
        help_text="The id of a saved bundle, or a bundle itself.",
    )
    modes = ModeIn(many=True, required=False)
    budgets = BudgetIn(many=True, required=False)
    gated_stages = serializers.ListField(
        child=serializers.ChoiceField(choices=Opportunity.Stage.choices),
        required=False,
        help_text="Further stages in which people act.",
    )

    def get_fields(self) -> Any:
        """`from` is a word of the language, so it is added by name."""
        return {
            "from": serializers.DateTimeField(),
            "to": serializers.DateTimeField(),
            **super().get_fields(),
        }

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["from"] >= given["to"]:
            raise serializers.ValidationError({"to": "It must be after from."})
        return given


class SimulationOut(serializers.ModelSerializer[Simulation]):
    differences = serializers.IntegerField(
        source="report.differences", default=None, allow_null=True
    )
    matrix = serializers.DictField(
        source="report.matrix", default=None, allow_null=True
    )
    newly_autonomous = serializers.ListField(
        source="report.newly_autonomous", default=None, allow_null=True
    )
    newly_autonomous_total = serializers.IntegerField(
        source="report.newly_autonomous_total", default=None, allow_null=True
    )
    approvals_saved = serializers.IntegerField(
        source="report.approvals_saved", default=None, allow_null=True
    )
    approvals_saved_per_person_and_day = serializers.FloatField(
        source="report.approvals_saved_per_person_and_day",
        default=None,
        allow_null=True,
    )
    outcomes_of_moved = serializers.DictField(
        source="report.outcomes_of_moved", default=None, allow_null=True
    )
    judged = serializers.IntegerField(
        source="report.judged", default=None, allow_null=True
    )
    unevaluable = serializers.IntegerField(
        source="report.unevaluable", default=None, allow_null=True
    )
    unevaluable_share = serializers.FloatField(
        source="report.unevaluable_share", default=None, allow_null=True
    )

    class Meta:
        model = Simulation
        fields: ClassVar = [
            "id", "status", "progress", "begin", "end", "candidate", "asked_at",
            "finished_at", "error", "judged", "differences", "matrix",
            "newly_autonomous", "newly_autonomous_total", "approvals_saved",
            "approvals_saved_per_person_and_day", "outcomes_of_moved", "unevaluable",
            "unevaluable_share",
        ]  # fmt: skip


class Simulate(APIView):
    """Ask for a simulation; read its report when it is done."""

    refusals = ("404", "409")

    @extend_schema(
        operation_id="policy_simulate",
        request=SimulationIn,
        responses={202: SimulationOut},
    )
    def post(self, request: Request) -> Response:
        given = SimulationIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        made = simulate.ask_for(
            asked["from"],
            asked["to"],
            self._candidate(request, asked),
            by=caller_of(request),
            now=timezone.now(),
        )
        return Response(SimulationOut(made).data, status=status.HTTP_202_ACCEPTED)

    def _candidate(self, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
        """As plain data, so that a worker finds the same."""
        for name in ("modes", "budgets"):
            for number, each in enumerate(asked.get(name, [])):
                steering.insist_on_scope(each, at=f"{name}.{number}.")
        plain = {
            name: [_plain(each) for each in asked.get(name, [])]
            for name in ("modes", "budgets")
        }
        plain["gated_stages"] = list(asked.get("gated_stages", []))
        return {**plain, **self._bundle(request, asked.get("bundle"))}

    def _bundle(self, request: Request, named: Any) -> dict[str, Any]:
        if named is None:
            return {}
        if isinstance(named, dict):
            return _checked(named)
        try:
            id_ = serializers.UUIDField().run_validation(named)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"bundle": error.detail}) from error
        mine = Bundle.objects.filter(tenant_id=caller_of(request).tenant)
        found = generics.get_object_or_404(mine, pk=id_)
        return {"bundle_version": found.version}


class OneSimulation(APIView):
    """The report of a simulation, and how far it is."""

    refusals = ("404",)

    @extend_schema(operation_id="policy_simulate_read", responses=SimulationOut)
    def get(self, request: Request, pk: UUID) -> Response:
        mine = Simulation.objects.filter(tenant_id=caller_of(request).tenant)
        return Response(SimulationOut(generics.get_object_or_404(mine, pk=pk)).data)


def _checked(plain: dict[str, Any]) -> dict[str, Any]:
    """A bundle that was sent along; it must pass what a saved one must."""
    given = BundleIn(data=plain)
    given.is_valid(raise_exception=True)
    try:
        checked = compiled(read(given.validated_data))
    except BundleRefused as refusal:
        raise faults(refusal) from refusal
    policies.insist(checked)
    source = checked.source
    return {"bundle_version": source.version, "bundle_source": source.plain()}


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in given.items()
    }
