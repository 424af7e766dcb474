"""A7: how much autonomy somebody set, and where."""

from autonomy.rules.facts import Facts, ModeAt
from autonomy.rules.verdict import Judgement, Layer, allow, ask, block

# From the most particular to the most general.
SCOPES = ("account_type", "tenant_type", "account", "tenant", "platform")
MODES = ("DISABLED", "ASSIST", "APPROVAL", "AUTOPILOT", "SCHEDULED")
DEFAULT = ModeAt(scope="default", mode="APPROVAL")

BY_ITSELF = frozenset({"signal", "agent"})
SCHEDULED = frozenset({"ritual", "plan"})


def resolve(modes: tuple[ModeAt, ...]) -> ModeAt:
    """The first scope at which a mode is set; APPROVAL where none is."""
    return next((each for each in modes if each.mode is not None), DEFAULT)


def mode(facts: Facts) -> Judgement:
    """What the mode in force lets happen, for where the intent came from."""
    layer, found = Layer.MODE, resolve(facts.modes)
    wanted = "SCHEDULED" if facts.origin in SCHEDULED else "AUTOPILOT"
    remedy = f"the mode {_where(found)} is {wanted}"
    match found.mode:
        case "DISABLED":
            return block(
                layer,
                "MODE_DISABLED",
                f"Autonomy is disabled {_where(found)}.",
                remedy,
            )
        case "ASSIST":
            return ask(
                layer,
                "MODE_ASSIST",
                f"The mode {_where(found)} is ASSIST: it proposes, people do.",
                remedy,
            )
        case "APPROVAL":
            return ask(
                layer,
                "MODE_APPROVAL",
                f"The mode {_where(found)} is APPROVAL: a person says yes first.",
                remedy,
            )
        case "AUTOPILOT" | "SCHEDULED":
            return _running(facts, found)
        case _:
            return ask(
                layer,
                "UNKNOWN_MODE",
                f"The mode {found.mode!r} is not known here.",
                "a known mode is set",
            )


def _running(facts: Facts, found: ModeAt) -> Judgement:
    layer = Layer.MODE
    if facts.origin in BY_ITSELF:
        return allow(
            layer, f"mode.{str(found.mode).lower()}", f"{found.mode} {_where(found)}."
        )
    if facts.origin not in SCHEDULED:
        return ask(
            layer,
            "UNKNOWN_ORIGIN",
            f"Where this came from ({facts.origin!r}) is not known here.",
            "it comes from a known origin",
        )
    if found.mode != "SCHEDULED":
        return ask(
            layer,
            "MODE_AUTOPILOT",
            f"A {facts.origin} started this, and AUTOPILOT covers what signals start.",
            f"the mode {_where(found)} is SCHEDULED",
        )
    return allow(layer, "mode.scheduled", f"SCHEDULED {_where(found)}.")


def _where(found: ModeAt) -> str:
    return {
        "account_type": "for this action on this account",
        "tenant_type": "for this action",
        "account": "for this account",
        "tenant": "for everything here",
        "platform": "in the tenant's settings",
        "default": "where nobody chose one",
    }.get(found.scope, "in this case")
