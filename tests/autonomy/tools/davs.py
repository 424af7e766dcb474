"""A calendar server that tools write to: a real Radicale, and people who use it."""

import http.client
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import ABSENT, Hand, Image, Job, Someone
from autonomy.tools.outside import Called, wire_for
from tests.conftest import NOW
from tests.perception.sources.servers import PATIENCE, SECRET, Radicale

KEY = "0198aaaa-0000-7000-8000-00000000000c"
ANN = Someone(name="Ann", email="ann@acme.example")
SELLER = Someone(name="Sam Seller", email="sam@own.example")
MEETING = {
    "title": "Review of the quarter",
    "start": "2026-12-01T10:00:00+01:00",
    "minutes": 45,
    "agenda": "Usage; next steps",
}
TASK = {"title": "Call Ann", "due": "2026-12-01", "details": "About the renewal"}
_NAMED = """<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop>
<displayname>{name}</displayname><C:supported-calendar-component-set>{takes}
</C:supported-calendar-component-set></prop></set></C:mkcalendar>"""


class Calendars(Radicale):
    """Calendars of one user, as they are and as people change them."""

    def config(self, folder: str = "", **more: Any) -> dict[str, Any]:
        """A connector to one calendar, or to the folder that holds all of them."""
        return {"url": self.url(folder), "user": self.user, **more}

    def named(self, calendar: str, name: str, *takes: str) -> str:
        """Make a calendar with a name, for these components."""
        parts = "".join(f'<C:comp name="{each}"/>' for each in takes)
        body = _NAMED.format(name=name, takes=parts).encode()
        assert self.ask("MKCALENDAR", f"{calendar}/", body)[0] == 201
        return self.url(f"{calendar}/")

    def read(self, calendar: str, name: str = f"{KEY}.ics") -> str:
        """An object as it is kept; empty where there is none."""
        status, body = self.ask("GET", f"{calendar}/{name}")
        return body.decode() if status == 200 else ""

    def change(
        self, calendar: str, *pairs: tuple[str, str], name: str = f"{KEY}.ics"
    ) -> None:
        """Somebody writes an object anew."""
        ics = self.read(calendar, name)
        for old, new in pairs:
            assert old in ics, (old, ics)
            ics = ics.replace(old, new)
        status, _ = self.ask("PUT", f"{calendar}/{name}", ics.encode())
        assert status in (201, 204)

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        there = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        both = b64encode(f"{self.user}:{SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {both}"}
        if method == "PUT":
            headers["Content-Type"] = "text/calendar"
        there.request(method, f"/{self.user}/{path}", body, headers)
        answer = there.getresponse()
        said = answer.status, answer.read()
        there.close()
        return said


def job(config: Any, **more: Any) -> Job:
    """An act with everything that is known of it."""
    held: dict[str, Any] = {
        "key": KEY, "at": NOW, "attempt": 1, "config": config, "secret": SECRET,
        "action_type": "schedule_meeting", "parameters": MEETING, "ids": {},
        "account": {"external_id": "acme", "timezone": "Europe/Berlin"},
        "contact": ANN, "seller": SELLER, "kind": "calendar", **more,
    }  # fmt: skip
    return Job(**held)


@contextmanager
def calendars() -> Iterator[Calendars]:
    """A server, while it is needed."""
    with TemporaryDirectory(prefix="dav-") as folder:
        made = Calendars(Path(folder))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def emptied(server: Calendars, settings: Any) -> Iterator[None]:
    """The server with one calendar, `work`."""
    settings.EGRESS_ALLOW = ("127.0.0.1",)
    server.make("work")
    try:
        yield
    finally:
        for each in ("work", "aside", "tasks"):
            server.ask("DELETE", f"{each}/")


def seen(hand: Hand, given: Job) -> Image:
    found = outside.see(hand, given, wire_for(given, 20))
    assert not isinstance(found, Called), found.said
    return found


def act(hand: Hand, given: Job, seconds: float = 20) -> Called:
    return outside.act(hand, given, wire_for(given, seconds), ABSENT)


def made(hand: Hand, given: Job) -> Image:
    """It acts, and is seen."""
    called = act(hand, given)
    assert called.said.meaning is Meaning.DONE, called.said
    assert called.after is not None
    return called.after


def back(hand: Hand, given: Job, after: Image) -> Called:
    return outside.restore(hand, given, wire_for(given, 20), ABSENT, after)
