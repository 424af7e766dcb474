"""plans/propose/: the house thinks of a plan; it begins as a DRAFT like any other."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from autonomy.api.shapes import account_for
from ledger.clock import clock
from perception.rules.callers import caller_of
from plans import proposing
from plans.api.plans import SeenPlans, drafted
from plans.api.shapes import OnePlanOut, ProposeIn
from plans.drafting import By


class Propose(SeenPlans):
    """A DRAFT of the type that would help most, or of the one that is asked for."""

    refusals = ("404",)

    @extend_schema(
        operation_id="plans_propose", request=ProposeIn, responses={201: OnePlanOut}
    )
    def post(self, request: Request) -> Response:
        given = ProposeIn(data=request.data)
        given.is_valid(raise_exception=True)
        made = proposing.propose(
            account_for(request, given.validated_data["account"]),
            plan_type=given.validated_data.get("plan_type"),
            by=By.person(caller_of(request)),
            now=clock(),
        )
        return drafted(self, made.pk)
