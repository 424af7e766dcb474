"""N5: what a model in SHADOW must have shown before it may rank: the gate, stated whole."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from autonomy.learning.estimates import estimate, first_by
from autonomy.learning.fitting import digest_of
from autonomy.learning.labels import HORIZON, Labelled, labelled
from autonomy.learning.lists import K, compared
from autonomy.learning.logged import Decided, gather
from autonomy.models import HouseRanking, Ranking
from autonomy.rules.estimates import About, Estimate, Method, Why
from autonomy.rules.ranking import usable

# Where the log cannot say it, orders are compared on the same lists instead.
SILENT = frozenset(
    {Why.NO_CHOICES, Why.NO_EXPLORATION, Why.LITTLE_COVERAGE, Why.TOO_FEW}
)
OFF_POLICY, PAIRED = "off_policy", "paired"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """What is asked: over which window, of how many, how much better, how surely."""

    metric: str = f"precision@{K}"
    window_days: int = 60
    least_rows: int = 200
    least_lists: int = 20
    threshold: float = 0.01
    level: float = 0.95


SHIPPED = Gate()


def judge(
    model: Ranking,
    *,
    now: datetime,
    gate: Gate = SHIPPED,
    horizon: timedelta = HORIZON,
) -> dict[str, Any]:
    """Whether a model passes, with every figure that says so; its own shadow scores
    count, as they were written when the choices were made.
    """
    begin = begin_of(model, now=now, gate=gate, horizon=horizon)
    rows = labelled(begin=begin, now=now, horizon=horizon)
    said = {"from": begin.isoformat(), "to": now.isoformat()}
    return {**said, **weigh(model, rows, model.version, gate=gate)}


def begin_of(
    model: Ranking | HouseRanking, *, now: datetime, gate: Gate, horizon: timedelta
) -> datetime:
    """Since when it is looked at: it was in SHADOW, and not too long ago."""
    return max(model.moved_at, now - timedelta(days=gate.window_days) - horizon)


def weigh(
    model: Ranking | HouseRanking,
    found: Sequence[Labelled],
    name: str,
    *,
    gate: Gate = SHIPPED,
) -> dict[str, Any]:
    """What choices say of a model that scored them under a name."""
    rows = [each for each in found if name in each.shadow]
    said: dict[str, Any] = {"gate": asdict(gate)}
    if not usable(model.artefact):
        return {**said, "passes": False, "why": "ITS NUMBERS ARE NOT SOUND"}
    if digest_of(model.artefact) != model.provenance.get("artefact_digest"):
        return {**said, "passes": False, "why": "IT IS NOT WHAT WAS FITTED"}
    clear = sum(each.reward is not None for each in rows)
    said["rows"] = clear
    if clear < gate.least_rows:
        return {**said, "passes": False, "why": "TOO FEW CHOICES HAVE BECOME CLEAR"}
    better = uplift(rows, name, level=gate.level)
    if better.why is None or better.why not in SILENT:
        said |= {"way": OFF_POLICY, "metric": "reward of what comes first"}
        return {**said, **_off_policy(better, gate)}
    return {**said, "way": PAIRED, "metric": gate.metric, **_paired(rows, name, gate)}


def uplift(
    rows: Sequence[Labelled],
    version: str,
    *,
    method: Method = Method.SNIPS,
    level: float = 0.95,
) -> Estimate:
    """By how much more a model's own choices of what comes first would have earned."""
    decisions = decisions_of(rows, version)
    held = gather(decisions)
    policy = first_by(held.scores, held.known)
    return estimate(held.log, policy, method, about=About.UPLIFT, level=level)


def decisions_of(rows: Sequence[Labelled], version: str) -> list[Decided]:
    """Decisions whose first candidate has become clear, with a shadow's scores."""
    return [
        Decided(
            propensities=[each["propensity"] for each in row.candidates],
            chosen=0,
            reward=row.reward,
            scores=row.shadow[version],
            group=str(row.account),
        )
        for row in rows
        if row.position == 1 and row.reward is not None and version in row.shadow
    ]


def _off_policy(found: Estimate, gate: Gate) -> dict[str, Any]:
    lower = found.lower
    passes = found.is_above_zero and (found.value or 0.0) >= gate.threshold
    return {
        "passes": passes,
        "value": found.value,
        "lower": lower,
        "upper": found.upper,
        "coverage": found.coverage,
        "effective": found.effective,
        "why": found.why.value if found.why else _why(passes),
    }


def _paired(rows: Sequence[Labelled], name: str, gate: Gate) -> dict[str, Any]:
    ours = [each.shadow[name][each.position - 1] for each in rows]
    found = compared(rows, ours, [each.score for each in rows], level=gate.level)
    enough = found.lists >= gate.least_lists
    passes = enough and found.is_above_zero and (found.mean or 0.0) >= gate.threshold
    return {
        "passes": passes,
        "value": found.mean,
        "lower": found.lower,
        "upper": found.upper,
        "lists": found.lists,
        "why": _why(passes) if enough else "TOO FEW LISTS",
    }


def _why(passes: bool) -> str:
    return "BETTER BEYOND DOUBT" if passes else "NOT BETTER BEYOND DOUBT"
