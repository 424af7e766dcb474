"""Routes of autonomy's pages."""

from django.urls import path

from autonomy.views import (
    account_acts,
    accounts,
    autopilot,
    digests,
    editing,
    goals,
    inbox,
    intent_acts,
    intents,
    notifications,
    questions,
    settling,
    stops,
)
from autonomy.views import next as next_

urlpatterns = [
    path("", next_.next_page, name="home"),
    path("autopilot/", autopilot.autopilot, name="autopilot-page"),
    path("autopilot/<uuid:pk>/undo/", autopilot.undo, name="autopilot-page-undo"),
    path("inbox/", inbox.inbox, name="inbox-page"),
    path("inbox/together/", inbox.together, name="inbox-page-together"),
    path("inbox/<uuid:pk>/", questions.question, name="approval-page"),
    path("inbox/<uuid:pk>/edit/", editing.edit, name="approval-page-edit"),
    path("inbox/<uuid:pk>/<slug:verb>/", questions.answer, name="approval-page-answer"),
    path(
        "inbox/doubts/<uuid:pk>/<slug:verb>/",
        settling.doubt,
        name="doubt-page-settle",
    ),
    path("inbox/held/<uuid:pk>/undo/", settling.held, name="held-page-undo"),
    path("inbox/runs/<uuid:pk>/retry/", settling.retry, name="run-page-retry"),
    path("intents/<uuid:pk>/", intents.intent, name="intent-page"),
    path("intents/<uuid:pk>/<slug:verb>/", intent_acts.act, name="intent-page-act"),
    path("runs/<uuid:pk>/", intents.run, name="run-page"),
    path("accounts/", accounts.accounts, name="accounts-page"),
    path("accounts/<uuid:pk>/", accounts.account, name="account-page"),
    path("accounts/<uuid:pk>/ask/", account_acts.ask, name="account-page-ask"),
    path("accounts/<uuid:pk>/owner/", account_acts.owner, name="account-page-owner"),
    path(
        "accounts/<uuid:pk>/closing/", account_acts.closing, name="account-page-closing"
    ),
    path(
        "accounts/<uuid:pk>/contacts/<uuid:contact>/",
        account_acts.opting,
        name="account-page-opting",
    ),
    path(
        "accounts/<uuid:pk>/undo/<uuid:execution>/",
        account_acts.undo,
        name="account-page-undo",
    ),
    path("goals/", goals.goals, name="goals-page"),
    path("goals/set/", goals.set_, name="goals-page-set"),
    path("goals/<uuid:pk>/help/", goals.help_, name="goals-page-help"),
    path("goals/<uuid:pk>/withdraw/", goals.withdraw, name="goals-page-withdraw"),
    path("stop/", stops.stop, name="stop-page"),
    path("stop/<uuid:pk>/release/", stops.release, name="stop-release"),
    path("stops/", stops.stops, name="stops"),
    path("stops/now/", stops.now, name="stops-now"),
    path("digest/", digests.digest, name="digest-page"),
    path("digest/<uuid:pk>/seen/", digests.seen, name="digest-page-seen"),
    path("digest/undo/<uuid:pk>/", digests.undo, name="digest-page-undo"),
    path(
        "settings/notifications/",
        notifications.notifications,
        name="notifications-page",
    ),
]
