"""The admin pages of autonomy: what steers it, and what came of it."""

from autonomy.admin import (
    actions,
    acts,
    budgets,
    bundles,
    data,
    modes,
    simulations,
    switches,
    walk,
)

__all__ = [
    "actions",
    "acts",
    "budgets",
    "bundles",
    "data",
    "modes",
    "simulations",
    "switches",
    "walk",
]
