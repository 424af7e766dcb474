"""`calendar.meeting`: a meeting in our calendar, to which the contact is invited."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from icalendar import Component, Event, vCalAddress

from autonomy.rules.answers import Meaning
from autonomy.rules.catalogue import MEETING
from autonomy.tools.base import Job, Someone, stopped
from autonomy.tools.calendars import Entry, given, moment, titled
from autonomy.tools.letters import address_of
from perception.sources.calendar import SCHEMA
from perception.sources.reading import held

MINUTES = 30
MOST = 480
# What an address may be written with in a URI.
PLAIN = "@!$'*+-./=_~"
ASKED = {
    "CUTYPE": "INDIVIDUAL",
    "ROLE": "REQ-PARTICIPANT",
    "PARTSTAT": "NEEDS-ACTION",
    "RSVP": "TRUE",
}


class CalendarMeeting(Entry):
    """Makes a meeting. Whether invitations are mailed is up to the calendar's server."""

    key = "calendar.meeting"
    title = "A meeting in the calendar"
    component = "VEVENT"
    takes: Mapping[str, Any] = MEETING

    def written(self, job: Job) -> Component:
        made = Event()
        titled(made, job, "agenda")
        start, ends = _times(job)
        made.add("dtstart", start)
        made.add("dtend", ends)
        made.add("status", "CONFIRMED")
        made.add("sequence", 0)
        if contact := _contact(job):
            made.add("organizer", _person(_organizer(job)))
            made.add("attendee", _person(contact, **ASKED))
        return made


def _times(job: Job) -> tuple[datetime, datetime]:
    """In UTC; what names no zone is in that of the account."""
    at, lasts = moment(given(job, "start")), timedelta(minutes=_minutes(job))
    try:
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(job.account.get("timezone") or "UTC"))
        start = at.astimezone(UTC)
        return start, start + lasts
    except (ArithmeticError, LookupError, OSError, ValueError):
        raise stopped(Meaning.REFUSED, "It names no time that exists.") from None


def _minutes(job: Job) -> int:
    minutes = job.parameters.get("minutes", MINUTES)
    if type(minutes) is not int or not 0 < minutes <= MOST:
        raise stopped(Meaning.REFUSED, f"It lasts between 1 and {MOST} minutes.")
    return minutes


def _contact(job: Job) -> Address | None:
    """Who is invited; nobody, where the contact has no address any more."""
    found = address_of(job.contact)
    if found is None and job.contact and job.contact.email:
        raise stopped(Meaning.REFUSED, "The contact's address cannot be invited.")
    return found


def _organizer(job: Job) -> Address:
    """Who invites: as the connector has it, or the seller."""
    named = held(SCHEMA, job.config)["organizer"]
    name = job.seller.name if job.seller and job.seller.email == named else ""
    who = Someone(name=name, email=named) if named else job.seller
    if found := address_of(who):
        return found
    raise stopped(
        Meaning.REFUSED,
        "Nobody is there who invites: the account has no seller with an address, and "
        "the connector names no organizer.",
    )


def _person(who: Address, **said: str) -> vCalAddress:
    found = vCalAddress(f"mailto:{quote(who.addr_spec, safe=PLAIN)}")
    if who.display_name:
        found.params["CN"] = who.display_name
    found.params.update(said)
    return found
