"""H5: how long a question was open in front of whoever decides it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.rules.approvals import LONGEST_LOOK, Look

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
AROUND = st.timedeltas(min_value=-2 * LONGEST_LOOK, max_value=2 * LONGEST_LOOK)


@given(took=AROUND, among=st.integers(min_value=1, max_value=100))
def test_a_look_counts_while_somebody_can_have_looked(
    took: timedelta, among: int
) -> None:
    """From the page to the decision; what cannot be so is not known."""
    found = Look(since=T0, among=among).dwell(T0 + took)
    if timedelta(0) <= took <= LONGEST_LOOK:
        assert found == pytest.approx(took.total_seconds() / among, abs=0.001)
    else:
        assert found is None


@given(took=AROUND, among=st.integers(min_value=1, max_value=100))
def test_no_second_counts_for_two_questions(took: timedelta, among: int) -> None:
    """Of many that one click decides, all looks together are as long as the page was."""
    one = Look(since=T0).dwell(T0 + took)
    each = Look(since=T0, among=among).dwell(T0 + took)
    assert (one is None) == (each is None)
    if one is not None and each is not None:
        assert each * among == pytest.approx(one, abs=0.001 * among)


@pytest.mark.parametrize(
    ("took", "found"),
    [
        (timedelta(0), 0.0),
        (timedelta(seconds=12.3456), 12.346),
        (LONGEST_LOOK, LONGEST_LOOK.total_seconds()),
        (LONGEST_LOOK + timedelta(microseconds=1), None),
        (timedelta(microseconds=-1), None),
    ],
)
def test_the_edges_of_a_look(took: timedelta, found: float | None) -> None:
    assert Look(since=T0).dwell(T0 + took) == found
