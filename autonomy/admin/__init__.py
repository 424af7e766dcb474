"""The admin pages of autonomy: what steers it, and what came of it."""

from autonomy.admin import (
    actions,
    acts,
    approvals,
    budgets,
    bundles,
    connectors,
    data,
    modes,
    runs,
    simulations,
    switches,
    tools,
    triggers,
    walk,
)

__all__ = [
    "actions",
    "acts",
    "approvals",
    "budgets",
    "bundles",
    "connectors",
    "data",
    "modes",
    "runs",
    "simulations",
    "switches",
    "tools",
    "triggers",
    "walk",
]
