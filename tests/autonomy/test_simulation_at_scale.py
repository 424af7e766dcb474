"""A13: a hundred thousand recorded intents are judged again within two minutes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from autonomy.simulate import simulate
from bench.governance import a_history
from tests.autonomy.conftest import Desk

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def _simulated(desk: Desk, count: int) -> tuple[dict[str, int], list[float], float]:
    """The report, the progress that was shown, and how long it took."""
    for confidence in (0.5, 0.71, 0.9):
        desk.propose(confidence=confidence)
        desk.propose("send_email", confidence=confidence)
    a_history(desk.tenant, count, SINCE)
    shown: list[float] = []
    began = time.perf_counter()
    report = simulate(
        SINCE,
        SINCE + timedelta(days=60),
        {},
        tenant=desk.tenant,
        progressed=shown.append,
    )
    return report, shown, time.perf_counter() - began


def test_a_long_history_differs_nowhere_and_shows_its_progress(
    make_desk: Callable[..., Desk],
) -> None:
    report, shown, _ = _simulated(make_desk(), 10_000)
    assert (report["judged"], report["differences"]) == (10_000, 0)
    assert shown == sorted(shown)
    assert len(shown) == 5
    assert shown[-1] == 1


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_intents_in_two_minutes(
    make_desk: Callable[..., Desk],
) -> None:
    report, _, took = _simulated(make_desk(), 100_000)
    assert (report["judged"], report["differences"]) == (100_000, 0)
    assert took < 120
