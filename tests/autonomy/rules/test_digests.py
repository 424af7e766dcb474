"""O3, A8: which digests are due however clocks move, and whose receipt one mail is."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy.rules.digests import (
    LONGEST,
    TRIES,
    again,
    due_days,
    message_id,
    newest,
    owed,
    tells_since,
    turns,
)

BERLIN = "Europe/Berlin"
DAY = timedelta(days=1)
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = ("UTC", BERLIN, "America/Los_Angeles", "Pacific/Apia", "Australia/Lord_Howe")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_each_local_date_is_due_once_when_clocks_go_forth_and_back() -> None:
    """An hour that is left out comes a little later; one that comes twice counts once."""
    spring = turns(
        at("2026-03-27T12:00Z"), at("2026-03-30T12:00Z"), zone=BERLIN, hour=2
    )
    assert [turn.day.day for turn in spring] == [28, 29, 30]
    assert spring[1].at == at("2026-03-29T01:00Z")
    autumn = turns(
        at("2026-10-23T12:00Z"), at("2026-10-26T12:00Z"), zone=BERLIN, hour=2
    )
    assert [turn.day.day for turn in autumn] == [24, 25, 26]
    assert autumn[1].at == at("2026-10-25T00:00Z")


def test_a_day_that_a_zone_leaves_out_has_no_digest() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    found = due_days(
        at("2011-12-28T00:00Z"), at("2012-01-02T00:00Z"), zone="Pacific/Apia", hour=8
    )
    assert date(2011, 12, 30) not in found
    assert {date(2011, 12, 29), date(2011, 12, 31)} <= found


@given(
    now=st.datetimes(
        datetime(2011, 12, 20), datetime(2030, 1, 1), timezones=st.just(UTC)
    ),
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
)
@settings(max_examples=200, deadline=None)
def test_whoever_gets_each_digest_when_it_is_due_owes_nothing(
    now: datetime, zone: str, hour: int
) -> None:
    """A8: what is written covers exactly what the gate asks for."""
    since = now - 20 * DAY
    found = owed(
        begun=since - DAY, opted_in=since, written=[], delivered=[],
        now=now, zone=zone, hour=hour,
    )  # fmt: skip
    assert found is not None
    told = {found.turn.day, *(each.day for each in found.covers)}
    assert told == due_days(since, now, zone=zone, hour=hour)
    assert found.turn == newest(now, zone=zone, hour=hour)
    assert now - found.turn.at < 2 * DAY
    settled = owed(
        begun=since, opted_in=since, written=told, delivered=told,
        now=now, zone=zone, hour=hour,
    )  # fmt: skip
    assert settled is None


def test_the_day_that_a_tenant_began_on_has_none_unless_somebody_opted_in() -> None:
    begun, now = at("2026-05-05T04:00Z"), at("2026-05-05T07:00Z")
    given_ = {"begun": begun, "written": [], "delivered": [], "zone": BERLIN, "hour": 8}
    assert owed(opted_in=None, now=now, **given_) is None
    assert owed(opted_in=at("2026-05-05T06:30Z"), now=now, **given_) is None
    found = owed(opted_in=at("2026-05-05T05:00Z"), now=now, **given_)
    assert found is not None
    assert (found.turn.day, found.covers) == (date(2026, 5, 5), ())
    assert owed(opted_in=None, now=now + DAY, **given_) is not None


def test_it_tells_from_the_last_that_arrived_or_from_all_that_it_covers() -> None:
    now = at("2026-05-08T06:01Z")
    given_ = {"begun": BEGUN, "now": now, "zone": BERLIN, "hour": 8}
    plain = owed(opted_in=None, written=[], delivered=[], **given_)
    assert plain is not None
    assert tells_since(plain, None, begun=BEGUN) == at("2026-05-07T06:00Z")
    young = at("2026-05-06T09:00Z")
    assert tells_since(plain, None, begun=young) == young
    last = at("2026-05-07T06:00:09Z")
    assert tells_since(plain, last, begun=BEGUN) == last
    behind = owed(
        opted_in=at("2026-05-04T12:00Z"), written=[date(2026, 5, 7)],
        delivered=[date(2026, 5, 5)], **given_,
    )  # fmt: skip
    assert behind is not None
    assert [each.day.day for each in behind.covers] == [6, 7]
    last = at("2026-05-05T06:01Z")
    assert tells_since(behind, last, begun=BEGUN) == at("2026-05-05T06:00Z")


def test_it_is_tried_further_and_further_apart_and_not_for_ever() -> None:
    waits = [again(tried, now=BEGUN) for tried in range(1, TRIES + 1)]
    assert waits[-1] is None
    spans = [each - BEGUN for each in waits if each is not None]
    assert spans == sorted(spans)
    assert spans[0] == timedelta(minutes=1)
    assert spans[-1] == LONGEST


def test_a_message_id_is_the_same_for_a_member_and_a_day_and_for_nothing_else() -> None:
    day = date(2026, 5, 5)
    ids = {
        message_id(member, each, "here.example")
        for member in ("a", "b")
        for each in (day, day + DAY)
    }
    assert len(ids) == 4
    assert message_id("a", day, "here.example") in ids
