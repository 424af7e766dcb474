"""N2, N3: what proposals are ranked by, in which order they stand, how likely that was.

Everything comes from the frozen context: nothing of the future, and no person. A model
is plain JSON: an intercept and a coefficient for each name; what it does not name counts
for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from math import exp, factorial, isfinite
from typing import Any

from autonomy.rules.catalogue import CORE

# Another number whenever a feature means something else: a model serves its own only.
FEATURES_VERSION = 1
HEURISTIC, LOGISTIC = "heuristic", "logistic"
# Scores within this of the best of their block are near ties: chance may order them.
NEAR = 0.05
NEARLY = 1e-9
# A count of ten and a quarter of a year are as many and as long as it gets.
MOST, LONGEST = 10, timedelta(days=90)
HEARD = frozenset({"reply_received", "meeting_created"})
OPEN = frozenset({"PROPOSED", "AWAITING_APPROVAL"})
LIVE = "ACTIVE"
# Coefficients beyond this are no fit; what serves must not be bent by one number.
LARGEST = 1e4

Features = dict[str, float]


def features(
    context: Mapping[str, Any], action_type: str, confidence: float, evidence: int
) -> Features:
    """What was known of a proposal when it was ranked, by name; what is not there is 0."""
    account, outcomes = context["account"], context["outcomes"]
    of_type = [
        each["taxonomy"] for each in outcomes if each["action_type"] == action_type
    ]
    waiting = [
        each
        for each in context["intents"]
        if each["action_type"] == action_type and each["status"] in OPEN
    ]
    silent = _silence(context)
    found = {
        "confidence": confidence,
        "evidence": _few(evidence),
        "heat": account["heat"]["score"],
        f"tier.{account['heat']['tier']}": 1.0,
        f"lifecycle.{account['lifecycle']}": 1.0,
        "silence": 0.0 if silent is None else silent / LONGEST,
        "never_heard": float(silent is None),
        "open_approvals": _few(context["open_approvals"]),
        "rejected": _few(of_type.count("IDEA_REJECTED")),
        "edited": _few(of_type.count("IDEA_EDITED")),
        "succeeded": _few(of_type.count("EXECUTION_SUCCEEDED")),
        "waiting": _few(len(waiting)),
        "plan": float(any(each["status"] == LIVE for each in context.get("plans", ()))),
        f"trigger.{context['trigger']}": 1.0,
        f"signal.{_signal_type(context)}": 1.0,
        f"type.{action_type}": 1.0,
    }
    return {name: round(value, 6) for name, value in found.items() if value}


def usable(artefact: object) -> bool:
    """Whether a model may serve: of this version of the features, every number sound."""
    if not isinstance(artefact, Mapping) or artefact.get("kind") != LOGISTIC:
        return False
    weights = artefact.get("coefficients")
    if artefact.get("features_version") != FEATURES_VERSION:
        return False
    return isinstance(weights, Mapping) and all(
        _is_sound(each) for each in (artefact.get("intercept"), *weights.values())
    )


def score(artefact: Mapping[str, Any], known: Mapping[str, float]) -> float:
    """How likely it is to be of use, by a model that is usable."""
    weights = artefact["coefficients"]
    logit = artefact["intercept"] + sum(
        weights.get(name, 0.0) * value for name, value in known.items()
    )
    if logit >= 0:
        return float(1 / (1 + exp(-min(logit, 700.0))))
    return float((grown := exp(max(logit, -700.0))) / (1 + grown))


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order of candidates, by their numbers, and what chance had to do with it.

    `first`: of each candidate, by number, how likely it was to come first. `there`: of
    each place, how likely the candidate that stands there was to stand there.
    """

    places: tuple[int, ...]
    explored: bool
    first: tuple[float, ...]
    there: tuple[float, ...]


def ordered(
    scores: Sequence[float],
    *,
    share: float,
    seed: str,
    ties: Sequence[float] | None = None,
) -> Order:
    """By falling score, then `ties`, then as they came; with a chance of `share`, near
    ties stand in any order, each as likely as another.

    Chance comes from the seed alone, so that anybody can draw again.
    """
    beside = scores if ties is None else ties
    plain = sorted(range(len(scores)), key=lambda at: (-scores[at], -beside[at], at))
    blocks = _blocks(plain, scores)
    explored = _drawn(seed, "explore") < share
    places = plain
    if explored:
        mixed = [sorted(block, key=lambda at: _drawn(seed, at)) for block in blocks]
        places = [at for block in mixed for at in block]
    sizes = {at: len(block) for block in blocks for at in block}
    front = set(blocks[0]) if blocks else set()

    def chance(at: int, is_plain: bool) -> float:
        return min(1.0, (1 - share) * is_plain + share / sizes[at])

    return Order(
        places=tuple(places),
        explored=explored,
        first=tuple(
            chance(at, at == plain[0]) if at in front else 0.0
            for at in range(len(scores))
        ),
        there=tuple(chance(at, plain[place] == at) for place, at in enumerate(places)),
    )


def chance_of(
    places: Sequence[int],
    scores: Sequence[float],
    *,
    share: float,
    ties: Sequence[float] | None = None,
) -> float:
    """How likely this whole order was."""
    beside = scores if ties is None else ties
    plain = sorted(range(len(scores)), key=lambda at: (-scores[at], -beside[at], at))
    blocks = _blocks(plain, scores)
    taken, ways = 0, 1
    for block in blocks:
        if set(places[taken : taken + len(block)]) != set(block):
            return 0.0
        taken, ways = taken + len(block), ways * factorial(len(block))
    return (1 - share) * (list(places) == plain) + share / ways


def _blocks(plain: Sequence[int], scores: Sequence[float]) -> list[list[int]]:
    """Candidates whose scores are near that of the best among them."""
    leads: list[int] = []
    for at in plain:
        near = leads and scores[leads[-1]] - scores[at] <= NEAR + NEARLY
        leads.append(leads[-1] if near else at)
    pairs = zip(leads, plain, strict=True)
    return [
        [at for _, at in block] for _, block in groupby(pairs, key=lambda each: each[0])
    ]


def _drawn(seed: str, what: object) -> float:
    """A number from 0 up to 1 that nobody chose."""
    digest = sha256(f"{seed}:{what}".encode()).digest()
    return float((int.from_bytes(digest[:8]) >> 11) / 2**53)


def _silence(context: Mapping[str, Any]) -> timedelta | None:
    """Since when nobody of the account was reached or heard of; None where nobody was."""
    heard = [
        each["occurred_at"] for each in context["signals"] if each["type"] in HEARD
    ]
    reached = [
        each["at"]
        for each in context["intents"]
        if each["status"] == "SUCCEEDED" and _reaches_out(each["action_type"])
    ]
    moments = [datetime.fromisoformat(each) for each in (*heard, *reached)]
    if not moments:
        return None
    since = datetime.fromisoformat(context["at"]) - max(moments)
    return min(max(since, timedelta()), LONGEST)


def _signal_type(context: Mapping[str, Any]) -> str:
    return next(
        (
            each["type"]
            for each in context["signals"]
            if each["id"] == context["signal"]
        ),
        "none",
    )


def _reaches_out(action_type: str) -> bool:
    return action_type in CORE and CORE[action_type].traits.external_contact


def _few(count: int) -> float:
    return min(count, MOST) / MOST


def _is_sound(number: object) -> bool:
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and isfinite(number) and abs(number) <= LARGEST  # type: ignore[arg-type]
