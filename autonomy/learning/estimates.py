"""N6: what a candidate would have earned, out of choices that another ranking made.

One slot: of the candidates of a decision one came first, by chance with a propensity
that was logged, and only its reward (0 to 1) is known. For a candidate ranking's own
probabilities of coming first, the weight of a choice is theirs over the logged one.

- IPS: the mean of weight * reward. Unbiased, wide.
- SNIPS: the same divided by the mean weight. Slightly biased, narrower.
- DR: a model's prediction for what the candidate chooses, corrected by the weighted
  error of the prediction. Unbiased whatever the model, as long as no prediction comes
  from a model that has seen its choice: `predicting.cross_fit` takes care of that.

**Intervals** are the central limit's (for SNIPS by the delta method), over groups where
choices of a group, such as an account, may depend on each other. Two imagined choices
are counted into the spread, at either end of what one can come to; these ends are known
before any reward is, from the largest weight that could have come up. They matter only
where a few heavy weights decide, and there the spread seen so far is no measure. Where
groups are few, or what weights leave of choices, hits or misses is, the empirical
Bernstein bound (Maurer and Pontil 2009) takes its place. It holds at any size for IPS
and DR, to first order for SNIPS, and is wide.

**Coverage**: a decision is covered if everything that the candidate might put first
there could have come first in the log. Nothing else enters the figure, since IPS would
silently count it as worth nothing; `least` and `most` bound the whole.

**Clipping** caps weights. It takes from the candidate's choices a share that follows
from propensities alone; for rewards between 0 and 1 the bias is at most that share (for
IPS downwards only), and the interval is widened by it.
"""

from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from autonomy.rules.estimates import About, Estimate, Interval, Method, Why

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Below so many effective choices there is no figure.
LEAST_EFFECTIVE = 10.0
# Below so many groups, effective choices, and effective hits or misses, no interval by
# the central limit. The last is low: what is picked by its outcome is no fair sample.
LEAST_GROUPS, LEAST_FOR_NORMAL, LEAST_HITS = 50, 50.0, 3.0
LEAST_COVERAGE = 0.8
# The mean weight is 1 but for chance; so many standard errors are not chance.
BEYOND_CHANCE = 5.0
NEARLY = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Decisions as rows, candidates as columns; shorter rows are filled with zeros.

    `offered`: how likely each candidate was to come first; `chosen`: the column of the
    one that did; `groups`: whose decisions may depend on each other.
    """

    offered: Floats
    chosen: Ints
    reward: Floats
    groups: Ints | None = None

    def is_coherent(self, policy: Floats) -> bool:
        """Whether these can be a log, and the policy one for it."""
        rows, width = self.offered.shape
        if policy.shape != (rows, width) or not (
            self.chosen.shape == self.reward.shape == (rows,)
        ):
            return False
        if rows and not (self.chosen.min() >= 0 and self.chosen.max() < width):
            return False
        sums = np.concatenate([self.offered.sum(1), policy.sum(1)])
        return bool(
            np.all(np.abs(sums - 1) < NEARLY)
            and min(self.offered.min(initial=0), policy.min(initial=0)) >= 0
            and np.all(self.offered[np.arange(rows), self.chosen] > 0)
            and np.all((self.reward >= 0) & (self.reward <= 1))
        )

    def only(self, rows: NDArray[np.bool_]) -> "Log":
        """The log of some of its decisions."""
        return Log(
            offered=self.offered[rows],
            chosen=self.chosen[rows],
            reward=self.reward[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


def first_by(scores: Floats, known: NDArray[np.bool_]) -> Floats:
    """The probabilities of coming first by score: the best, or the best in equal parts."""
    held = np.where(known, scores, -np.inf)
    best = known & (held == held.max(axis=1, keepdims=True))
    shares: Floats = best / best.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True, kw_only=True, slots=True)
class _Weighed:
    """The covered decisions: weights of all candidates, what the policy would choose."""

    log: Log
    policy: Floats
    predicted: Floats
    of_all: Floats
    clipped: float

    @property
    def weights(self) -> Floats:
        """Those of what was chosen."""
        return self.of_all[np.arange(len(self.log.chosen)), self.log.chosen]

    @property
    def effective(self) -> float:
        return _effective(self.weights)


def _effective(weights: Floats) -> float:
    """Kish's effective size: so many equal weights are as good."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _weigh(log: Log, policy: Floats, predicted: Floats, cap: float | None) -> _Weighed:
    of_all = np.divide(
        policy, log.offered, out=np.zeros_like(policy), where=log.offered > 0
    )
    held = of_all if cap is None else np.minimum(of_all, cap)
    lost = np.maximum(policy - held * log.offered, 0).sum(axis=1)
    return _Weighed(
        log=log,
        policy=policy,
        predicted=predicted,
        of_all=held,
        clipped=float(lost.mean()) if len(lost) else 0.0,
    )


