"""What broke by itself while the others were served: how much, and of which kind first."""

from collections.abc import Callable

Tell = Callable[[Exception], None]


def unheard(problem: Exception) -> None:
    """Nobody counts."""


class Faults:
    """Counts what it is told; never the words of a fault, which may name people."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def __call__(self, problem: Exception) -> None:
        self.count += 1
        self.first = self.first or type(problem).__name__
