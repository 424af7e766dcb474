"""X2, X3, X4: one meeting, one task for one key; what people changed is left alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from icalendar import Calendar as Ical

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Hand, Someone
from autonomy.tools.calendar_meeting import CalendarMeeting
from autonomy.tools.calendar_task import CalendarTask
from autonomy.tools.outside import wire_for
from tests.autonomy.tools.davs import (
    ANN,
    KEY,
    MEETING,
    SELLER,
    TASK,
    Calendars,
    act,
    back,
    calendars,
    emptied,
    job,
    made,
    seen,
)
from tests.races import in_threads

MEET, DO = CalendarMeeting(), CalendarTask()
BOTH = [(MEET, MEETING), (DO, TASK)]


@pytest.fixture(scope="module")
def server() -> Iterator[Calendars]:
    with calendars() as made:
        yield made


@pytest.fixture
def there(server: Calendars, settings: Any) -> Iterator[Calendars]:
    with emptied(server, settings):
        yield server


def part(ics: str, kind: str = "VEVENT") -> Any:
    (found,) = Ical.from_ical(ics).walk(kind)
    return found


def test_a_meeting_as_it_was_approved(there: Calendars) -> None:
    """X2: in UTC, with the contact invited by the seller."""
    given = job(there.config())
    assert seen(MEET, given) == ABSENT
    called = act(MEET, given)
    assert called.said.meaning is Meaning.DONE
    assert called.told == {"uid": f"{KEY}@autonomy"}
    event = part(there.read("work"))
    assert str(event["UID"]) == f"{KEY}@autonomy"
    assert str(event["SUMMARY"]) == MEETING["title"]
    assert str(event["DESCRIPTION"]) == MEETING["agenda"]
    assert event["DTSTART"].to_ical() == b"20261201T090000Z"
    assert event["DTEND"].to_ical() == b"20261201T094500Z"
    assert event["ATTENDEE"] == f"mailto:{ANN.email}"
    assert event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event["ORGANIZER"] == f"mailto:{SELLER.email}"
    # Of what is kept here, nothing is about people.
    assert set(called.after or {}) == {"there", "digest"}


def test_a_task_as_it_was_approved(there: Calendars) -> None:
    """X2: nobody is invited to it."""
    made(DO, job(there.config(), parameters=TASK))
    todo = part(there.read("work"), "VTODO")
    assert str(todo["SUMMARY"]) == TASK["title"]
    assert todo["DUE"].to_ical() == b"20261201"
    assert todo.get("ATTENDEE") is None
    assert todo.get("ORGANIZER") is None


@pytest.mark.parametrize(
    ("start", "zone", "utc"),
    [
        ("2026-12-01T10:00:00", "Europe/Berlin", b"20261201T090000Z"),
        ("2026-07-01T10:00:00", "Europe/Berlin", b"20260701T080000Z"),
        ("2026-12-01T10:00:00", "", b"20261201T100000Z"),
        ("2026-12-01t10:00:00.25z", "Europe/Berlin", b"20261201T100000Z"),
        ("2026-12-01T23:30:00-11:00", "Europe/Berlin", b"20261202T103000Z"),
    ],
)
def test_times_have_a_zone(there: Calendars, start: str, zone: str, utc: bytes) -> None:
    """X2: what names no zone is in that of the account; half an hour where nothing is said."""
    given = {"title": "Call", "start": start}
    made(MEET, job(there.config(), parameters=given, account={"timezone": zone}))
    event = part(there.read("work"))
    assert event["DTSTART"].to_ical() == utc
    assert (event["DTEND"].dt - event["DTSTART"].dt).total_seconds() == 1800


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"parameters": {"title": "a", "start": "tomorrow"}}, "no time"),
        ({"parameters": {"title": "a", "start": "9999-12-31T23:59:00Z"}}, "no time"),
        ({"parameters": {"title": "a", "start": 5}}, "no text"),
        ({"parameters": {"title": " \r\n", "start": "2026-12-01T10:00Z"}}, "no title"),
        ({"parameters": {**MEETING, "minutes": 0}}, "minutes"),
        ({"parameters": {**MEETING, "minutes": True}}, "minutes"),
        ({"seller": None}, "who invites"),
        ({"seller": Someone(name="Sam", email="")}, "who invites"),
        ({"contact": Someone(name="A", email="a@x.example, b@y.example")}, "address"),
        ({"contact": Someone(name="A", email="a@x.example\r\nATTENDEE:b")}, "address"),
    ],
)
def test_what_cannot_be_made_is_refused(there: Calendars, more: Any, said: str) -> None:
    """X3: certainly nothing was written."""
    called = act(MEET, job(there.config(), **more))
    assert called.said.meaning is Meaning.REFUSED
    assert said in called.said.detail
    assert there.read("work") == ""


@pytest.mark.parametrize("contact", [None, Someone(name="", email="")])
def test_nobody_is_invited_who_has_no_address(there: Calendars, contact: Any) -> None:
    """L8: somebody who was erased, too; then nobody has to invite either."""
    made(MEET, job(there.config(), contact=contact, seller=None))
    event = part(there.read("work"))
    assert event.get("ATTENDEE") is None
    assert event.get("ORGANIZER") is None


def test_what_is_written_is_text_and_nothing_else(there: Calendars) -> None:
    """P9: neither words nor names end their line, and no address comes of them."""
    evil = 'x"\r\nATTENDEE:mailto:eve@evil.example\nEND:VEVENT\r\nBEGIN:VALARM;,\\'
    given = {**MEETING, "title": evil, "agenda": evil}
    who = {"contact": Someone(name=evil, email=ANN.email)}
    who["seller"] = Someone(name=evil, email=SELLER.email)
    made(MEET, job(there.config(), parameters=given, **who))
    ics = there.read("work")
    event = part(ics)
    assert event["ATTENDEE"] == f"mailto:{ANN.email}"
    assert [each.name for each in Ical.from_ical(ics).walk()] == [
        "VCALENDAR",
        "VEVENT",
    ]
    assert str(event["SUMMARY"]) == " ".join(evil.split())
    assert "BEGIN:VALARM" in str(event["DESCRIPTION"])


def test_who_invites_is_configured(there: Calendars) -> None:
    """Nothing that is proposed chooses it."""
    config = there.config(organizer="calendar@own.example")
    made(MEET, job(config, parameters={**MEETING, "organizer": "eve@evil.example"}))
    assert part(there.read("work"))["ORGANIZER"] == "mailto:calendar@own.example"


@pytest.mark.parametrize(("hand", "parameters"), BOTH)
def test_one_key_has_one_effect(there: Calendars, hand: Hand, parameters: Any) -> None:
    """X1, X3: again, at once, and after everything was forgotten."""
    given = job(there.config(), parameters=parameters)
    results = in_threads(3, lambda _: act(hand, given).said.meaning)
    assert set(results) == {Meaning.DONE}
    first = there.read("work")
    after = seen(hand, given)
    assert hand.is_done(given, after)
    assert act(hand, given).after == after
    assert there.read("work") == first
    assert there.ask("GET", "work/")[1].count(b"UID:") == 1


@pytest.mark.parametrize(("hand", "parameters"), BOTH)
def test_taken_back_it_is_gone(there: Calendars, hand: Hand, parameters: Any) -> None:
    """X4: exactly what was there before; a second time nothing is left to do."""
    given = job(there.config(), parameters=parameters)
    after = made(hand, given)
    for _ in range(2):
        called = back(hand, given, after)
        assert called.said.meaning is Meaning.DONE
        assert called.after == ABSENT
    assert there.read("work") == ""


@pytest.mark.parametrize(
    ("hand", "old", "new"),
    [
        (MEET, "SUMMARY:Review", "SUMMARY:Preview"),
        (MEET, "DTSTART:20261201T09", "DTSTART:20261201T08"),
        (MEET, "DTEND:20261201T094500Z", "DTEND:20261201T100000Z"),
        (MEET, "STATUS:CONFIRMED", "STATUS:CANCELLED"),
        (MEET, "SUMMARY:", "LOCATION:Room 5\r\nSUMMARY:"),
        (MEET, "SUMMARY:", "ATTENDEE:mailto:bob@acme.example\r\nSUMMARY:"),
        (MEET, "SUMMARY:", "RRULE:FREQ=WEEKLY\r\nSUMMARY:"),
        (MEET, "next steps", "prices"),
        (DO, "STATUS:NEEDS-ACTION", "STATUS:COMPLETED"),
        (DO, "DUE;VALUE=DATE:20261201", "DUE;VALUE=DATE:20261202"),
    ],
)
def test_what_a_person_changed_is_never_clobbered(
    there: Calendars, hand: Hand, old: str, new: str
) -> None:
    """X4: it is seen, and it stays."""
    parameters = MEETING if hand is MEET else TASK
    given = job(there.config(), parameters=parameters)
    after = made(hand, given)
    there.change("work", (old, new))
    now = there.read("work")
    assert seen(hand, given) != after
    called = back(hand, given, after)
    assert called.said.meaning is Meaning.MOVED
    assert there.read("work") == now


@pytest.mark.parametrize(
    "change",
    [
        [("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED")],
        [("PARTSTAT=NEEDS-ACTION", "PARTSTAT=DECLINED;SCHEDULE-STATUS=2.0")],
        [("SEQUENCE:0", "SEQUENCE:2\r\nLAST-MODIFIED:20261122T080000Z")],
        [("DTSTAMP:2026", "DTSTAMP:2027")],
        [("STATUS:", "COMMENT:Gladly\r\nX-REPLY:1\r\nSTATUS:")],
        [
            (
                "STATUS:",
                'ATTENDEE;DELEGATED-FROM="mailto:ann@acme.example":mailto:bob@'
                "acme.example\r\nSTATUS:",
            )
        ],
        [("DTEND:20261201T094500Z", "DURATION:PT45M")],
        [("DTSTART:20261201T090000Z", "DTSTART;TZID=Europe/Berlin:20261201T100000")],
        [("SUMMARY:Review of the quarter", "SUMMARY:Review of\r\n  the quarter")],
    ],
)
def test_answers_and_other_writing_are_no_change(there: Calendars, change: Any) -> None:
    """X4: those invited answer, servers stamp; the meeting is the same, and can go."""
    given = job(there.config())
    after = made(MEET, given)
    there.change("work", *change)
    assert seen(MEET, given) == after
    assert back(MEET, given, after).said.meaning is Meaning.DONE


def test_a_change_just_before_it_goes_is_seen(
    there: Calendars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X4: it is taken away only as it was read."""
    given = job(there.config())
    after = made(MEET, given)
    wire = wire_for(given, 20)
    asked = wire.http

    def late(method: str, *rest: Any, **more: Any) -> Any:
        if method == "DELETE":
            there.change("work", ("SUMMARY:Review", "SUMMARY:Preview"))
        return asked(method, *rest, **more)

    monkeypatch.setattr(wire, "http", late)
    called = outside.restore(MEET, given, wire, ABSENT, after)
    assert called.said.meaning is Meaning.MOVED
    assert "SUMMARY:Preview" in there.read("work")
