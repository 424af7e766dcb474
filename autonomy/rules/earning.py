"""N7: whose record counts for what, what it comes to, and how that is told.

What mode alone holds back would run by itself in a wider mode: how people decided about
it tells what widening would bring. Once it does run by itself, what chance sends to
people tells how good the rest is; and what was taken back or answered badly of the rest
tells when it is certainly not good enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from autonomy.rules.earned import LEAST_TRIALS, Earned, Says, earned

# So much must go well, with this certainty, for a wider mode; below the floor it narrows.
THRESHOLD, FLOOR, LEVEL = 0.9, 0.8, 0.95
# Who declined is not asked again for so long.
REST = timedelta(days=90)
WIDE = "AUTOPILOT"
WIDER: Mapping[str, str] = {"ASSIST": WIDE, "APPROVAL": WIDE}
RUNS = frozenset({WIDE, "SCHEDULED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Acts, and how many of them were regretted."""

    trials: int = 0
    regrets: int = 0

    def judged(self) -> Earned:
        return earned(
            self.trials, self.regrets, threshold=THRESHOLD, floor=FLOOR, level=LEVEL
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What became of a type's acts since its mode was last set.

    `asked`: held back by the mode, and decided by people. `reviewed`: sent to people by
    chance. `alone`: run by itself; nobody looked, so silence counts as well done.
    """

    action_type: str
    mode: str
    since: datetime
    asked: Counts = Counts()
    reviewed: Counts = Counts()
    alone: Counts = Counts()

    @property
    def counted(self) -> Counts:
        """The acts that stand for those which run, or would run, by themselves."""
        return self.reviewed if self.mode in RUNS else self.asked

    @property
    def says(self) -> Says:
        """What all of it suggests: wider only where there is something wider."""
        if self.mode in RUNS:
            if Says.NARROW in (self.reviewed.judged().says, self.alone.judged().says):
                return Says.NARROW
            found = self.reviewed.judged().says
            return Says.STAY if found is Says.WIDEN else found
        found = self.asked.judged().says
        return Says.STAY if found is Says.WIDEN and self.mode not in WIDER else found

    def stated(self) -> dict[str, Any]:
        """As plain JSON; where there is too little, no number."""
        found = replace(self.counted.judged(), says=self.says)
        return {
            "mode": self.mode,
            "to": WIDER.get(self.mode, ""),
            "since": self.since.isoformat(),
            "trials": found.trials,
            "regrets": found.regrets,
            "lower": rounded(found.lower),
            "upper": rounded(found.upper),
            "level": found.level,
            "threshold": THRESHOLD,
            "floor": FLOOR,
            "says": found.says.value,
            "alone": {"trials": self.alone.trials, "regrets": self.alone.regrets},
            "explanation": told(self),
        }


def told(record: Record) -> str:
    """The record in words that an admin reads."""
    counts, found = record.counted, record.counted.judged()
    whom = "sent to people by chance" if record.mode in RUNS else "that people decided"
    good = counts.trials - counts.regrets
    begin = f"Since {record.since:%Y-%m-%d}"
    if not counts.trials:
        said = f"{begin} there were no acts {whom}."
    else:
        acts = "1 act" if counts.trials == 1 else f"{counts.trials} acts"
        said = (
            f"{begin}, of {acts} {whom}, {good} went through unchanged and "
            "without regret."
        )
    said = f"{said} {_bounds(found)}"
    if record.mode in RUNS and record.alone.trials:
        alone = record.alone
        said += (
            f" Of {alone.trials} that ran alone, {alone.regrets} were taken back or "
            "answered badly."
        )
    return said


def _bounds(found: Earned) -> str:
    if found.lower is None or found.upper is None:
        return f"That is too little to say more: it takes at least {LEAST_TRIALS}."
    return (
        f"At least {found.lower:.1%} go well, and at most {found.upper:.1%}; each bound "
        f"holds with {found.level:.0%} certainty, however often one looks. "
        f"{THRESHOLD:.0%} is asked for."
    )


def rounded(bound: float | None) -> float | None:
    """Enough digits to compare, and no more than are known."""
    return None if bound is None else round(bound, 4)
