"""Routes of perception, below /api/v1/."""

from django.urls import path

from perception.api import connectors
from perception.api.accounts import Accounts, OneAccount, Pulls, Timeline
from perception.api.contacts import Contacts
from perception.api.deliveries import Deliveries
from perception.api.explanations import ExecutionExplanation, IntentExplanation
from perception.api.settings import Me, TenantSettings

urlpatterns = [
    path("me/", Me.as_view(), name="me"),
    path("connectors/", connectors.Connectors.as_view(), name="connectors"),
    path("connectors/kinds/", connectors.Kinds.as_view(), name="connector-kinds"),
    path("connectors/<uuid:pk>/", connectors.OneConnector.as_view(), name="connector"),
    path(
        "connectors/<uuid:pk>/rotate/",
        connectors.Rotate.as_view(),
        name="connector-rotate",
    ),
    path(
        "connectors/<uuid:pk>/breaker/",
        connectors.ConnectorBreaker.as_view(),
        name="connector-breaker",
    ),
    path("connectors/<uuid:pk>/try/", connectors.Try.as_view(), name="connector-try"),
    path(
        "connectors/<uuid:connector>/deliveries/",
        Deliveries.as_view(),
        name="connector-deliveries",
    ),
    path("settings/", TenantSettings.as_view(), name="settings"),
    path("accounts/", Accounts.as_view(), name="accounts"),
    path("accounts/<uuid:pk>/", OneAccount.as_view(), name="account"),
    path("accounts/<uuid:pk>/contacts/", Contacts.as_view(), name="account-contacts"),
    path("accounts/<uuid:pk>/timeline/", Timeline.as_view(), name="account-timeline"),
    path("accounts/<uuid:pk>/pulls/", Pulls.as_view(), name="account-pulls"),
    path(
        "intents/<uuid:pk>/explanation/",
        IntentExplanation.as_view(),
        name="intent-explanation",
    ),
    path(
        "executions/<uuid:pk>/explanation/",
        ExecutionExplanation.as_view(),
        name="execution-explanation",
    ),
]
