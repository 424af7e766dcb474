"""The share of acts that ran alone, day by day: bars, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from autonomy.overview import Day

# Of the drawing: as wide as fits a phone, each day a bar.
WIDTH, HEIGHT, FOOT, GAP = 560, 150, 22, 8
WEEK = 7
# Of fewer acts, a share is told as how many of how many.
FEW = 5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One day: all its acts, and below them those that ran alone."""

    day: Day
    x: float
    middle: float
    wide: float
    top: float
    tall: float
    alone_top: float
    alone_tall: float
    is_named: bool
    is_named_small: bool

    @property
    def said(self) -> str:
        return percent(self.day.alone, self.day.acts)

    @property
    def whole(self) -> str:
        """The day in words."""
        return _told(self.day.alone, self.day.acts)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Bars, and what they come to."""

    bars: Sequence[Bar]
    width: int
    height: int
    base: float
    rate: str
    of: str
    before: str
    alone: int
    acts: int
    most: int

    @property
    def is_empty(self) -> bool:
        return self.most == 0

    @property
    def said(self) -> str:
        """What somebody who does not see it is told."""
        return (
            f"In the last {WEEK} days {_told(self.alone, self.acts)}; "
            f"in the {WEEK} days before, {self.before}."
        )


def chart(days: Sequence[Day]) -> Chart:
    """Draw days, the newest last."""
    most = max((day.acts for day in days), default=0)
    step = WIDTH / max(1, len(days))
    room = HEIGHT - FOOT
    bars = [_bar(day, place, step, room, most) for place, day in enumerate(days)]
    week, earlier = days[-WEEK:], days[-2 * WEEK : -WEEK]
    alone, acts = sum(day.alone for day in week), sum(day.acts for day in week)
    was = (sum(day.alone for day in earlier), sum(day.acts for day in earlier))
    return Chart(
        bars=bars,
        width=WIDTH,
        height=HEIGHT,
        base=room,
        rate=percent(alone, acts),
        of=_of(acts),
        before=f"{percent(*was)} {_of(was[1])}".strip(),
        alone=alone,
        acts=acts,
        most=most,
    )


def percent(part: int, whole: int) -> str:
    """A share in words: of nothing, there is none; of few, how many of how many."""
    if not whole:
        return "no acts"
    return f"{part} of {whole}" if whole < FEW else f"{round(100 * part / whole)} %"


def _of(acts: int) -> str:
    """What follows a share: of how many."""
    word = "act" if acts == 1 else "acts"
    return "" if not acts else word if acts < FEW else f"of {acts:,} {word}"


def _told(alone: int, acts: int) -> str:
    share = f", {percent(alone, acts)}" if acts >= FEW else ""
    word = "act" if acts == 1 else "acts"
    return f"{alone:,} of {acts:,} {word} ran alone{share}" if acts else "no acts"


def _bar(day: Day, place: int, step: float, room: float, most: int) -> Bar:
    tall = room * day.acts / most if most else 0
    lower = room * day.alone / most if most else 0
    return Bar(
        day=day,
        x=round(place * step + GAP / 2, 1),
        middle=round((place + 0.5) * step, 1),
        wide=round(step - GAP, 1),
        top=round(room - tall, 1),
        tall=round(tall, 1),
        alone_top=round(room - lower, 1),
        alone_tall=round(lower, 1),
        is_named=place % 2 == 1,
        is_named_small=place % 4 == 1,
    )
