"""How the admin pages look."""

from typing import Any

STATIC_URL = "/static/"

# Where work is decided day by day: a word, and the name of its route.
DAILY: tuple[tuple[str, str], ...] = (
    ("Next", "home"),
    ("Autopilot", "autopilot-page"),
    ("Inbox", "inbox-page"),
)
# The pages of the admin in the order of the walk: the name of a list, what it is called
# where its own name does not say it, and the query that narrows it. What is not named
# here comes last, under its own name.
Page = tuple[str, str, str]
GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    ("", (("autonomy_killswitch", "", ""),)),
    (
        "See",
        (
            ("perception_account", "", ""),
            ("perception_opportunity", "", ""),
            ("perception_contact", "", ""),
            ("perception_connector", "", ""),
        ),
    ),
    (
        "Start",
        (
            ("autonomy_triggerrow", "", ""),
            ("autonomy_decisionbudget", "Decision budget", ""),
            ("autonomy_ritual", "", ""),
            ("autonomy_digest", "", ""),
            ("autonomy_telling", "", ""),
            ("autonomy_run", "", ""),
            ("autonomy_run", "Parked work", "status__exact=PARKED"),
        ),
    ),
    (
        "Decide",
        (
            ("autonomy_intent", "", ""),
            ("autonomy_verdict", "", ""),
            ("autonomy_approval", "", ""),
            ("autonomy_approval", "Waiting for people", "status__exact=PENDING"),
            ("autonomy_approval", "How people decide", "view=habits"),
        ),
    ),
    (
        "Act",
        (
            ("autonomy_permit", "", ""),
            ("autonomy_receipt", "", ""),
            ("autonomy_execution", "", ""),
            ("autonomy_execution", "In doubt", "status__exact=IN_DOUBT"),
            ("autonomy_replay", "", ""),
            ("autonomy_undo", "", ""),
            ("autonomy_sweep", "Undone since …", ""),
            ("autonomy_effect", "", ""),
            ("autonomy_effect", "Briefs", "kind__exact=brief"),
            ("autonomy_tool", "", ""),
            ("autonomy_objective", "Service levels", ""),
            ("autonomy_sloalert", "", ""),
        ),
    ),
    ("Plan", (("plans_plan", "", ""), ("plans_plan", "Drafts", "status__exact=DRAFT"))),
    (
        "Learn",
        (
            ("autonomy_ranking", "Ranking models", ""),
            ("autonomy_evaluation", "Learning reports", ""),
            ("autonomy_suggestion", "Earned autonomy", ""),
        ),
    ),
    (
        "Steer",
        (
            ("autonomy_mode", "", ""),
            ("autonomy_optin", "", ""),
            ("autonomy_budget", "", ""),
            ("autonomy_actionrow", "", ""),
            ("autonomy_bundle", "Policy bundles", ""),
            ("autonomy_policydata", "Policy data", ""),
            ("autonomy_profile", "", ""),
            ("autonomy_simulation", "", ""),
        ),
    ),
    ("Remember", (("ledger_entry", "Ledger", ""), ("ledger_export", "", ""))),
    (
        "House",
        (
            ("perception_tenant", "Settings", ""),
            ("perception_membership", "Members", ""),
            ("perception_apitoken", "API tokens", ""),
            ("perception_person", "People of the house", ""),
            ("autonomy_job", "Jobs of the house", ""),
            ("autonomy_houseranking", "Models of the house", ""),
        ),
    ),
)

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Autonomy",
    "SITE_HEADER": "Autonomy",
    "SITE_SUBHEADER": "Control center",
    "SITE_URL": "/",
    "SITE_SYMBOL": "route",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC_URL}mark.svg"}
    ],
    "COLORS": {
        "primary": {
            "50": "#eef7f7",
            "100": "#d6ebeb",
            "200": "#afd8d9",
            "300": "#7fbfc1",
            "400": "#4aa1a5",
            "500": "#3aa3a8",
            "600": "#0f6b72",
            "700": "#0f5c63",
            "800": "#104a50",
            "900": "#103d42",
            "950": "#062529",
        }
    },
    "SIDEBAR": {"navigation": "config.control_center.navigation"},
    "DASHBOARD_CALLBACK": "autonomy.admin.dashboard.told",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
