"""X1, X3: where calendars are written to, what servers answer, and one act completely."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from autonomy import perform as performing
from autonomy.models import Execution
from autonomy.perform import perform
from autonomy.registry import change_type
from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT
from autonomy.tools.calendar_meeting import CalendarMeeting
from autonomy.tools.calendar_task import CalendarTask
from autonomy.tools.outside import Called, wire_for
from ledger.scope import tenant_scope
from perception.errors import EgressFailed
from perception.models import Contact
from tests.autonomy.conftest import Desk
from tests.autonomy.tools.davs import (
    ANN,
    KEY,
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
from tests.autonomy.tools.peer import approved, due
from tests.autonomy.tools.postboxes import acting
from tests.conftest import NOW
from tests.perception.sources.hostile import ABOUT, asked_once
from tests.perception.sources.servers import SECRET, Peer, free_port

MEET, DO = CalendarMeeting(), CalendarTask()
FOUND = b"HTTP/1.1 207 Multi\r\nContent-Length: %d\r\n\r\n%s" % (len(ABOUT), ABOUT)
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Killed(BaseException):
    """As abrupt as kill -9."""


@pytest.fixture(scope="module")
def server() -> Iterator[Calendars]:
    with calendars() as started:
        yield started


@pytest.fixture
def there(server: Calendars, settings: Any) -> Iterator[Calendars]:
    with emptied(server, settings):
        yield server


def test_the_calendar_that_is_written_to(there: Calendars) -> None:
    """By its name, by its address, or the first one that takes such a thing."""
    there.named("aside", "Own", "VTODO")
    there.named("tasks", "To do", "VTODO", "VEVENT")
    for config, hand, where in (
        (there.config(), DO, "aside"),
        (there.config(), MEET, "tasks"),
        (there.config(write_to="To do"), DO, "tasks"),
        (there.config(write_to="work"), MEET, "work"),
        (there.config(write_to=f"/{there.user}/work"), MEET, "work"),
        (there.config(write_to=there.url("work/")), MEET, "work"),
        (there.config("tasks/"), MEET, "tasks"),
    ):
        parameters = TASK if hand is DO else job({}).parameters
        given = job(config, parameters=parameters)
        after = made(hand, given)
        assert there.read(where), (config, where)
        assert back(hand, given, after).said.meaning is Meaning.DONE


@pytest.mark.parametrize(
    ("write_to", "said"),
    [
        ("https://evil.example/cal/", "another server"),
        ("//evil.example/cal/", "another server"),
        ("nowhere", "no calendar"),
        ("/reader/nowhere/", "409"),
        ("Own", "no calendar"),
    ],
)
def test_nothing_is_written_anywhere_else(
    there: Calendars, write_to: str, said: str
) -> None:
    """API7: the secret stays with its server, and a meeting in its calendars."""
    there.named("aside", "Own", "VTODO")
    called = act(MEET, job(there.config(write_to=write_to)))
    assert called.said.meaning is Meaning.REFUSED, called.said
    assert said in called.said.detail
    assert there.read("work") == there.read("aside") == ""


def test_it_is_found_wherever_it_is(there: Calendars) -> None:
    """X3: another calendar is the first one by now; what was moved was changed."""
    given = job(there.config())
    after = made(MEET, given)
    there.make("aside")
    assert seen(MEET, given) == after
    there.ask("PUT", f"aside/{KEY}.ics", there.read("work").encode())
    there.ask("DELETE", f"work/{KEY}.ics")
    moved = seen(MEET, given)
    assert MEET.is_done(given, moved)
    assert moved != after
    assert back(MEET, given, after).said.meaning is Meaning.MOVED
    assert there.read("aside")


def test_what_nobody_can_read_is_not_taken_away(settings: Any) -> None:
    """X4: a version that is not marked may be another one by now."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    body = b"BEGIN:NOTHING"
    read = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with Served({b"GET": read}) as (port, heard):
        given = job({"url": f"http://127.0.0.1:{port}/cal/", "auth": "none"})
        after = seen(MEET, given)
        assert after["there"]
        assert back(MEET, given, after).said.meaning is Meaning.REFUSED
    assert b"DELETE" not in heard


class Served:
    """A server whose answers are these, by method."""

    def __init__(self, answers: Any) -> None:
        self.heard: list[bytes] = []

        def answer(caller: socket.socket) -> None:
            method = asked_once(caller).partition(b" ")[0]
            self.heard.append(method)
            caller.sendall({b"PROPFIND": FOUND, b"GET": NOTHING, **answers}[method])

        self._peer = Peer(answer)

    def __enter__(self) -> tuple[int, list[bytes]]:
        return self._peer.port, self.heard

    def __exit__(self, *_: object) -> None:
        self._peer.close()


def answered(status: str, *headers: str) -> bytes:
    head = "".join(f"{each}\r\n" for each in (*headers, "Content-Length: 0"))
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode()


