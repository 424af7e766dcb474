"""N5, N6: what an off-policy estimate says, or why there is none."""

from dataclasses import dataclass
from enum import StrEnum


class Method(StrEnum):
    """How the worth of a ranking is estimated from what another one chose."""

    IPS = "ips"
    SNIPS = "snips"
    DR = "dr"


class About(StrEnum):
    """The worth of the candidate's choices, or by how much it exceeds what was logged."""

    VALUE = "value"
    UPLIFT = "uplift"


class Interval(StrEnum):
    """How an interval was made: by the central limit, or true at any size but wide."""

    NORMAL = "normal"
    BERNSTEIN = "bernstein"


class Why(StrEnum):
    """Why something cannot be estimated."""

    NO_CHOICES = "NO_CHOICES"
    INCOHERENT = "INCOHERENT"
    NO_EXPLORATION = "NO_EXPLORATION"
    LITTLE_COVERAGE = "LITTLE_COVERAGE"
    TOO_FEW = "TOO_FEW"
    PROPENSITIES_WRONG = "PROPENSITIES_WRONG"


WORDS = {
    Why.NO_CHOICES: "Nothing was logged in this stretch.",
    Why.INCOHERENT: "Propensities, choices or rewards of the log contradict each other.",
    Why.NO_EXPLORATION: (
        "What came first was never left to chance, so nothing is known of what would "
        "have come of another choice. Set an exploration share to make it known."
    ),
    Why.LITTLE_COVERAGE: (
        "Too much of what the candidate would choose could never have come first."
    ),
    Why.TOO_FEW: "Too few choices speak for the candidate.",
    Why.PROPENSITIES_WRONG: (
        "Choices were not made as often as their propensities say, so nothing that "
        "rests on these can be believed."
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A figure with its interval, or `why` there is none: never both.

    `value`, `lower` and `upper` are about the choices whose support is in the log;
    `least` and `most` bound what holds for all, whatever the others would have brought.
    """

    method: Method
    about: About
    choices: int
    why: Why | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    least: float | None = None
    most: float | None = None
    level: float | None = None
    interval: Interval | None = None
    # The share of the candidate's choices that could have come first in the log.
    coverage: float | None = None
    # As many choices of the candidate itself would say as much.
    effective: float | None = None
    # The share of the candidate's choices that clipping took: by so much, at most, the
    # figure may be off. The interval is wider by it.
    clipped: float | None = None

    @property
    def says(self) -> str:
        """One sentence for people."""
        if self.why is not None:
            return f"Cannot be estimated. {WORDS[self.why]}"
        share = f"{self.coverage or 0:.0%}"
        return (
            f"{self.value:.3f}, between {self.lower:.3f} and {self.upper:.3f}, on the "
            f"{share} of choices that the log speaks for."
        )

    @property
    def is_above_zero(self) -> bool:
        """Whether an uplift is beyond doubt, where the log speaks for it."""
        return self.about is About.UPLIFT and self.lower is not None and self.lower > 0
