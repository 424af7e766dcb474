"""plans/: drafted, looked at and changed; what is written down about each."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.api.shapes import account_for
from ledger.api import EntryOut, EntryPages, entries_about
from ledger.doors import Pages, Whole, insist_on_match
from perception.rules.callers import caller_of
from plans import contract, drafting, standing
from plans.api.shapes import (
    STATUSES,
    OnePlanOut,
    PlanChange,
    PlanIn,
    PlanOut,
    StepOut,
    StepsIn,
    listed,
    tag_of,
    whole,
)
from plans.drafting import By
from plans.errors import NotOver
from plans.models import Plan, Revision
from plans.rules.lifecycle import TERMINAL


class PlanFilter(filters.FilterSet):
    account = filters.UUIDFilter("account_id")
    status = filters.MultipleChoiceFilter(choices=[(each, each) for each in STATUSES])
    owner = filters.UUIDFilter("owner_id")
    created_after = filters.IsoDateTimeFilter("created_at", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter("created_at", lookup_expr="lt")

    class Meta:
        model = Plan
        fields: ClassVar = ["plan_type"]


class SeenPlans(generics.GenericAPIView[Any]):
    """The plans of the accounts that the caller sees."""

    queryset = Plan.objects.none()
    serializer_class: type[serializers.BaseSerializer[Any]] = OnePlanOut

    def get_queryset(self) -> QuerySet[Plan]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return standing.seen_by(caller_of(self.request))

    def one(self, pk: UUID) -> Plan:
        """The plan whole; another tenant's, or another seller's, is not there."""
        return generics.get_object_or_404(whole(self.get_queryset()), pk=pk)

    def insist_seen(self, pk: UUID) -> None:
        """What a caller does not see, they cannot change either."""
        generics.get_object_or_404(self.get_queryset().only("id"), pk=pk)

    def tagged(self, pk: UUID) -> Response:
        plan = self.one(pk)
        return Response(self.get_serializer(plan).data, headers={"ETag": tag_of(plan)})


class Plans(SeenPlans):
    """Plans, newest first; a seller's are those of the accounts that they own."""

    serializer_class = PlanOut
    filterset_class = PlanFilter
    pagination_class = Pages
    refusals = ("404",)

    @extend_schema(operation_id="plans_list", responses=PlanOut(many=True))
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(listed(self.get_queryset())))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="plans_draft", request=PlanIn, responses={201: OnePlanOut}
    )
    def post(self, request: Request) -> Response:
        """A new DRAFT, or everything that is wrong with it."""
        given = PlanIn(data=request.data)
        given.is_valid(raise_exception=True)
        account = account_for(request, given.validated_data["account"])
        by = By.person(caller_of(request))
        made = drafting.draft(given.validated_data, account, by=by)
        return drafted(self, made.pk)


class OnePlan(SeenPlans):
    """One plan. A DRAFT is changed with its ETag in hand."""

    refusals = ("409", "412", "428")

    @extend_schema(operation_id="plans_read", responses=OnePlanOut)
    def get(self, request: Request, pk: UUID) -> Response:
        return self.tagged(pk)

    @extend_schema(
        operation_id="plans_change",
        request=PlanChange,
        responses=OnePlanOut,
    )
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change a DRAFT; whoever changes it cannot approve it."""
        given = PlanChange(data=request.data)
        given.is_valid(raise_exception=True)
        self.insist_seen(pk)
        _edit(request, pk, given.validated_data)
        return self.tagged(pk)


class Steps(SeenPlans):
    """The steps of one plan, in their order."""

    refusals = ("409", "412", "428")
    filter_backends = ()
    pagination_class = Whole

    @extend_schema(operation_id="plans_steps", responses=StepOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        return self._shown(request, pk)

    @extend_schema(
        operation_id="plans_steps_replace",
        request=StepsIn,
        responses=StepOut(many=True),
    )
    def put(self, request: Request, pk: UUID) -> Response:
        """Put these in place of the open steps of a DRAFT."""
        given = StepsIn(data=request.data)
        given.is_valid(raise_exception=True)
        self.insist_seen(pk)
        _edit(request, pk, given.validated_data)
        return self._shown(request, pk)

    def _shown(self, request: Request, pk: UUID) -> Response:
        plan = self.one(pk)
        steps = StepOut(plan.steps.all(), many=True).data
        shown = Whole().answer(request, steps, "step_id")
        shown["ETag"] = tag_of(plan)
        return shown


class PlanLedger(SeenPlans):
    """What the ledger knows about one plan, newest first."""

    serializer_class = EntryOut
    pagination_class = EntryPages
    filter_backends = ()

    @extend_schema(operation_id="plans_ledger", responses=EntryOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        self.insist_seen(pk)
        page = self.paginate_queryset(entries_about("plan", pk))
        return self.get_paginated_response(EntryOut(page, many=True).data)


class RevisionOut(serializers.ModelSerializer[Revision]):
    body = serializers.DictField()
    changed = serializers.ListField(
        child=serializers.DictField(),
        help_text="What differs from the revision before, field by field, step by step.",
    )
    by = serializers.UUIDField(source="by_id", allow_null=True)

    class Meta:
        model = Revision
        fields: ClassVar = ["number", "body", "changed", "by", "at"]


class Revisions(SeenPlans):
    """What one plan was at each revision, newest first."""

    serializer_class = RevisionOut
    pagination_class = Pages
    filter_backends = ()

    @extend_schema(operation_id="plans_revisions", responses=RevisionOut(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        self.insist_seen(pk)
        rows = Revision.objects.filter(tenant_id=caller_of(request).tenant, plan_id=pk)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(RevisionOut(page, many=True).data)


class ProblemOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()


class VerifiedOut(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    problems = ProblemOut(many=True)


class StatementOut(serializers.Serializer[Any]):
    plan = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)
    contract_digest = serializers.CharField(allow_blank=True)
    statement = serializers.DictField(
        allow_null=True, help_text="Null where nothing was ever agreed on."
    )
    verified = VerifiedOut()
    after_the_end = serializers.ListField(child=serializers.DictField())


class Statement(SeenPlans):
    """What came of a plan that is over, held against the ledger as it is now."""

    refusals = ("409",)

    @extend_schema(operation_id="plans_statement", responses=StatementOut)
    def get(self, request: Request, pk: UUID) -> Response:
        plan = generics.get_object_or_404(self.get_queryset(), pk=pk)
        if plan.status not in TERMINAL:
            raise NotOver(f"It is {plan.status}.")
        said = contract.verify(pk).stated()
        shown = {
            "plan": plan.id,
            "status": plan.status,
            "contract_digest": plan.contract_digest,
            "statement": plan.closing,
            "verified": {"ok": said["ok"], "problems": said["problems"]},
            "after_the_end": said["after_the_end"],
        }
        return Response(shown)


def drafted(door: SeenPlans, pk: UUID) -> Response:
    """The answer to a plan that was made."""
    plan = door.one(pk)
    shown = OnePlanOut(plan, context=door.get_serializer_context()).data
    made = status.HTTP_201_CREATED
    return Response(shown, status=made, headers={"ETag": tag_of(plan)})


def _edit(request: Request, pk: UUID, given: dict[str, Any]) -> None:
    """Held first, so that of two who read the same only one changes it."""
    caller = caller_of(request)
    plan = standing.to_edit(pk, by=caller)
    insist_on_match(request, tag_of(plan))
    drafting.edit(plan, given, by=By.person(caller))
