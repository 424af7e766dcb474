"""What rounds come to: figures of each, round by round, and their ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What runs took in one round: milliseconds for each run."""

    cpu: float
    servers: float
    wall: float

    @property
    def whole(self) -> float:
        return self.cpu + self.servers


RATIOS = {"cpu": "cpu", "wall": "wall", "whole": "with servers"}


def to_the_first(
    rounds: Sequence[Mapping[str, Taken]],
    names: Sequence[str],
    failed: Mapping[str, str],
) -> Figures:
    """What each took, and how many times of the first; why those that failed did."""
    first, found = names[0], Figures()
    for name in names:
        if name in failed:
            found[f"{name}: failed"] = failed[name]
            continue
        for what in ("cpu", "servers", "wall"):
            took = [getattr(one[name], what) for one in rounds]
            found[f"{name}: ms of {what}"] = [round(each, 3) for each in took]
    for name in [name for name in names[1:] if name not in failed]:
        for what, label in RATIOS.items():
            found[f"{name} to {first}, {label}"] = [
                round(getattr(one[name], what) / getattr(one[first], what), 3)
                for one in rounds
            ]
    return found


def of_pages(rounds: Sequence[Mapping[str, tuple[float, float]]]) -> Figures:
    """Of the feed and the plain page: requests a second and the slowest hundredth."""
    found = Figures()
    for name in ("feed", "plain"):
        found[f"{name}: requests a second"] = [round(one[name][0], 1) for one in rounds]
        found[f"{name}: ms, p99"] = [round(one[name][1], 2) for one in rounds]
    for place, what in enumerate(("requests a second", "p99")):
        found[f"feed to plain, {what}"] = [
            round(one["feed"][place] / one["plain"][place], 3) for one in rounds
        ]
    return found
