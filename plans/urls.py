"""Routes of plans, below /api/v1/."""

from django.urls import path

from plans.api import moves, plans, proposals, types

MOVES = {
    "approve": moves.Approve,
    "submit": moves.Submit,
    "activate": moves.Activate,
    "pause": moves.Pause,
    "resume": moves.Resume,
    "abort": moves.Abort,
    "revise": moves.Revise,
    "accept": moves.Accept,
}
STEP_MOVES = {
    "waive": moves.WaiveStep,
    "skip": moves.SkipStep,
    "retry": moves.RetryStep,
}

urlpatterns = [
    path("plans/", plans.Plans.as_view(), name="plans"),
    path("plans/propose/", proposals.Propose.as_view(), name="plans-propose"),
    path("plans/<uuid:pk>/", plans.OnePlan.as_view(), name="plan"),
    *(
        path(f"plans/<uuid:pk>/{verb}/", door.as_view(), name=f"plan-{verb}")
        for verb, door in MOVES.items()
    ),
    path("plans/<uuid:pk>/steps/", plans.Steps.as_view(), name="plan-steps"),
    *(
        path(
            f"plans/<uuid:pk>/steps/<uuid:step>/{verb}/",
            door.as_view(),
            name=f"plan-step-{verb}",
        )
        for verb, door in STEP_MOVES.items()
    ),
    path("plans/<uuid:pk>/ledger/", plans.PlanLedger.as_view(), name="plan-ledger"),
    path(
        "plans/<uuid:pk>/revisions/", plans.Revisions.as_view(), name="plan-revisions"
    ),
    path(
        "plans/<uuid:pk>/statement/", plans.Statement.as_view(), name="plan-statement"
    ),
    path("plan-types/", types.PlanTypes.as_view(), name="plan-types"),
    path("plan-types/<str:key>/", types.OnePlanType.as_view(), name="plan-type"),
]