@pytest.mark.parametrize(
    ("put", "meaning"),
    [
        (answered("401 No"), Meaning.REFUSED),
        (answered("403 No"), Meaning.REFUSED),
        (answered("413 Large"), Meaning.REFUSED),
        (answered("503 Busy", "Retry-After: 20"), Meaning.WAIT),
        (answered("500 Broken"), Meaning.AMBIGUOUS),
        (b"", Meaning.AMBIGUOUS),
        (b"HTTP/1.1 201", Meaning.AMBIGUOUS),
        (b"nonsense\r\n\r\n", Meaning.AMBIGUOUS),
        (answered("201 Created"), Meaning.AMBIGUOUS),
        (answered("412 There"), Meaning.AMBIGUOUS),
    ],
)
def test_what_a_server_answers_has_a_meaning(
    settings: Any, put: bytes, meaning: Meaning
) -> None:
    """X3: refused, later, or nobody knows: what is not to be seen was not done."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    with Served({b"PUT": put}) as (port, heard):
        given = job({"url": f"http://127.0.0.1:{port}/cal/", "auth": "none"})
        called = act(MEET, given)
        assert called.said.meaning is meaning, called.said
    assert heard.count(b"PUT") == 1
    assert (called.said.wait is not None) == (meaning is Meaning.WAIT)


@pytest.mark.parametrize("method", [b"PROPFIND", b"GET"])
def test_what_cannot_be_seen_was_not_done(settings: Any, method: bytes) -> None:
    """X3: nothing is written before it was looked."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    for answer, meaning in (
        (answered("401 No"), Meaning.REFUSED),
        (answered("500 Broken"), Meaning.UNREACHED),
        (b"", Meaning.UNREACHED),
    ):
        with Served({method: answer}) as (port, heard):
            given = job({"url": f"http://127.0.0.1:{port}/cal/", "auth": "none"})
            found = outside.see(MEET, given, wire_for(given, 20))
            assert isinstance(found, Called)
            assert found.said.meaning is meaning, found.said
        assert b"PUT" not in heard
    given = job({"url": f"http://127.0.0.1:{free_port()}/cal/", "auth": "none"})
    assert act(MEET, given).said.meaning is Meaning.UNREACHED
    settings.EGRESS_ALLOW = ()
    assert act(MEET, given).said.meaning is Meaning.FORBIDDEN


def test_a_slow_server_may_have_done_it(
    there: Calendars, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X3: it took the meeting, and its answer did not come in time."""
    given = job(there.config())
    wire = wire_for(given, 20)
    asked = wire.http

    def lost(method: str, *rest: Any, **more: Any) -> Any:
        answer = asked(method, *rest, **more)
        if method == "PUT":
            raise EgressFailed("It did not answer in time.", ambiguous=True)
        return answer

    monkeypatch.setattr(wire, "http", lost)
    called = outside.act(MEET, given, wire, ABSENT)
    assert called.said.meaning is Meaning.AMBIGUOUS
    assert MEET.is_done(given, seen(MEET, given))


def about(desk: Desk, action_type: str = "schedule_meeting", **more: Any) -> Any:
    """An act for Ann that a person has approved."""
    with tenant_scope(desk.tenant):
        ann = Contact.objects.get(external_id="c1")
    return approved(desk, action_type, contact=ann, **more)


def _execution(desk: Desk, intent: Any) -> Any:
    with tenant_scope(desk.tenant):
        return Execution.objects.get(intent_id=intent)


def test_from_the_permit_to_the_calendar(desk: Desk, there: Calendars) -> None:
    """X1, X2: one meeting, whatever is repeated; nothing about people in the records."""
    acting(desk, "calendar", there.config())
    intent = about(desk)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert perform(intent, tenant=desk.tenant) == "NOTHING"
    ics = there.read("work", f"{intent}.ics")
    assert f"mailto:{ANN.email}" in ics
    execution = _execution(desk, intent)
    assert execution.before == {"there": False}
    assert execution.after["there"]
    said = json.dumps([execution.outcome, execution.after])
    assert not re.search(f"Ann|acme|{SECRET}", said)


def test_a_task_of_the_catalogue_goes_there(desk: Desk, there: Calendars) -> None:
    """X2: a tenant binds its follow-up tasks to the calendar."""
    acting(desk, "calendar", there.config())
    with tenant_scope(desk.tenant):
        given = {"tool": "calendar.task"}
        change_type("create_follow_up_task", given, by=desk.admin, now=NOW)
    intent = about(desk, "create_follow_up_task")
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    assert "BEGIN:VTODO" in there.read("work", f"{intent}.ics")


@pytest.mark.parametrize("where", ["before the call", "after the call"])
def test_killed_at_any_point_it_is_done_once(
    desk: Desk, there: Calendars, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """X1, X3: whoever comes next looks, and goes on from what it sees."""
    acting(desk, "calendar", there.config())
    intent = about(desk)

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if where == "before the call":
            patched.setattr(outside, "act", die)
        else:
            patched.setattr(performing, "_recorded", die)
        with pytest.raises(Killed):
            perform(intent, tenant=desk.tenant)
    was = there.read("work", f"{intent}.ics")
    assert bool(was) == (where == "after the call")
    due(desk, intent)
    assert perform(intent, tenant=desk.tenant) == "SUCCEEDED"
    ics = there.read("work", f"{intent}.ics")
    assert ics == was if was else ics
    assert _execution(desk, intent).before == {"there": False}
