"""Routes of autonomy, below /api/v1/."""

from django.urls import path

from autonomy.api import (
    actions,
    evaluate,
    intents,
    policy,
    profiles,
    settings,
    simulations,
)
from autonomy.api import switches as kill

urlpatterns = [
    path("intents/", intents.Intents.as_view(), name="intents"),
    path("intents/<uuid:pk>/", intents.OneIntent.as_view(), name="intent"),
    path("modes/", settings.Modes.as_view(), name="modes"),
    path("modes/<uuid:pk>/", settings.OneMode.as_view(), name="mode"),
    path("budgets/", settings.Budgets.as_view(), name="budgets"),
    path("budgets/usage/", settings.Usage.as_view(), name="budgets-usage"),
    path("budgets/<uuid:pk>/", settings.OneBudget.as_view(), name="budget"),
    path("opt-ins/", settings.OptIns.as_view(), name="opt-ins"),
    path("kill-switches/", kill.Switches.as_view(), name="kill-switches"),
    path("kill-switches/engage/", kill.Engage.as_view(), name="kill-switch-engage"),
    path("kill-switches/release/", kill.Release.as_view(), name="kill-switch-release"),
    path(
        "kill-switches/<uuid:pk>/certificate/",
        kill.Certificate.as_view(),
        name="kill-switch-certificate",
    ),
    path("action-types/", actions.ActionTypes.as_view(), name="action-types"),
    path(
        "action-types/<str:key>/", actions.OneActionType.as_view(), name="action-type"
    ),
    path("policy/evaluate/", evaluate.Evaluate.as_view(), name="policy-evaluate"),
    path("policy/data/", policy.Data.as_view(), name="policy-data"),
    path("policy/bundles/", policy.Bundles.as_view(), name="policy-bundles"),
    path(
        "policy/bundles/rollback/",
        policy.RollBack.as_view(),
        name="policy-bundle-rollback",
    ),
    path("policy/bundles/<uuid:pk>/", policy.OneBundle.as_view(), name="policy-bundle"),
    path(
        "policy/bundles/<uuid:pk>/activate/",
        policy.Activate.as_view(),
        name="policy-bundle-activate",
    ),
    path("policy/profiles/", profiles.Profiles.as_view(), name="policy-profiles"),
    path(
        "policy/profiles/<uuid:pk>/",
        profiles.OneProfile.as_view(),
        name="policy-profile",
    ),
    path("policy/simulate/", simulations.Simulate.as_view(), name="policy-simulate"),
    path(
        "policy/simulate/<uuid:pk>/",
        simulations.OneSimulation.as_view(),
        name="policy-simulation",
    ),
]
