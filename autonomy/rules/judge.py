"""One verdict out of all layers: each is asked, the lowest ceiling holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from autonomy.rules.budget import budget
from autonomy.rules.contact import contact
from autonomy.rules.facts import Facts
from autonomy.rules.guardrails import floor, kill_switch, reversal, stage, tier
from autonomy.rules.modes import mode
from autonomy.rules.review import REASON
from autonomy.rules.schedule import schedule
from autonomy.rules.verdict import (
    Decision,
    Judgement,
    Layer,
    Verdict,
    ask,
    compose,
)

Judge = Callable[[Facts], Judgement]


class Policy(Protocol):
    """A version of a tenant's policy, ready to be asked."""

    version: str

    def __call__(self, facts: Facts) -> Judgement: ...


# Every layer but policy, which the tenant brings.
GUARDS: Mapping[Layer, Judge] = {
    Layer.KILL_SWITCH: kill_switch,
    Layer.TIER: tier,
    Layer.STAGE: stage,
    Layer.FLOOR: floor,
    Layer.REVERSAL: reversal,
    Layer.MODE: mode,
    Layer.SCHEDULE: schedule,
    Layer.CONTACT: contact,
    Layer.BUDGET: budget,
}


def judge(facts: Facts, policy: Policy) -> Verdict:
    """Ask every layer about the same facts, in the order of reasons."""
    judges: dict[Layer, Judge] = {**GUARDS, Layer.POLICY: policy}
    said = [_asked(layer, judges[layer], facts) for layer in Layer]
    if facts.review:
        said = _reviewed(said)
    return compose(said, policy_version=policy.version)


def _reviewed(said: Sequence[Judgement]) -> list[Judgement]:
    """What would run by itself, and was chosen by chance, asks a person first: how much
    autonomy there is says so. Whatever asks or blocks already is left as it is.
    """
    if any(each.decision is not Decision.AUTO_EXECUTE for each in said):
        return list(said)
    asks = ask(
        Layer.MODE,
        REASON,
        "It would run by itself; chance chose it for a person to look at first.",
        "it is not among those chosen for review",
    )
    return [asks if each.layer is Layer.MODE else each for each in said]


def _asked(layer: Layer, judge: Judge, facts: Facts) -> Judgement:
    """A layer that breaks asks a person; it never lets pass."""
    try:
        return judge(facts)
    except Exception as error:  # noqa: BLE001  whatever it is, it must not open a gate
        return ask(
            layer,
            "POLICY_ERROR" if layer is Layer.POLICY else "LAYER_ERROR",
            f"The layer {layer.value.replace('_', ' ')} could not be judged "
            f"({type(error).__name__}), so a person decides.",
            "the layer can be judged again",
        )
