"""What no tenant can loosen: kill switch, tier, stage, floor and reversal."""

from autonomy.rules.actions import Reversal, Risk, Tier, Traits, said, worse
from autonomy.rules.facts import Facts
from autonomy.rules.verdict import Judgement, Layer, allow, ask, block, first_of

GATED_STAGES = frozenset({"evaluation", "negotiation", "closed_won", "closed_lost"})
OPEN_STAGES = frozenset({"prospecting", "discovery", "qualification", "stalled"})
REVERSIBLE = frozenset({Reversal.RETRACTABLE, Reversal.INVERSE})


def kill_switch(facts: Facts) -> Judgement:
    """A1: what is stopped does not start; what cannot be read counts as stopped."""
    layer = Layer.KILL_SWITCH
    if facts.switches is None:
        return block(
            layer,
            "KILL_SWITCH_UNREADABLE",
            "Whether a kill switch is on could not be read, so nothing starts.",
            "the state of the kill switches can be read again",
        )
    on = [switch for switch in facts.switches if not switch.returning]
    if on:
        return block(
            layer,
            "KILL_SWITCH",
            f"The kill switch for this {_scope(on[0].scope)} is on: {on[0].reason}",
            f"the kill switch for this {_scope(on[0].scope)} is released",
        )
    if facts.switches:
        scope = _scope(facts.switches[0].scope)
        return ask(
            layer,
            "KILL_SWITCH_RETURNING",
            f"A kill switch for this {scope} was released; for now everything is only "
            "proposed.",
            f"the return from the kill switch for this {scope} is complete",
        )
    return allow(layer, "kill_switch.off", "No kill switch covers this.")


def tier(facts: Facts) -> Judgement:
    """A2 and A4: the type's tier, and what nobody has ever registered."""
    layer = Layer.TIER
    if facts.traits is None:
        return ask(
            layer,
            "UNKNOWN_ACTION",
            f"No action type is called {said(facts.action_type)}, so a person decides "
            "and does it by hand.",
            "the action type is registered",
        )
    match facts.traits.tier:
        case Tier.AUTONOMOUS:
            return allow(
                layer, "tier.autonomous", "Actions of this type may run by themselves."
            )
        case Tier.HARD_STOP:
            return block(
                layer,
                "HARD_STOP",
                f"{said(facts.action_type)} commits the company; no software does it, "
                "with or without approval.",
            )
        case _:
            return ask(
                layer,
                "APPROVAL_TIER",
                f"{said(facts.action_type)} always needs a person's approval.",
            )


def stage(facts: Facts) -> Judgement:
    """A3: from evaluation on, a deal belongs to people."""
    layer = Layer.STAGE
    if facts.stage is None:
        return allow(layer, "stage.none", "It targets no opportunity.")
    if facts.stage in OPEN_STAGES:
        return allow(layer, "stage.open", f"The deal is in {facts.stage}.")
    if facts.stage in GATED_STAGES:
        return ask(
            layer,
            "STAGE_GATED",
            f"The deal is in {facts.stage.replace('_', ' ')}, where people act.",
            "the deal is in an earlier stage",
        )
    return ask(
        layer,
        "UNKNOWN_STAGE",
        f"The deal's stage {facts.stage!r} is not known here.",
        "the deal has a known, early stage",
    )


def floor(facts: Facts) -> Judgement:
    """A5: what reaches outside, changes the deal's core, or is risky asks a person."""
    layer, traits = Layer.FLOOR, facts.traits
    if traits is None:
        return ask(
            layer,
            "UNKNOWN_ACTION",
            "What this action would touch is not known.",
            "the action type is registered",
        )
    obstacles = [*_outside(facts, traits), *_protected(facts, traits)]
    risk = _risk(worse(traits.risk_level, facts.risk_level))
    return first_of([*obstacles, risk])


def reversal(facts: Facts) -> Judgement:
    """A6: alone runs only what can be taken back, and repeated without harm."""
    layer, traits = Layer.REVERSAL, facts.traits
    if traits is None:
        return ask(
            layer,
            "UNKNOWN_ACTION",
            "Whether this action can be taken back is not known.",
            "the action type is registered",
        )
    found = [
        ask(layer, reason, explanation, remedy)
        for holds, reason, explanation, remedy in (
            (
                bool(traits.tool),
                "NO_TOOL",
                "No tool does this, so a person does it by hand.",
                "a tool is bound to the action type",
            ),
            (
                traits.reversal in REVERSIBLE,
                "NOT_REVERSIBLE",
                f"{said(facts.action_type)} cannot simply be taken back.",
                "the tool declares an undo",
            ),
            (
                traits.idempotent is True,
                "NOT_IDEMPOTENT",
                f"{said(facts.action_type)} would act twice if it had to be repeated.",
                "the tool accepts an idempotency key",
            ),
        )
        if not holds
    ]
    if found:
        return first_of(found)
    return allow(layer, "reversal.undoable", "It can be taken back.")


def _outside(facts: Facts, traits: Traits) -> list[Judgement]:
    if traits.external_contact is False or _lifted(facts):
        return []
    explanation = f"{said(facts.action_type)} reaches somebody outside the company."
    remedy = _profile_remedy(facts)
    return [ask(Layer.FLOOR, "EXTERNAL_CONTACT", explanation, remedy)]


def _protected(facts: Facts, traits: Traits) -> list[Judgement]:
    if not traits.touches:
        return []
    fields = " and ".join(traits.touches)
    explanation = f"{said(facts.action_type)} changes the deal's {fields}."
    return [ask(Layer.FLOOR, "PROTECTED_FIELD", explanation)]


def _risk(risk: str) -> Judgement:
    layer = Layer.FLOOR
    match risk:
        case Risk.MINIMAL | Risk.LOW:
            return allow(layer, "floor.clear", f"Its risk is {risk.lower()}.")
        case Risk.MEDIUM | Risk.HIGH:
            return ask(
                layer,
                f"RISK_LEVEL_{risk}",
                f"Its risk is {risk.lower()}; only low risk runs by itself.",
                "its risk is low",
            )
        case _:
            return ask(
                layer,
                "RISK_LEVEL_UNKNOWN",
                f"Its risk {risk!r} is not known here, so it counts as high.",
                "its risk is known, and low",
            )


def _lifted(facts: Facts) -> bool:
    """The profile lifts the floor for clean outreach of the autonomous tier only."""
    return (
        facts.profile
        and facts.traits is not None
        and facts.traits.tier == Tier.AUTONOMOUS
        and facts.tainted is False
    )


def _profile_remedy(facts: Facts) -> str:
    if facts.traits is None or facts.traits.tier != Tier.AUTONOMOUS:
        return ""
    if facts.profile:
        return "it does not rest on text that came from outside"
    return "the profile routine_outreach is installed and signed for it"


def _scope(scope: str) -> str:
    return {"global": "whole house"}.get(scope, scope.replace("_", " "))
