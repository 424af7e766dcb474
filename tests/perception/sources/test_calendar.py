"""P9: meetings that were made and meetings that took place, each once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from perception.sources.events import Patience, TooOften, events_of, occurrences
from perception.sources.registry import SOURCES
from tests.perception.sources.hostile import ABOUT, MULTISTATUS, dav
from tests.perception.sources.servers import (
    NOW,
    Peer,
    Radicale,
    asked,
    everything,
    wire,
)

CALENDAR = SOURCES["calendar"]
BERLIN = ZoneInfo("Europe/Berlin")
CAROL = "ATTENDEE:mailto:Carol@acme.example\r\n"
CUSTOM = """BEGIN:VTIMEZONE\r
TZID:Our own\r
BEGIN:STANDARD\r
DTSTART:19700101T000000\r
TZOFFSETFROM:+0300\r
TZOFFSETTO:+0300\r
{rule}END:STANDARD\r
END:VTIMEZONE\r
"""


def ics(*events: str, zone: str = "") -> str:
    body = "".join(
        f"BEGIN:VEVENT\r\nDTSTAMP:20261110T080000Z\r\n{each}END:VEVENT\r\n"
        for each in events
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\n{zone}{body}END:VCALENDAR\r\n"


def event(
    uid: str, start: str, *lines: str, who: str = CAROL, lasts: str = "PT1H"
) -> str:
    rest = "".join(f"{each}\r\n" for each in lines)
    return f"UID:{uid}\r\nDTSTART{start}\r\nDURATION:{lasts}\r\nSUMMARY:About {uid}\r\n{who}{rest}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Iterator[Radicale]:
    made = Radicale(tmp_path_factory.mktemp("dav"))
    yield made
    made.close()


@pytest.fixture
def calendar(server: Radicale, settings: Any, request: Any) -> str:
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    name = request.node.originalname
    server.make(name)
    return name


def config(server: Radicale, calendar: str, **given: Any) -> dict[str, Any]:
    url = server.url(f"{calendar}/") if calendar else server.url()
    return {"url": url, "user": server.user, "own": ["own.example"], **given}


def made(pages: list[Any]) -> list[tuple[str, str]]:
    return [
        (s.payload["title"], s.payload["starts_at"]) for p in pages for s in p.signals
    ]


def met(pages: list[Any]) -> list[tuple[str, datetime]]:
    return [(m.subject, m.at) for p in pages for m in p.interactions]


def test_meetings_are_made_and_take_place(server: Radicale, calendar: str) -> None:
    """P9: what has passed is met, once; what is changed is made once."""
    others = "ATTENDEE:mailto:us@own.example\r\nATTENDEE;CUTYPE=ROOM:mailto:r@acme.example\r\n"
    no = "ATTENDEE;PARTSTAT=DECLINED:mailto:dan@acme.example\r\n"
    for uid, start, who, *lines in (
        ("past", ":20261119T090000Z", CAROL + others + no),
        ("soon", ":20261120T123000Z", CAROL),
        ("later", ";TZID=Europe/Berlin:20261130T090000", CAROL, "CREATED:20261118T080000Z"),
        ("off", ":20261125T090000Z", CAROL, "STATUS:CANCELLED"),
        ("alone", ":20261125T090000Z", others),
        ("ancient", ":20260101T090000Z", CAROL),
        ("secret", ":20261126T090000Z", CAROL, "CLASS:PRIVATE"),
    ):  # fmt: skip
        server.put(calendar, uid, ics(event(uid, start, *lines, who=who)))
    given = config(server, calendar)
    pages, cursor = everything(CALENDAR, given)
    assert sorted(made(pages)) == [
        ("", "2026-11-26T09:00:00+00:00"),
        ("About later", "2026-11-30T08:00:00+00:00"),
        ("About past", "2026-11-19T09:00:00+00:00"),
        ("About soon", "2026-11-20T12:30:00+00:00"),
    ]
    assert met(pages) == [("About past", datetime(2026, 11, 19, 9, 0, tzinfo=UTC))]
    first = {s.payload["title"]: s for p in pages for s in p.signals}
    assert tuple(first["About past"].emails) == ("carol@acme.example",)
    assert first["About later"].occurred_at == datetime(2026, 11, 18, 8, 0, tzinfo=UTC)
    # Moved, and then over: made under the same key, met once.
    server.put(calendar, "soon", ics(event("soon", ":20261120T124500Z")))
    server.delete(calendar, "later")
    pages, cursor = everything(CALENDAR, given, cursor)
    assert [s.dedupe_key for s in pages[0].signals] == [first["About soon"].dedupe_key]
    assert met(pages) == []
    evening = NOW + timedelta(hours=6)
    pages, cursor = everything(CALENDAR, given, cursor, now=evening)
    assert (made(pages), [each[0] for each in met(pages)]) == ([], ["About soon"])
    pages, _ = everything(CALENDAR, given, cursor, now=evening + timedelta(days=1))
    assert (made(pages), met(pages)) == ([], [])


def test_many_are_read_in_pages(server: Radicale, calendar: str) -> None:
    for number in range(60):
        server.put(
            calendar, f"n{number}", ics(event(f"n{number}", ":20261119T090000Z"))
        )
    pages, _ = everything(CALENDAR, config(server, calendar))
    assert len(pages) == 3
    assert len(set(made(pages))) == len(made(pages)) == 60
    assert len(set(met(pages))) == len(met(pages)) == 60


def test_a_folder_of_calendars(server: Radicale, calendar: str) -> None:
    """P9: each calendar of the folder has its own place in the cursor."""
    server.put(calendar, "one", ics(event("one", ":20261119T090000Z")))
    _, cursor = everything(CALENDAR, config(server, ""))
    assert f"/{server.user}/{calendar}/" in cursor["calendars"]


def test_a_token_that_the_server_forgot(server: Radicale, calendar: str) -> None:
    """P9: all is listed anew, under the same keys."""
    server.put(calendar, "one", ics(event("one", ":20261119T090000Z")))
    given = config(server, calendar)
    once, cursor = everything(CALENDAR, given)
    for state in cursor["calendars"].values():
        state |= {"token": "http://radicale.org/ns/sync/none", "listed": ""}
    again, _ = everything(CALENDAR, given, cursor)
    assert made(again) == made(once) != []


def test_one_broken_event_stops_nothing(settings: Any) -> None:
    """P9: it is said, and the rest is read."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    row = "<response><href>/cal/{n}</href><propstat><prop><getetag>{n}</getetag><C:calendar-data>{ics}</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response>"
    texts = [ics(event("a", ":20261119T090000Z")), "nonsense", ics(event("b", ":x")),
             ics("SUMMARY:no start\r\n"), ics(event("c", ":99991231T235959Z")),
             ics(event("d", ":20261119T090000Z", "RRULE:FREQ=SECONDLY")), "x" * 300_000]  # fmt: skip
    rows = "".join(row.format(n=n, ics=text) for n, text in enumerate(texts))
    there = Peer(dav(ABOUT, MULTISTATUS % rows.encode()))
    try:
        url = f"http://127.0.0.1:{there.port}/cal/"
        found = CALENDAR.pull(asked({"url": url, "user": "reader"}), wire())
    finally:
        there.close()
    assert [each[0] for each in made([found])] == ["About a", "About d"]
    assert sum("cannot be read" in each for each in found.skipped) >= 5
    assert any("repeats is not walked" in each for each in found.skipped)


