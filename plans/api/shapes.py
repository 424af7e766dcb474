"""What the doors of plans take and answer: plans, steps, and what a caller may do."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from autonomy.api.shapes import DECISIONS
from autonomy.models import Verdict
from autonomy.rules.actions import normalise
from ledger.doors import StrictSerializer, etag
from ledger.scope import current_tenant
from perception.rules.callers import caller_of
from plans import standing
from plans.models import Plan, Step
from plans.rules.lifecycle import SUCCEEDED, Status, StepStatus
from plans.types.registry import type_of

MOST_STEPS = 100
STATUSES = [each.value for each in Status]


class StepIn(StrictSerializer):
    """A step as somebody wants it."""

    step_id = serializers.UUIDField(
        required=False, help_text="Names it for those that wait for it; made if absent."
    )
    action_type = serializers.CharField(max_length=64)
    parameters = serializers.DictField()
    depends_on = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=MOST_STEPS
    )
    required = serializers.BooleanField(required=False, default=True)  # type: ignore[assignment]
    human_touch = serializers.BooleanField(
        required=False, help_text="A person decides; follows from the action if absent."
    )
    only_if = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=32,
        help_text="NO_REPLY: left out where somebody answered meanwhile.",
    )
    earliest = serializers.DateTimeField(required=False, allow_null=True)
    latest = serializers.DateTimeField(required=False, allow_null=True)
    max_failures = serializers.IntegerField(required=False, min_value=1, max_value=10)
    confidence = serializers.FloatField(required=False, min_value=0, max_value=1)

    def validate_action_type(self, value: str) -> str:
        """Folding a letter can make two of it."""
        if len(normalise(value)) > 64:
            raise serializers.ValidationError("At most 64 letters.")
        return value


class StepsIn(StrictSerializer):
    """The steps that are open, anew; what happened in the plan stays."""

    steps = StepIn(many=True, max_length=MOST_STEPS)  # type: ignore[call-arg]


class PlanChange(StrictSerializer):
    """What to change of a DRAFT; whatever is left out stays as it is."""

    objective = serializers.CharField(required=False, max_length=500)
    constraints = serializers.DictField(required=False)
    expires_at = serializers.DateTimeField(required=False)
    steps = StepIn(many=True, required=False, max_length=MOST_STEPS)  # type: ignore[call-arg]


class PlanIn(StrictSerializer):
    """A plan as somebody wants it; it begins as a DRAFT."""

    account = serializers.CharField(
        max_length=200, help_text="The id or the external id of an account."
    )
    plan_type = serializers.CharField(max_length=64)
    objective = serializers.CharField(required=False, allow_blank=True, max_length=500)
    steps = StepIn(many=True, max_length=MOST_STEPS)  # type: ignore[call-arg]
    constraints = serializers.DictField(required=False)
    expires_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="The type's own deadline if absent."
    )
    rationale = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    opportunity = serializers.UUIDField(required=False, allow_null=True)
    contact = serializers.UUIDField(required=False, allow_null=True)


class ProposeIn(StrictSerializer):
    """For whom the house should think of a plan."""

    account = serializers.CharField(
        max_length=200, help_text="The id or the external id of an account."
    )
    plan_type = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=64,
        help_text="The worthiest if absent.",
    )


class ReasonIn(StrictSerializer):
    reason = serializers.CharField(required=False, allow_blank=True, max_length=1000)


class StepVerdictOut(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(choices=DECISIONS)
    reason = serializers.CharField()
    explanation = serializers.CharField()


class StepOut(serializers.ModelSerializer[Step]):
    status = serializers.ChoiceField(choices=[each.value for each in StepStatus])
    parameters = serializers.DictField()
    intent = serializers.UUIDField(source="intent_id", allow_null=True)
    verdict = serializers.SerializerMethodField()
    waived_by = serializers.UUIDField(source="waived_by_id", allow_null=True)

    class Meta:
        model = Step
        fields: ClassVar = [
            "step_id", "place", "action_type", "parameters", "depends_on", "required",
            "human_touch", "only_if", "earliest", "latest", "max_failures",
            "confidence", "status", "reason", "explanation", "tries", "failures",
            "next_at", "intent", "verdict", "waived_by", "waived_at", "started_at",
            "finished_at",
        ]  # fmt: skip

    @extend_schema_field(StepVerdictOut(allow_null=True))
    def get_verdict(self, step: Step) -> Any:
        """The newest, on the act of its newest try."""
        if step.intent is None:
            return None
        newest = next(iter(step.intent.verdicts.all()), None)
        return StepVerdictOut(newest).data if newest else None


class WaitOut(serializers.Serializer[Any]):
    step_id = serializers.UUIDField()
    reason = serializers.CharField()
    explanation = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)


class ProgressOut(serializers.Serializer[Any]):
    done = serializers.IntegerField(help_text="Steps that succeeded or were waived.")
    of = serializers.IntegerField()
    required_done = serializers.IntegerField()
    required = serializers.IntegerField()  # type: ignore[assignment]


class PlanOut(serializers.ModelSerializer[Plan]):
    """A plan as lists have it."""

    account = serializers.UUIDField(source="account_id")
    opportunity = serializers.UUIDField(source="opportunity_id", allow_null=True)
    contact = serializers.UUIDField(source="contact_id", allow_null=True)
    condition = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=STATUSES)
    constraints = serializers.DictField()
    owner = serializers.UUIDField(source="owner_id", allow_null=True)
    proposed_by = serializers.UUIDField(source="proposed_by_id", allow_null=True)
    edited_by = serializers.UUIDField(source="edited_by_id", allow_null=True)
    approved_by = serializers.UUIDField(source="approved_by_id", allow_null=True)
    progress = serializers.SerializerMethodField()
    waits = WaitOut(many=True)
    next_at = serializers.DateTimeField(
        source="due_at", allow_null=True, help_text="When it is looked at next."
    )
    contract = serializers.DictField(allow_null=True)

    class Meta:
        model = Plan
        fields: ClassVar = [
            "id", "account", "opportunity", "contact", "plan_type", "objective",
            "condition", "status", "reason", "explanation", "revision", "risk_level",
            "constraints", "owner", "proposed_by", "edited_by", "approved_by",
            "approval_source", "source", "rationale", "approved_at", "activated_at",
            "paused_at", "ended_at", "expires_at", "accept_by", "objective_met",
            "progress", "waits", "next_at", "contract", "contract_digest",
            "created_at", "updated_at",
        ]  # fmt: skip

    @extend_schema_field(str)
    def get_condition(self, plan: Plan) -> str:
        """What its type looks at to tell whether the objective is met."""
        declared = type_of(plan.plan_type)
        return declared.condition if declared else ""

    @extend_schema_field(ProgressOut)
    def get_progress(self, plan: Plan) -> dict[str, int]:
        return progress_of(plan.steps.all())


class OnePlanOut(PlanOut):
    """A plan whole: with its steps, and what the caller may do to it now."""

    steps = StepOut(many=True)
    may = serializers.SerializerMethodField()

    class Meta(PlanOut.Meta):
        fields: ClassVar = [*PlanOut.Meta.fields, "steps", "may"]

    @extend_schema_field(
        {
            "type": "object",
            "additionalProperties": {"type": ["boolean", "string"]},
            "description": "Each verb: true, or the code of why not.",
        }
    )
    def get_may(self, plan: Plan) -> dict[str, bool | str]:
        return standing.may(plan, caller_of(self.context["request"]))


class DecidedPlanOut(OnePlanOut):
    """A plan after somebody decided on it, and when that was."""

    decided_at = serializers.SerializerMethodField()

    class Meta(OnePlanOut.Meta):
        fields: ClassVar = [*OnePlanOut.Meta.fields, "decided_at"]

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_decided_at(self, plan: Plan) -> str:
        """What has not begun by then, of what the decision stops, never begins."""
        at: str = self.context["decided_at"]
        return at


def progress_of(steps: Iterable[Step]) -> dict[str, int]:
    """How many steps are behind the plan, of all and of those that it needs."""
    there = list(steps)
    settled = {
        each.pk: StepStatus(each.status) in SUCCEEDED or each.waived_at is not None
        for each in there
    }
    required = [each for each in there if each.required]
    return {
        "done": sum(settled.values()),
        "of": len(settled),
        "required_done": sum(settled[each.pk] for each in required),
        "required": len(required),
    }


def listed(plans: QuerySet[Plan]) -> QuerySet[Plan]:
    """With what progress is counted from, in one more query."""
    steps = Step.objects.filter(tenant_id=current_tenant()).only(
        "plan_id", "status", "required", "waived_at"
    )
    return plans.defer("baseline", "closing").prefetch_related(Prefetch("steps", steps))


def whole(plans: QuerySet[Plan]) -> QuerySet[Plan]:
    """With steps in their order, and the newest verdict on each, in three more queries."""
    mine = Verdict.objects.filter(tenant_id=current_tenant())
    steps = Step.objects.filter(tenant_id=current_tenant()).order_by("place", "id")
    known = steps.select_related("intent").prefetch_related(
        Prefetch("intent__verdicts", mine.defer("facts").order_by("-id"))
    )
    return plans.select_related("account").prefetch_related(Prefetch("steps", known))


def tag_of(plan: Plan) -> str:
    """Over what people change: looks and steps go on by themselves."""
    return etag(
        {
            "id": plan.id,
            "status": plan.status,
            "revision": plan.revision,
            "owner": plan.owner_id,
        }
    )
