"""S3: how much may be under way at once: what hands take up soon, and no more.

A message that is sent stands in the queue before those of everybody who comes later, so
the queue is kept as short as the hands are slow; what is not sent waits where it is fair.
"""

from dataclasses import dataclass

# As much as is sent to hands that nobody has seen at work.
LEAST = 4
# Seconds after which more is sent where there is more than fits: at least, and at most.
SOON, LATER = 0.04, 0.1
# Seconds that half of what is sent may wait for a hand.
PATIENCE = 0.15
# Where fewer than one in so many places waits, the hands are about to be empty.
SHARE = 4
# Runs that travel in one message, at most: a message costs as much as half a walk.
MOST_TOGETHER = 8
# As many messages should be on their way before one carries more than one run.
APART = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is sent and not taken up: how many, and for how long, of half of them.

    `full`: whether somebody has more to do than there was room for.
    """

    waiting: int
    age: float
    full: bool


def room_after(room: int, seen: Seen, *, most: int) -> int:
    """The room from now on, never more than `most`."""
    if seen.waiting and seen.age > PATIENCE:
        taken_soon = int(seen.waiting * PATIENCE / seen.age)
        return max(LEAST, min(room, taken_soon))
    if not seen.full:
        # Who comes next must not find the room that an easy crowd had needed.
        return max(LEAST, min(room, room * 3 // 4))
    if seen.waiting * SHARE <= room:
        return min(most, room * 2)
    if seen.age * 3 <= PATIENCE * 2:
        # They keep up: what is sent in fewer and fuller messages costs them less.
        return min(most, room + 1)
    return room


def rest_after(seen: Seen) -> float:
    """Seconds for which hands have enough: about as many as half of it waits; 0 where
    whoever calls may hurry them.
    """
    return max(SOON, min(seen.age, LATER)) if seen.full else 0.0


def together(room: int, count: int) -> int:
    """How many of so many runs go in one message: more, the more room hands make, and
    about as many in each.
    """
    most = max(1, min(MOST_TOGETHER, room // APART))
    messages = -(-count // most)
    return -(-count // messages) if messages else 1
