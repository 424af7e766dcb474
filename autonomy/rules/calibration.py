"""N4: a raw confidence as it is shown: read off what was fitted. Never a fact of policy."""

from bisect import bisect_right
from collections.abc import Mapping
from math import exp
from typing import Any

ISOTONIC, PLATT = "isotonic", "platt"


def calibrated(artefact: Mapping[str, Any], raw: float) -> float:
    """The share of such confidences that came true, by what was fitted.

    Isotonic: straight lines between points of rising confidence, level outside them.
    Platt: 1 / (1 + e^-(slope * raw + offset)).
    """
    if artefact["kind"] == PLATT:
        return _logistic(artefact["slope"] * raw + artefact["offset"])
    points = artefact["points"]
    after = bisect_right(points, raw, key=lambda point: float(point[0]))
    if after == 0 or after == len(points):
        return float(points[min(after, len(points) - 1)][1])
    (left, low), (right, high) = points[after - 1], points[after]
    return float(low + (high - low) * (raw - left) / (right - left))


def _logistic(logit: float) -> float:
    if logit >= 0:
        return 1 / (1 + exp(-min(logit, 700.0)))
    return (grown := exp(max(logit, -700.0))) / (1 + grown)