def _are_wrong(log: Log, policy: Floats) -> bool:
    """Whether choices fell otherwise than their propensities say.

    The variance of a weight follows from propensities alone, so no estimate is needed.
    """
    ratio = np.divide(
        policy, log.offered, out=np.zeros_like(policy), where=log.offered > 0
    )
    drawn = ratio[np.arange(len(log.chosen)), log.chosen]
    variance = float(((policy * ratio).sum(axis=1) - 1).sum())
    off = abs(float((drawn - 1).sum()))
    return off > BEYOND_CHANCE * sqrt(max(variance, 0.0)) + NEARLY * len(drawn)


def estimate(
    log: Log,
    policy: Floats,
    method: Method,
    *,
    about: About = About.VALUE,
    predicted: Floats | None = None,
    most_weight: float | None = None,
    least_coverage: float = LEAST_COVERAGE,
    level: float = 0.95,
) -> Estimate:
    """What the policy would have earned, or by how much more than what was logged.

    `predicted`: what a model expects of each candidate, for DR only. What was logged
    includes what exploration cost, so an uplift is fair to a policy that explores, too.
    """
    if (method is Method.DR) != (predicted is not None):
        raise ValueError("DR, and nothing else, needs predictions")
    rows = len(log.reward)
    refused = Estimate(method=method, about=about, choices=rows)
    why = _stops(log, policy)
    if why is not None:
        return replace(refused, why=why)
    covered = np.where(log.offered > 0, 0, policy).sum(axis=1) < NEARLY
    refused = replace(refused, coverage=float(covered.mean()))
    if covered.mean() < max(least_coverage, 1 / rows):
        return replace(refused, why=Why.LITTLE_COVERAGE)
    if _are_wrong(log.only(covered), policy[covered]):
        return replace(refused, why=Why.PROPENSITIES_WRONG)
    guess = np.zeros_like(policy) if predicted is None else predicted
    weighed = _weigh(log.only(covered), policy[covered], guess[covered], most_weight)
    if weighed.effective < LEAST_EFFECTIVE:
        return replace(refused, why=Why.TOO_FEW, effective=weighed.effective)
    return _figure(weighed, log, covered, method, about, level)


def _stops(log: Log, policy: Floats) -> Why | None:
    """What stands against any estimate, before coverage is looked at."""
    if len(log.reward) == 0:
        return Why.NO_CHOICES
    if not log.is_coherent(policy):
        return Why.INCOHERENT
    if bool(np.all(log.offered.max(axis=1) > 1 - NEARLY)):
        return Why.NO_EXPLORATION
    return None


def _parts(
    weighed: _Weighed, method: Method, about: About
) -> tuple[Floats, tuple[float, float]]:
    """Each decision's part in the figure, and between what any such part must lie.

    A part is base + weight * (reward - supposed), less what was logged for an uplift.
    """
    reward, weights, of_all = weighed.log.reward, weighed.weights, weighed.of_all
    supposed = np.zeros_like(of_all)
    base = np.zeros(len(reward))
    if method is Method.SNIPS:
        ratio = float((weights * reward).sum() / weights.sum())
        supposed, base = np.full_like(of_all, ratio), np.full(len(reward), ratio)
        of_all = of_all / weights.mean()
    elif method is Method.DR:
        supposed = weighed.predicted
        base = (weighed.policy * supposed).sum(axis=1)
    taken = 1.0 if about is About.UPLIFT else 0.0
    # A part moves in a straight line with its reward, so its ends are at 0 and 1.
    at_0 = base[:, None] - of_all * supposed
    at_1 = at_0 + of_all - taken
    rows = np.arange(len(reward)), weighed.log.chosen
    parts = at_0[rows] + reward * (at_1 - at_0)[rows]
    could = weighed.log.offered > 0
    low, high = np.minimum(at_0, at_1)[could].min(), np.maximum(at_0, at_1)[could].max()
    return parts, (float(low), float(high))


