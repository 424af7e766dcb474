"""What the hands of calendars share: one object of a calendar, named by the act's key."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from icalendar import Calendar as Ical
from icalendar import Component

from autonomy.rules.answers import Meaning
from autonomy.tools.base import ABSENT, Image, Job, Making, stopped
from autonomy.tools.entries import facts_of
from perception.sources.base import Wire
from perception.sources.caldav import CalDav
from perception.sources.caldav_objects import Kept, Objects
from perception.sources.calendar import SCHEMA
from perception.sources.reading import held, line, text
from perception.sources.web import identified

MAKER = "-//Autonomy//Autonomy//EN"
TITLE, DETAILS = 200, 8000
MOVED = "Somebody changed it in the calendar."


class Entry(Making):
    """An object in a calendar. Taking it back removes it, where nobody changed it."""

    acts_as = "calendar"
    timeout = 30.0
    # VEVENT or VTODO.
    component: str

    def look(self, job: Job, wire: Wire) -> Image:
        kept = self._calendars(job, wire).find(_name(job), self.component)
        return ABSENT if kept is None else _image(kept)

    def act(self, job: Job, wire: Wire, before: Image) -> Mapping[str, Any]:
        made = self.written(job)
        made.add("uid", f"{job.key}@autonomy")
        made.add("dtstamp", job.at)
        made.add("created", job.at)
        whole = Ical()
        whole.add("prodid", MAKER)
        whole.add("version", "2.0")
        whole.add_component(made)
        ics = whole.to_ical().decode()
        # Where one is there already, it is that of this key: looking again tells.
        self._calendars(job, wire).make(_name(job), self.component, ics)
        return {"uid": f"{job.key}@autonomy"}

    def restore(self, job: Job, wire: Wire, before: Image, after: Image) -> None:
        calendars = self._calendars(job, wire)
        kept = calendars.find(_name(job), self.component)
        if kept is None:
            return
        if _image(kept) != after or not calendars.remove(kept):
            raise stopped(Meaning.MOVED, MOVED)

    def written(self, job: Job) -> Component:
        """What is put into the calendar, but for its name and times of writing."""
        raise NotImplementedError

    def _calendars(self, job: Job, wire: Wire) -> Objects:
        config = held(SCHEMA, job.config)
        headers = identified(config, job.secret, wire)
        there = CalDav(url=config["url"], headers=headers, wire=wire, now=job.at)
        return Objects(there=there, write_to=config["write_to"])


def given(job: Job, name: str) -> str:
    """A parameter that is a text; empty where it is left out."""
    found = job.parameters.get(name, "")
    if not isinstance(found, str):
        raise stopped(Meaning.REFUSED, f"Its {name} is no text.")
    return found


def titled(made: Component, job: Job, details: str) -> None:
    """Its title, and what more is said."""
    title = line(given(job, "title"), TITLE)
    if not title:
        raise stopped(Meaning.REFUSED, "It has no title.")
    made.add("summary", title)
    if said := text(given(job, details), DETAILS):
        made.add("description", said)


def moment(written: str) -> datetime:
    """A date, or a date and time, with or without a zone."""
    try:
        return datetime.fromisoformat(written.strip().upper())
    except ValueError:
        raise stopped(Meaning.REFUSED, "It names no time that exists.") from None


def _name(job: Job) -> str:
    return f"{job.key}.ics"


def _image(kept: Kept) -> Image:
    """What a person may have changed. Answers of those invited are no change of it."""
    facts = [kept.url, facts_of(kept.ics)]
    digest = hashlib.sha256(orjson.dumps(facts)).hexdigest()
    return {"there": True, "digest": f"sha256:{digest}"}
