"""N6: what a model expects of choices that it has not seen, for doubly robust estimates."""

from collections.abc import Callable

import numpy as np

from autonomy.learning.estimates import Floats, Log

# Learns from features and rewards, answers with what predicts rewards.
Fit = Callable[[Floats, Floats], Callable[[Floats], Floats]]


def ridge(penalty: float = 1.0) -> Fit:
    """Linear regression that is held back; predictions stay between 0 and 1."""

    def fit(features: Floats, reward: Floats) -> Callable[[Floats], Floats]:
        middle, mean = features.mean(axis=0), float(reward.mean())
        held = features - middle
        left = held.T @ held + penalty * np.eye(features.shape[1])
        slopes = np.linalg.solve(left, held.T @ (reward - mean))
        return lambda asked: np.clip(mean + (asked - middle) @ slopes, 0, 1)

    return fit


def cross_fit(
    log: Log, features: Floats, fit: Fit, *, folds: int = 5, seed: int = 0
) -> Floats:
    """Predictions for every candidate, none by a model that saw its group of decisions.

    `features`: decisions by candidates by features.
    """
    rows, width, depth = features.shape
    each = np.arange(rows) if log.groups is None else log.groups
    names, place = np.unique(each, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise ValueError("fewer groups than folds, or fewer than two folds")
    dealt = np.random.default_rng(seed).permutation(len(names)) % folds
    fold = dealt[place]
    seen = features[np.arange(rows), log.chosen]
    predicted = np.zeros((rows, width))
    for number in range(folds):
        here = fold == number
        predict = fit(seen[~here], log.reward[~here])
        asked = features[here].reshape(-1, depth)
        predicted[here] = predict(asked).reshape(-1, width)
    return predicted
