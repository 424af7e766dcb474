"""The order in which proposals are shown, and the rows that tell why. Never a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import accumulate
from typing import Any
from uuid import UUID

import orjson

from autonomy.models import Choice, HouseRanking, Intent, Ranking
from autonomy.rows import new
from autonomy.rules.calibration import calibrated
from autonomy.rules.proposals import Draft
from autonomy.rules.ranking import (
    FEATURES_VERSION,
    HEURISTIC,
    Features,
    Order,
    features,
    ordered,
    score,
    usable,
)
from ledger.scope import current_tenant

OF_HOUSE = "house/"
# Read beside a run, in the same breath: which models stand, and how much is left to chance.
STANDING = (
    "ranking",
    """(SELECT jsonb_build_object('share', n.exploration_share,
'active', (SELECT jsonb_build_array(r.version, r.artefact) FROM autonomy_ranking r
    WHERE r.tenant_id = t.tenant_id AND r.status = 'ACTIVE'),
'house', (SELECT jsonb_build_array(h.version, h.artefact) FROM autonomy_houseranking h
    WHERE h.status = 'ACTIVE'),
'shadows', (SELECT coalesce(jsonb_agg(jsonb_build_array(s.version, s.artefact)), '[]')
    FROM autonomy_ranking s WHERE s.tenant_id = t.tenant_id AND s.status = 'SHADOW'),
'tried', (SELECT coalesce(jsonb_agg(jsonb_build_array(o.version, o.artefact)), '[]')
    FROM autonomy_houseranking o WHERE o.status = 'SHADOW' AND n.shares_learning)
)::text FROM perception_tenant n WHERE n.id = t.tenant_id)""",
)

Artefact = Mapping[str, Any]


def of_house(version: str) -> str:
    """How a model of the house is named beside those of a tenant."""
    return OF_HOUSE + version


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Which model ranks, which are only tried beside it, and the share left to chance.

    Without a model the order is that of confidence.
    """

    version: str = HEURISTIC
    artefact: Artefact | None = None
    share: float = 0.0
    shadows: Mapping[str, Artefact] = field(default_factory=dict)


PLAIN = Standing()


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Proposals in their order, and how that came about; all lists in that order."""

    drafts: tuple[Draft, ...]
    standing: Standing
    order: Order
    scores: tuple[float, ...]
    known: tuple[Features, ...]
    first: tuple[float, ...]
    shadow: Mapping[str, list[float]]

    @cached_property
    def leads(self) -> tuple[float, ...]:
        """Of each place, the surest that stands there or behind it."""
        sure = [float(each.confidence) for each in self.drafts]
        return tuple(accumulate(reversed(sure), max))[::-1]

    def stated(self) -> dict[str, Any]:
        """As the ledger tells of it."""
        return {
            "model": self.standing.version,
            "share": self.standing.share,
            "explored": self.order.explored,
            "scores": list(self.scores),
        }


def read(text: str | None) -> Standing:
    """The tenant's model, else the house's, else none; what is not sound never serves."""
    if text is None:
        return PLAIN
    row = orjson.loads(text)
    tried = [*row["shadows"], *((of_house(name), each) for name, each in row["tried"])]
    shadows = {name: each for name, each in tried if usable(each)}
    standing = Standing(share=row["share"], shadows=shadows)
    for found, named in ((row["active"], str), (row["house"], of_house)):
        if found and usable(found[1]):
            return Standing(
                version=named(found[0]),
                artefact=found[1],
                share=standing.share,
                shadows=shadows,
            )
    return standing


def rank(
    drafts: Sequence[Draft],
    context: Mapping[str, Any],
    standing: Standing,
    *,
    run: UUID,
) -> Ranked:
    """The order for a run: the same again for the same run, models and context."""
    known = [
        features(context, each.action_type, each.confidence, len(each.evidence))
        for each in drafts
    ]
    sure = [float(each.confidence) for each in drafts]
    model = standing.artefact
    scores = sure if model is None else [score(model, each) for each in known]
    order = ordered(scores, share=standing.share, seed=str(run), ties=sure)
    return Ranked(
        drafts=tuple(drafts[at] for at in order.places),
        standing=standing,
        order=order,
        scores=tuple(scores[at] for at in order.places),
        known=tuple(known[at] for at in order.places),
        first=tuple(order.first[at] for at in order.places),
        shadow={
            version: [score(each, known[at]) for at in order.places]
            for version, each in standing.shadows.items()
        },
    )


def choices(
    ranked: Ranked, intents: Sequence[Intent], *, run: UUID, now: datetime
) -> list[Choice]:
    """A row for each proposal, to be written with it."""
    candidates = [
        {
            "intent": str(intent.id),
            "action_type": draft.action_type,
            "confidence": float(draft.confidence),
            "score": scored,
            "propensity": first,
            "features": known,
        }
        for intent, draft, scored, first, known in zip(
            intents, ranked.drafts, ranked.scores, ranked.first, ranked.known,
            strict=True,
        )
    ]  # fmt: skip
    return [
        new(
            Choice,
            tenant_id=current_tenant(),
            run_id=run,
            intent_id=intent.id,
            account_id=intent.account_id,
            action_type=intent.action_type,
            position=place + 1,
            score=ranked.scores[place],
            propensity=ranked.order.there[place],
            explored=ranked.order.explored,
            features=ranked.known[place],
            features_version=FEATURES_VERSION,
            candidates=candidates,
            model=ranked.standing.version,
            shadow=ranked.shadow,
            at=now,
        )
        for place, intent in enumerate(intents)
    ]


def calibration() -> Artefact | None:
    """What confidences of the tenant in scope are shown by; None where nothing is known."""
    rows = Ranking.objects.filter(tenant_id=current_tenant(), status="ACTIVE")
    house = HouseRanking.objects.filter(status="ACTIVE")
    for found in (rows, house):
        artefact = found.values_list("artefact", flat=True).first()
        # What does not rank, because it is not sound, does not tell either.
        if artefact is not None and usable(artefact):
            held: Artefact | None = artefact.get("calibration")
            return held
    return None


def in_percent(held: Artefact | None) -> list[int]:
    """What each whole percent of confidence is shown as, in thousandths; none where
    nobody knows.
    """
    if held is None:
        return []
    return [round(999 * calibrated(held, percent / 100)) for percent in range(101)]


def shown(held: Artefact | None, confidence: float | None) -> float | None:
    """A raw confidence as it is shown; None where nobody knows what it is worth."""
    if held is None or confidence is None:
        return None
    return round(calibrated(held, confidence), 4)