def _figure(
    weighed: _Weighed,
    log: Log,
    covered: NDArray[np.bool_],
    method: Method,
    about: About,
    level: float,
) -> Estimate:
    """The figure with its interval, and what holds for all decisions."""
    parts, (low, high) = _parts(weighed, method, about)
    value = float(parts.mean())
    kind = _kind(weighed)
    half = _half(parts, weighed.log.groups, kind, (low, high), level)
    floor = -1.0 if about is About.UPLIFT else 0.0
    up, down = weighed.clipped, 0.0 if method is Method.IPS else weighed.clipped

    def whole(of_rest: float) -> tuple[float, float]:
        """Mean and half width, were all that is not covered worth this much."""
        each = np.full(len(log.reward), of_rest)
        if about is About.UPLIFT:
            each -= log.reward
        each[covered] = parts
        ends = min(low, floor), max(high, 1.0)
        return float(each.mean()), _half(each, log.groups, kind, ends, level)

    (worst, worst_half), (best, best_half) = whole(0.0), whole(1.0)

    def within(number: float) -> float:
        return float(min(max(number, floor), 1.0))

    return Estimate(
        method=method,
        about=about,
        choices=len(log.reward),
        value=within(value),
        lower=within(value - half - down),
        upper=within(value + half + up),
        least=within(worst - worst_half - down),
        most=within(best + best_half + up),
        level=level,
        interval=kind,
        coverage=float(covered.mean()),
        effective=weighed.effective,
        clipped=weighed.clipped,
    )


def _kind(weighed: _Weighed) -> Interval:
    """The central limit where there is enough of everything."""
    log, weights = weighed.log, weighed.weights
    groups = len(weights) if log.groups is None else len(np.unique(log.groups))
    least = min(
        _effective(weights * log.reward), _effective(weights * (1 - log.reward))
    )
    is_plenty = (
        groups >= LEAST_GROUPS
        and weighed.effective >= LEAST_FOR_NORMAL
        and least >= LEAST_HITS
    )
    return Interval.NORMAL if is_plenty else Interval.BERNSTEIN


def _half(
    parts: Floats,
    groups: Ints | None,
    kind: Interval,
    ends: tuple[float, float],
    level: float,
) -> float:
    """Half the width of the interval of a mean of parts that come in groups."""
    each = np.arange(len(parts)) if groups is None else groups
    _, place = np.unique(each, return_inverse=True)
    sizes = np.bincount(place).astype(float)
    sums, many, total = np.bincount(place, weights=parts), len(sizes), len(parts)
    mean, (low, high) = float(parts.mean()), ends
    if many < 2:
        return high - low
    if kind is Interval.NORMAL:
        off = float(np.square(sums - sizes * mean).sum())
        off += float(sizes.mean()) ** 2 * ((high - mean) ** 2 + (mean - low) ** 2)
        error = sqrt(off * many / (many - 1)) / total
        return NormalDist().inv_cdf(0.5 + level / 2) * error
    # Maurer and Pontil, theorem 4, on both sides, over the groups' shares of the mean.
    shares = sums * many / total
    logarithm = float(np.log(4 / (1 - level)))
    # A share is at least nothing: smaller groups than the largest reach less far.
    reach = (max(high, 0.0) - min(low, 0.0)) * float(sizes.max()) * many / total
    spread = float(shares.var(ddof=1))
    return sqrt(2 * spread * logarithm / many) + 7 * reach * logarithm / (
        3 * (many - 1)
    )
