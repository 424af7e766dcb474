"""P6, P7: the order of admission, and that units are taken all together or not at all."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from perception.rules.cadence import UNITS, Depth
from perception.rules.pulls import (
    HORIZON,
    Board,
    Judged,
    KindLane,
    Lane,
    Reason,
    Wish,
    admit,
    backoff,
    in_order,
)
from tests.conftest import NOW

SECOND = timedelta(seconds=1)
IDS = [UUID(int=number) for number in range(1, 4)]


def lane(id_: UUID = IDS[0], **more: Any) -> Lane:
    given = {"rate_per_s": 10.0, "free_at": None, "limit": 100, "used": 0}
    return Lane(id=id_, name=f"c{id_.int}", kind="feed", **{**given, **more})


def board(*lanes: Lane, limit: int = 100, used: int = 0, **more: Any) -> Board:
    kind = KindLane(kind="feed", rate_per_s=more.pop("rate", 50.0), free_at=None)
    return Board(
        lanes={each.id: each for each in lanes or (lane(),)},
        kinds={"feed": more.pop("kind", kind)},
        limit=limit,
        used=used,
        midnight=NOW + timedelta(hours=5),
        **more,
    )


def wish(key: str = "k", connector: UUID = IDS[0], **more: Any) -> Wish:
    given = {"depth": Depth.SHALLOW, "worth": 0.5, "account": None}
    return Wish(connector=connector, key=key, **{**given, **more})


def judge(held: Board, *wishes: Wish) -> list[Judged]:
    return admit(held, wishes, now=NOW)[0]


def test_each_refusal_and_when_to_come_back() -> None:
    """P7, P10: said by name, in words, with the time to come again."""
    far = NOW + 2 * HORIZON
    cases = [
        (board(lane(open_until=far)), wish(), Reason.BREAKER_OPEN, far),
        (board(lane(free_at=far)), wish(), Reason.RATE_LIMIT, NOW + HORIZON),
        (
            board(kind=KindLane(kind="feed", rate_per_s=1, free_at=far)),
            wish(), Reason.RATE_LIMIT, NOW + HORIZON,
        ),
        (board(keys=frozenset("k")), wish(), Reason.DUPLICATE_PULL_JOB_ID, NOW),
        (board(), wish(is_open=True), Reason.DUPLICATE_PULL_JOB_ID, NOW),
        (
            board(used=100), wish(), Reason.BUDGET_EXCEEDED,
            NOW + timedelta(hours=5),
        ),
        (
            board(lane(used=100)), wish(), Reason.BUDGET_EXCEEDED,
            NOW + timedelta(hours=5),
        ),
    ]  # fmt: skip
    for held, asked, reason, at in cases:
        (judged,), after = admit(held, [asked], now=NOW)
        assert (judged.reason, judged.at, judged.units) == (reason, at, 0)
        assert judged.words.endswith(".")
        # Nothing was taken.
        assert (after.used, after.lanes, after.kinds) == (
            held.used, held.lanes, held.kinds,
        )  # fmt: skip


def test_the_order_is_breaker_rate_key_budget() -> None:
    """P7: what is wrong first is what is said, one mended after the other."""
    far = NOW + 2 * HORIZON
    bad = {"open_until": far, "free_at": far, "used": 100}
    seen = []
    for mended in ({}, {"open_until": None}, {"free_at": None}, {"used": 0}):
        bad |= mended
        keys = frozenset("k") if len(seen) < 3 else frozenset()
        seen.append(judge(board(lane(**bad), keys=keys), wish())[0].reason.value)
    assert seen == [
        "BREAKER_OPEN", "RATE_LIMIT", "DUPLICATE_PULL_JOB_ID", "ADMITTED",
    ]  # fmt: skip
    assert judge(board(lane(used=100)), wish())[0].reason is Reason.BUDGET_EXCEEDED


def test_pulls_go_out_one_slot_after_the_other() -> None:
    """P7: tenant and connector by its own rate, all tenants' kind by the common one."""
    judged = judge(board(), *(wish(str(number)) for number in range(3)))
    assert [each.at - NOW for each in judged] == [0 * SECOND, SECOND / 10, SECOND / 5]
    slow = board(lane(rate_per_s=1000), rate=2.0)
    judged = judge(slow, *(wish(str(number)) for number in range(3)))
    assert [each.at - NOW for each in judged] == [0 * SECOND, SECOND / 2, SECOND]


