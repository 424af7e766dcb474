"""N5, N6: what a gate asked and found, and what a model weighs, as a person would say it."""

from collections.abc import Mapping, Sequence
from typing import Any

from autonomy.learning.gating import OFF_POLICY

Said = Mapping[str, Any]

PLAIN: Mapping[str, str] = {
    "confidence": "Confidence of the proposal",
    "evidence": "Pieces of evidence",
    "heat": "Heat of the account",
    "silence": "How long nobody was reached",
    "never_heard": "Nobody was ever reached",
    "open_approvals": "Questions that wait at the account",
    "rejected": "This type was refused lately",
    "edited": "This type was edited lately",
    "succeeded": "This type went well lately",
    "waiting": "The same already waits",
    "plan": "A plan is live",
}
GROUPS: Mapping[str, str] = {
    "tier": "The account is",
    "lifecycle": "The account is a",
    "trigger": "Started by",
    "signal": "After the signal",
    "type": "Type:",
}


def feature(name: str) -> str:
    """A feature in words."""
    group, _, rest = name.partition(".")
    if rest and group in GROUPS:
        return f"{GROUPS[group]} {rest.replace('_', ' ').lower()}"
    return PLAIN.get(name, name.replace("_", " "))


def weights(artefact: Said, most: int | None = None) -> list[tuple[str, float]]:
    """What moves the score most, by how much a usual step of it moves the log-odds."""
    scales = artefact.get("scales", {})
    moved = {
        name: weight * scales.get(name, 1.0)
        for name, weight in artefact.get("coefficients", {}).items()
    }
    ranked = sorted(moved.items(), key=lambda each: (-abs(each[1]), each[0]))
    return [(feature(name), step) for name, step in ranked if step][:most]


def asked(gate: Said) -> str:
    """What a model has to show."""
    return (
        f"Over at most {gate['window_days']} days since it was first tried: at least "
        f"{gate['least_rows']} choices that have become clear, and better than what was "
        f"shown by {gate['threshold']:g} or more, with the whole "
        f"{100 * gate['level']:g} % interval above zero."
    )


def answered(said: Said) -> list[str]:
    """What was found, and what that means."""
    lines = []
    if "rows" in said:
        noun = "choice has" if said["rows"] == 1 else "choices have"
        lines.append(f"{said['rows']} {noun} become clear.")
    if "way" in said:
        lines.append(_way(said))
    if said.get("value") is not None:
        lines.append(_value(said))
    verdict = "It passes" if said["passes"] else "It does not pass"
    lines.append(f"{verdict}: {str(said['why']).lower()}.")
    return lines


def gain(pair: Said) -> str:
    """A difference of two orders over whole days."""
    if pair["lower"] is None:
        days = "day" if pair["lists"] == 1 else "days"
        return f"too few days to say ({pair['lists']} {days})"
    return (
        f"{pair['mean']:+.3f}, between {pair['lower']:+.3f} and {pair['upper']:+.3f} "
        f"({pair['lists']} days)"
    )


def held_out(metrics: Said) -> Sequence[tuple[str, str]]:
    """How a fit of the time before did on the last quarter of it."""
    shown = {
        "mean": metrics["precision_gain"],
        "lower": metrics["lower"],
        "upper": metrics["upper"],
        "lists": metrics["lists"],
    }
    return (
        ("Choices kept away from the fit", str(metrics["rows"])),
        ("Brier score (0 is perfect)", f"{metrics['brier']:.3f}"),
        ("Log loss (0 is perfect)", f"{metrics['log_loss']:.3f}"),
        ("Among the first three of a day", gain(shown)),
    )


def _way(said: Said) -> str:
    if said["way"] == OFF_POLICY:
        return (
            "Chance had a part in the order, so the log tells what its own order would "
            f"have earned (it covers {100 * (said.get('coverage') or 0):.0f} %)."
        )
    return (
        "Chance had no part in the order, so whole days are compared: what was good "
        f"among the first three ({said['lists']} days)."
    )


def _value(said: Said) -> str:
    if said["lower"] is None:
        return f"Better by {said['value']:+.3f}; too little for an interval."
    return (
        f"Better by {said['value']:+.3f}, between {said['lower']:+.3f} and "
        f"{said['upper']:+.3f}."
    )
