"""What pages about models and reports share: states, sources, weights, drawings."""

from collections.abc import Mapping
from typing import Any

from autonomy.admin.words import tag
from autonomy.learning import charts, gating, words
from autonomy.models import Evaluation, HouseRanking, Ranking

Status = Ranking.Status
STATES: Mapping[str, tuple[str, str]] = {
    Status.CANDIDATE: ("fitted", ""),
    Status.SHADOW: ("tried beside", "wait"),
    Status.ACTIVE: ("ranks", "good"),
    Status.RETIRED: ("retired", ""),
}
MEANS: Mapping[str, str] = {
    Status.CANDIDATE: "It was fitted, and does nothing yet.",
    Status.SHADOW: "It scores what is decided, without effect, until it has shown that it "
    "ranks better.",
    Status.ACTIVE: "It orders proposals, and its calibration shows what confidence is "
    "worth. No verdict knows of it.",
    Status.RETIRED: "It no longer ranks, and is no longer tried.",
}
WEIGHED = 12


def provenance_of(row: Ranking | HouseRanking) -> list[tuple[str, str]]:
    """Where a model comes from, line by line."""
    said = row.provenance
    if "rows" not in said:
        return []
    lines = [
        ("Choices", f"{said['rows']} that became clear, {said['good']} of them good"),
        ("From", f"{said['from'][:10]} to {said['to'][:10]}"),
        ("Order of the time", ", ".join(said["baseline"])),
        ("Fitted", f"logistic regression, penalty {said['penalty']:g}"),
        ("Features", f"version {said['features_version']}"),
        ("Its numbers", said["artefact_digest"]),
        ("What it learned from", said["data_digest"]),
    ]
    tenants = said.get("tenants")
    return [("Tenants that share", str(tenants)), *lines] if tenants else lines


def weights_of(row: Ranking | HouseRanking) -> list[dict[str, Any]]:
    """The heaviest of what it weighs, each with a bar."""
    found = words.weights(row.artefact, WEIGHED)
    most = max((abs(step) for _, step in found), default=1.0)
    return [
        {
            "name": name,
            "step": f"{step:+.2f}",
            "share": round(100 * abs(step) / most),
            "is_for": step > 0,
        }
        for name, step in found
    ]


def shared_card(row: Ranking | HouseRanking) -> dict[str, Any]:
    """What the page of any model shows."""
    metrics = row.provenance.get("metrics")
    return {
        "model": row,
        "state": tag(*STATES[row.status]),
        "means": MEANS[row.status],
        "provenance": provenance_of(row),
        "held_out": words.held_out(metrics) if metrics else (),
        "weights": weights_of(row),
        "asked": words.asked((row.gate or {}).get("gate", _asks())),
        "answered": words.answered(row.gate) if row.gate else [],
        "replaced": (row.gate or {}).get("replaced", ""),
    }


def gain_of(row: Ranking | HouseRanking) -> str:
    """How much better it was where it was not fitted, in a cell."""
    metrics = row.provenance.get("metrics")
    if not metrics or metrics["precision_gain"] is None:
        return "–"
    return f"{metrics['precision_gain']:+.2f}"


def tried(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a report found of one model, ready to be shown."""
    return {
        "version": said["version"],
        "state": tag(*STATES.get(said["status"], (said["status"], ""))),
        "gain": words.gain(said["paired"]),
        "estimates": [
            (each["method"].upper(), each["says"]) for each in said["uplift"]
        ],
        "chart": charts.intervals(said["uplift"])
        if any(each["why"] is None for each in said["uplift"])
        else "",
    }


def drawn(last: Evaluation | None) -> str:
    if last is None or not last.body["clear"]:
        return ""
    return charts.reliability(last.body["confidence"])


def _asks() -> Mapping[str, Any]:
    shipped = gating.SHIPPED
    return {
        "window_days": shipped.window_days,
        "least_rows": shipped.least_rows,
        "threshold": shipped.threshold,
        "level": shipped.level,
    }