def test_a_probing_connector_gets_one() -> None:
    """P10: after a cooldown one pull goes, the rest waits for what becomes of it."""
    judged = judge(board(lane(one_only=True)), wish("a"), wish("b"))
    assert [each.reason for each in judged] == [Reason.ADMITTED, Reason.BREAKER_OPEN]


def test_what_cannot_be_deep_is_shallow() -> None:
    (judged,) = judge(board(used=98), wish(depth=Depth.DEEP))
    assert (judged.admitted, judged.depth, judged.units) == (True, "SHALLOW", 1)
    assert "too few units" in judged.words


def test_coverage_first_then_worth() -> None:
    """P5, P6."""
    asked = [wish("a", worth=0.9), wish("b", worth=0.1, is_overdue=True), wish("c")]
    assert [each.key for each in in_order(asked)] == ["b", "a", "c"]
    judged = judge(board(limit=2), *asked)
    assert [each.wish.key for each in judged if each.admitted] == ["b", "a"]


WISHES = st.lists(
    st.builds(
        wish,
        key=st.sampled_from("abcdefghij"),
        connector=st.sampled_from(IDS),
        depth=st.sampled_from(list(Depth)),
        worth=st.floats(0, 1),
        is_overdue=st.booleans(),
        is_open=st.booleans(),
    ),
    max_size=30,
)
LANES = st.tuples(
    *(
        st.builds(
            lane,
            st.just(id_),
            limit=st.integers(0, 20),
            used=st.integers(0, 10),
            rate_per_s=st.sampled_from([0.05, 1.0, 100.0]),
            one_only=st.booleans(),
        )
        for id_ in IDS
    )
)


@settings(max_examples=80, deadline=None)
@given(WISHES, LANES, st.integers(0, 40), st.integers(0, 20))
def test_budgets_are_never_exceeded_and_taken_all_or_none(
    wishes: list[Wish], lanes: tuple[Lane, ...], limit: int, used: int
) -> None:
    """P6, P7: for any wishes, every row of units agrees with what was admitted."""
    before = board(*lanes, limit=limit, used=used)
    judged, after = admit(before, wishes, now=NOW)
    assert len(judged) == len(wishes)
    taken = [each for each in judged if each.admitted]
    assert after.used - before.used == sum(each.units for each in taken)
    assert after.used <= max(limit, used)
    for id_, held in before.lanes.items():
        mine = [each for each in taken if each.wish.connector == id_]
        assert after.lanes[id_].used - held.used == sum(each.units for each in mine)
        assert after.lanes[id_].used <= max(held.limit, held.used)
        assert not held.one_only or len(mine) <= 1
        slots = sorted(each.at for each in mine)
        apart = timedelta(seconds=1 / held.rate_per_s)
        assert all(b - a >= apart for a, b in pairwise(slots))
        assert all(slot - NOW <= HORIZON for slot in slots)
    keys = [each.wish.key for each in taken]
    assert len(keys) == len(set(keys))
    assert not any(each.wish.is_open for each in taken)
    assert all(each.units == UNITS[each.depth] for each in taken)


@given(st.integers(1, 50), st.floats(0, 1))
def test_pauses_grow_and_end(attempts: int, lot: float) -> None:
    pause = backoff(attempts, lot=lot)
    assert timedelta(seconds=5) <= pause <= timedelta(hours=1)
    assert pause <= backoff(attempts + 1, lot=1)