def starts(
    *events: str, days: int = 30, zone: str = "", patience: float = 30
) -> list[str]:
    read = events_of(ics(*events, zone=zone), zone=BERLIN, now=NOW)
    found = occurrences(
        read[0],
        read,
        since=NOW,
        until=NOW + timedelta(days=days),
        patience=Patience(seconds=patience),
    )
    return [f"{each:%m-%d %H:%M}" for each in found]


def test_rules_are_walked_as_people_mean_them() -> None:
    """P9: local time through a change of clocks, exceptions, and what was moved."""
    weekly = ("RRULE:FREQ=WEEKLY;BYDAY=FR;UNTIL=20261218T080000Z",)
    berlin = ";TZID=Europe/Berlin:20261016T090000"
    assert starts(event("a", berlin, *weekly)) == [
        "11-27 08:00", "12-04 08:00", "12-11 08:00", "12-18 08:00",
    ]  # fmt: skip
    assert starts(
        event("a", berlin, *weekly, "EXDATE;TZID=Europe/Berlin:20261204T090000",
              "RDATE;TZID=Europe/Berlin:20261205T100000"),
        event("a", ";TZID=Europe/Berlin:20261212T090000",
              "RECURRENCE-ID;TZID=Europe/Berlin:20261211T090000"),
    ) == ["11-27 08:00", "12-05 09:00", "12-18 08:00"]  # fmt: skip
    assert starts(event("a", ";TZID=Europe/Berlin:20260329T090000", "RRULE:FREQ=MONTHLY;BYDAY=-1SU")) == ["11-29 08:00"]  # fmt: skip
    assert starts(event("a", ":19700101T090000Z", "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24"), days=60) == ["12-24 09:00"]  # fmt: skip
    assert starts(event("a", ":20261121T090000")) == ["11-21 08:00"]
    assert starts(event("a", ";VALUE=DATE:20261121")) == ["11-20 23:00"]
    assert starts(event("a", ";TZID=W. Europe Standard Time:20261121T090000")) == [
        "11-21 08:00"
    ]
    assert starts(event("a", ";TZID=/x.org/20200101/Asia/Tokyo:20261121T090000")) == [
        "11-21 00:00"
    ]
    own = ";TZID=Our own:20261121T090000"
    assert starts(event("a", own), zone=CUSTOM.format(rule="")) == ["11-21 06:00"]
    # A zone that repeats by the second is none.
    rule = "RRULE:FREQ=SECONDLY\r\n"
    assert starts(event("a", own), zone=CUSTOM.format(rule=rule)) == ["11-21 08:00"]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;COUNT=3",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=4,6;BYMONTHDAY=31",
        "FREQ=DAILY;BYSETPOS=366",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "FREQ=DAILY;BYMONTHDAY=0",
        "FREQ=YEARLY;BYYEARDAY=" + ",".join(map(str, range(1, 300))),
    ],
)
def test_rules_that_would_take_for_ever_are_not_walked(rule) -> None:
    """P9: no event of a stranger holds a worker."""
    with pytest.raises((TooOften, ValueError)):
        starts(event("a", ":20261121T090000Z", f"RRULE:{rule}"))


def test_walking_ends_when_the_time_is_up() -> None:
    with pytest.raises(TooOften):
        starts(event("a", ":20261121T090000Z", "RRULE:FREQ=DAILY"), patience=0)
    with pytest.raises(TooOften):
        starts(event("a", ":19010101T090000Z", "RRULE:FREQ=DAILY"))
