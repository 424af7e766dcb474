"""Logged choices whose truth is known, made by chance with a seed."""

from dataclasses import dataclass

import numpy as np

from autonomy.learning.estimates import Floats, Log, first_by


@dataclass(frozen=True, kw_only=True)
class World:
    """A log, a candidate's probabilities of coming first, and what these are worth.

    `guess`: what a middling model expects of every candidate.
    """

    log: Log
    policy: Floats
    value: float
    logged: float
    features: Floats
    guess: Floats


def world(seed: int, *, rows: int = 1500, width: int = 4, share: float = 0.5) -> World:
    """Near ties shuffled with a share, otherwise the best of an old score; the candidate
    goes by a better score. Worth is what holds over the drawn decisions.
    """
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, width, 2))
    chance = 1 / (1 + np.exp(-(features[..., 0] + 0.5 * features[..., 1] - 0.3)))
    known = np.ones((rows, width), dtype=bool)
    old = first_by(features[..., 1], known)
    offered = (1 - share) * old + share / width
    drawn = (offered.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    chosen = np.minimum(drawn, width - 1)
    at = np.arange(rows)
    reward = (random.random(rows) < chance[at, chosen]).astype(float)
    policy = first_by(features[..., 0], known)
    return World(
        log=Log(offered=offered, chosen=chosen, reward=reward),
        policy=policy,
        value=float((policy * chance).sum(axis=1).mean()),
        logged=float((offered * chance).sum(axis=1).mean()),
        features=features,
        guess=np.clip(0.5 + 0.2 * features[..., 0], 0, 1),
    )
