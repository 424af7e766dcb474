"""S3, S4: the broker's queue stays short, and no hand is idle while there is work."""

from collections import deque

import pytest

from autonomy.rules.flow import LEAST, PATIENCE, Seen, room_after

MOST, ROUND = 160, 0.03


def _played(each_takes: float, hands: int) -> tuple[float, float]:
    """A backlog without an end, some seconds long: the longest that somebody would
    have waited who came in its second half, and the share of time that hands worked.
    """
    queue: deque[float] = deque()
    free = [0.0] * hands
    room, worked, longest, seconds = LEAST, 0.0, 0.0, 40 * max(each_takes, 0.25)
    for turn in range(int(seconds / ROUND)):
        now = turn * ROUND
        for hand in range(hands):
            while queue and free[hand] <= now:
                free[hand] = max(free[hand], queue.popleft(), now - ROUND) + each_takes
                worked += each_takes
        ages = sorted(now - sent for sent in queue)
        age = ages[len(ages) // 2] if ages else 0.0
        room = room_after(room, Seen(waiting=len(ages), age=age, full=True), most=MOST)
        queue.extend([now] * max(0, room - len(queue)))
        if now > seconds / 2:
            longest = max(longest, len(queue) * each_takes / hands)
    return longest, worked / (seconds * hands)


@pytest.mark.parametrize("hands", [1, 2, 16])
@pytest.mark.parametrize("each_takes", [0.004, 0.04, 0.2, 1.0, 5.0])
def test_the_queue_is_as_short_as_hands_are_slow(each_takes: float, hands: int) -> None:
    """Whoever comes next waits a moment, or for a few that were sent at least."""
    longest, busy = _played(each_takes, hands)
    assert longest <= max(6 * PATIENCE, (LEAST + hands) * 2 * each_takes / hands)
    assert busy > 0.9


def test_room_never_leaves_its_bounds() -> None:
    for room in (1, LEAST, 50, MOST):
        for waiting in (0, 1, LEAST, MOST, 10 * MOST):
            for age in (0.0, PATIENCE, 1.0, 3600.0):
                for full in (False, True):
                    seen = Seen(waiting=waiting, age=age, full=full)
                    after = room_after(room, seen, most=MOST)
                    assert min(room, LEAST) <= after <= MOST


def test_what_an_easy_crowd_had_needed_is_given_back() -> None:
    room = MOST
    for _ in range(20):
        room = room_after(room, Seen(waiting=0, age=0.0, full=False), most=MOST)
    assert room == LEAST
