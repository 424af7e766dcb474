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
from autonomy.models.hands import (
    Objective,
    Replay,
    SloAlert,
    Sweep,
    ToolMinute,
    Undo,
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
    "ActionRow",
    "Activation",
    "Approval",
    "Board",
    "Budget",
    "BudgetUse",
    "Bundle",
    "ContextField",
    "DecisionBudget",
    "DecisionUse",
    "Digest",
    "Effect",
    "Execution",
    "HouseBoard",
    "Intent",
    "KillSwitch",
    "Mode",
    "Objective",
    "OptIn",
    "Outcome",
    "Permit",
    "PolicyData",
    "Profile",
    "Receipt",
    "Replay",
    "Run",
    "Simulation",
    "SloAlert",
    "Sweep",
    "SynthesizerCall",
    "Tool",
    "ToolMinute",
    "TriggerRow",
    "Undo",
    "Verdict",
]
