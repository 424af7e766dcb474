"""The shelves of autonomy."""

from autonomy.models.controls import (
    ActionRow,
    Board,
    Budget,
    BudgetUse,
    Digest,
    HouseBoard,
    KillSwitch,
    Mode,
    OptIn,
    Profile,
    Receipt,
)
from autonomy.models.policies import Activation, Bundle, PolicyData, Simulation
from autonomy.models.walk import Execution, Intent, Permit, Verdict

__all__ = [
    "ActionRow",
    "Activation",
    "Board",
    "Budget",
    "BudgetUse",
    "Bundle",
    "Digest",
    "Execution",
    "HouseBoard",
    "Intent",
    "KillSwitch",
    "Mode",
    "OptIn",
    "Permit",
    "PolicyData",
    "Profile",
    "Receipt",
    "Simulation",
    "Verdict",
]
