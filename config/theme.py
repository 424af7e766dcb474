"""How the admin pages look."""

from typing import Any

STATIC_URL = "/static/"

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
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
}
