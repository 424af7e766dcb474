"""The shelves of autonomy."""

from autonomy.models.acts import Approval, ContextField, Effect, Outcome, Tool
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
from autonomy.models.runs import (
    AccountPace,
    DecisionBudget,
    DecisionUse,
    Run,
    SynthesizerCall,
    TriggerRow,
)
from autonomy.models.walk import Execution, Intent, Permit, Verdict

__all__ = [
    "AccountPace",
    "Approval",
    "ContextField",
    "DecisionBudget",
    "DecisionUse",
    "Effect",
    "Outcome",
    "Run",
    "SynthesizerCall",
    "Tool",
    "TriggerRow",
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
