"""The order of accounts by how warm they are now, as something that can be indexed.

Heat halves every `HALF_LIFE` seconds, whoever looks: so log2(score) + at / HALF_LIFE has
accounts in the same order at every moment, and needs no clock.
"""

from datetime import datetime
from math import log2
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce

from perception.rules.heat import SHIPPED

# What is not warm at all has no logarithm.
LEAST = 1e-9
HALF_LIFE = int(SHIPPED.half_life.total_seconds())


class _Doublings(models.Func):
    template = f"(ln(greatest(%(expressions)s, {LEAST})) / ln(2))"
    output_field = models.FloatField()


class _HalfLives(models.Func):
    template = f"(extract(epoch FROM %(expressions)s AT TIME ZONE 'UTC') / {HALF_LIFE})"
    output_field = models.FloatField()


def warmth() -> Any:
    """Of an account's columns; what was never looked at comes last."""
    kept = _Doublings("heat_score") + _HalfLives("heat_at")
    return Coalesce(kept, models.Value(0.0), output_field=models.FloatField())


def warmth_of(score: float, *, at: datetime) -> float:
    """What such a score at a moment stands for in that order."""
    return log2(max(score, LEAST)) + at.timestamp() / HALF_LIFE
