"""What goes wrong in a world, by lot: the same lot, the same faults."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from django.db import connection

# Within so many statements a process that is to die does.
SOON = 60


def lot_of(seed: float) -> Random:
    """One that falls alike for the same seed; it keeps no secret."""
    return Random(seed)  # noqa: S311


class Death(BaseException):
    """The process is gone, between one statement and the next."""


@contextmanager
def dying_after(statements: int) -> Iterator[list[int]]:
    """The connection is cut off before a statement; nothing after it is done. What is
    yielded holds something once that has happened.
    """
    left, died = [statements], list[int]()

    def cut(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Death
        return execute(sql, params, many, context)

    try:
        with connection.execute_wrapper(cut):
            yield died
    except Death:
        died.append(statements)


@dataclass(frozen=True, kw_only=True)
class Odds:
    """How likely each fault is, whenever it could come."""

    lost: float = 0.0
    repeated: float = 0.0
    killed: float = 0.0
    # Of a call of an outside tool: applied and never heard of, or refused.
    unheard: float = 0.0
    refused: float = 0.0
    # Of an hour: that all processes sleep through the next ones.
    asleep: float = 0.0


CALM = Odds()
STORM = Odds(
    lost=0.06, repeated=0.08, killed=0.05, unheard=0.12, refused=0.08, asleep=0.02
)


@dataclass(kw_only=True)
class Fate:
    """Says what happens, and counts it."""

    odds: Odds
    lot: Random
    struck: Counter[str] = field(default_factory=Counter)

    def strikes(self, fault: str) -> bool:
        """Whether this fault comes now."""
        chance: float = getattr(self.odds, fault)
        # Drawn in any case, so that a storm differs from calm in its faults alone.
        if self.lot.random() >= chance:
            return False
        self.struck[fault] += 1
        return True

    def hours_asleep(self) -> int:
        """How many hours pass without anybody there."""
        return self.lot.randint(2, 9) if self.strikes("asleep") else 0

    @contextmanager
    def mortal(self) -> Iterator[None]:
        """A process that may die at any statement; others go on without it."""
        if not self.strikes("killed"):
            yield
            return
        with dying_after(self.lot.randint(1, SOON)) as died:
            yield
        if died:
            # What it held open ends with its connection.
            connection.close()
