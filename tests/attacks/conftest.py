"""What attacks are aimed at: two houses with one of everything, desks that may act alone."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from config import rates
from tests import trials
from tests.attacks.doors import town
from tests.attacks.trying import Trials, Watch
from tests.autonomy.conftest import desk, make_desk

__all__ = ["desk", "make_desk", "seed", "tried"]


@pytest.fixture
def tried(db: None, superuser: Any, settings: Any) -> Iterator[Trials]:
    """Two houses; nobody is slowed down, and thousands of lines are not logged."""
    settings.RATES = {"": (1_000_000, 1_000_000)}
    rates._limiter.cache_clear()
    lines = logging.getLogger("config.requests")
    said = lines.level
    lines.setLevel(logging.WARNING)
    given = town()
    yield Trials(given=given, watch=Watch(superuser, *given.tenants))
    lines.setLevel(said)
    rates._limiter.cache_clear()


@pytest.fixture(params=["a part", pytest.param("all", marks=pytest.mark.long)])
def seed(request: pytest.FixtureRequest) -> int | None:
    """What the part that is tried is drawn with; nothing where everything is."""
    return trials.seed(20261122) if request.param == "a part" else None
