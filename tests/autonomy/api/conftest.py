"""A desk that tests only knock at, so that it is opened once."""

from collections.abc import Callable

import pytest

from tests.autonomy.conftest import Desk

_still: list[Desk] = []


@pytest.fixture
def still(make_desk: Callable[..., Desk]) -> Desk:
    """For tests of refusals: nothing of what they send may change anything there."""
    if not _still:
        _still.append(make_desk())
    return _still[0]
