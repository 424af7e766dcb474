"""plans/{id}/approve/ and its neighbours: what people do to a plan, and to its steps."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.clock import clock
from perception.rules.callers import caller_of
from plans import steering
from plans.api.plans import SeenPlans
from plans.api.shapes import DecidedPlanOut, ReasonIn, tag_of


class _Verb(SeenPlans):
    """Something that a person does to a plan; the answer is the plan as it is then."""

    serializer_class = DecidedPlanOut

    def reason(self) -> str:
        given = ReasonIn(data=self.request.data)
        given.is_valid(raise_exception=True)
        said: str = given.validated_data.get("reason", "")
        return said

    def moved(self, verb: str, pk: UUID) -> Response:
        reason = self.reason()
        self.insist_seen(pk)
        steering.MOVES[verb](pk, by=caller_of(self.request), reason=reason)
        return self._decided(pk)

    def stepped(self, verb: str, pk: UUID, step: UUID) -> Response:
        reason = self.reason()
        self.insist_seen(pk)
        done = steering.STEP_MOVES[verb]
        done(pk, step, by=caller_of(self.request), reason=reason)
        return self._decided(pk)

    def _decided(self, pk: UUID) -> Response:
        # Read last: whatever of the plan begins, began before this, or never does.
        at = clock()
        plan = self.one(pk)
        context = {**self.get_serializer_context(), "decided_at": at.isoformat()}
        shown = DecidedPlanOut(plan, context=context).data
        return Response(shown, headers={"ETag": tag_of(plan)})


class Approve(_Verb):
    """Agree to the course of a DRAFT. Its steps are judged one by one all the same."""

    @extend_schema(
        operation_id="plans_approve", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("approve", pk)


class Submit(_Verb):
    """Ask policy to agree to a DRAFT of low risk."""

    @extend_schema(
        operation_id="plans_submit", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("submit", pk)


class Activate(_Verb):
    """Start a plan that is APPROVED."""

    @extend_schema(
        operation_id="plans_activate", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("activate", pk)


class Pause(_Verb):
    """Hold an ACTIVE plan; what has not begun is recalled."""

    @extend_schema(
        operation_id="plans_pause", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("pause", pk)


class Resume(_Verb):
    """Go on with a PAUSED plan."""

    @extend_schema(
        operation_id="plans_resume", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("resume", pk)


class Abort(_Verb):
    """End a plan for good."""

    @extend_schema(
        operation_id="plans_abort", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("abort", pk)


class Revise(_Verb):
    """Take a plan back to DRAFT; its approval starts over."""

    @extend_schema(
        operation_id="plans_revise", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("revise", pk)


class Accept(_Verb):
    """Take over a plan whose account has become the caller's."""

    @extend_schema(
        operation_id="plans_accept", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID) -> Response:
        return self.moved("accept", pk)


class WaiveStep(_Verb):
    """Do without a step: it no longer stands in the way of completion."""

    @extend_schema(
        operation_id="plans_steps_waive", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID, step: UUID) -> Response:
        return self.stepped("waive", pk, step)


class SkipStep(_Verb):
    """Leave a step out; a required one still stands in the way of completion."""

    @extend_schema(
        operation_id="plans_steps_skip", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID, step: UUID) -> Response:
        return self.stepped("skip", pk, step)


class RetryStep(_Verb):
    """Try a step that FAILED again."""

    @extend_schema(
        operation_id="plans_steps_retry", request=ReasonIn, responses=DecidedPlanOut
    )
    def post(self, request: Request, pk: UUID, step: UUID) -> Response:
        return self.stepped("retry", pk, step)
