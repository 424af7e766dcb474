"""CALENDAR: CalDAV calendars; meetings that were made, and meetings that took place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from perception.sources.base import (
    Asked,
    Found,
    Met,
    Reach,
    Sighted,
    SourceRefuses,
    Wire,
)
from perception.sources.caldav import CalDav, Collection
from perception.sources.events import (
    BROKEN,
    Event,
    Patience,
    TooOften,
    events_of,
    moment_of,
    occurrences,
)
from perception.sources.mails import is_own
from perception.sources.reading import Notes, held, key
from perception.sources.web import AUTH, URL, identified

# Objects of one page.
MOST = 50
# How far ahead the next meeting of a series is looked for.
AHEAD = timedelta(days=370)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Calendars",
    "properties": {
        "url": {
            **URL,
            "description": "Of one CalDAV calendar, or of the folder that holds calendars.",
        },
        **AUTH,
        "auth": {**AUTH["auth"], "default": "basic"},
        "own": {
            "type": "array",
            "title": "Our own addresses and domains",
            "description": "Everybody else in a meeting is somebody there.",
            "items": {"type": "string", "maxLength": 320},
            "maxItems": 200,
            "default": [],
        },
        "timezone": {
            "type": "string",
            "title": "Time zone",
            "description": "Of events that name none, as Europe/Berlin.",
            "maxLength": 64,
            "default": "UTC",
        },
        "days": {
            "type": "integer",
            "title": "Days that the first look goes back",
            "minimum": 0,
            "maximum": 90,
            "default": 14,
        },
        "ahead": {
            "type": "integer",
            "title": "Days that the first look goes ahead",
            "minimum": 1,
            "maximum": 400,
            "default": 120,
        },
        "write_to": {
            "type": "string",
            "title": "Calendar that tools write to",
            "description": "Its name, or its address on the same server. Where none is "
            "given: the first one that takes what is written.",
            "maxLength": 2000,
            "default": "",
        },
        "organizer": {
            "type": "string",
            "title": "Address that tools invite as",
            "description": "Many servers invite only for whom the calendar belongs to. "
            "Where none is given: the seller of the account.",
            "maxLength": 320,
            "default": "",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}


class Calendar:
    """Calendars of a CalDAV server. Reading them writes nothing and invites nobody."""

    kind = "calendar"
    title = "Calendar (CalDAV)"
    reach = Reach.WHOLE
    schema = SCHEMA
    secret = "Password of the user, or a token"  # noqa: S105

    def pull(self, asked: Asked, wire: Wire) -> Found:
        config = held(SCHEMA, asked.config)
        headers = identified(config, asked.secret, wire)
        there = CalDav(url=config["url"], headers=headers, wire=wire, now=asked.now)
        page = _Page(
            config=config,
            now=asked.now,
            zone=_zone(config["timezone"]),
            patience=Patience(seconds=wire.timeout),
        )
        before = asked.cursor.get("calendars", {})
        after: dict[str, Any] = {}
        for calendar in there.calendars():
            state = dict(before.get(calendar.href, {}))
            after[calendar.href] = _calendar(there, calendar, state, page)
        return Found(
            cursor={"calendars": after},
            signals=page.signals,
            interactions=page.met,
            skipped=page.notes.told(),
            more=page.more,
        )


@dataclass(kw_only=True)
class _Page:
    """What one pull takes along."""

    config: Mapping[str, Any]
    now: datetime
    zone: tzinfo
    patience: Patience
    signals: list[Sighted] = field(default_factory=list)
    met: list[Met] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    left: int = MOST
    more: bool = False

    @property
    def since(self) -> datetime:
        return self.now - timedelta(days=self.config["days"])


def _calendar(
    there: CalDav, calendar: Collection, state: dict[str, Any], page: _Page
) -> dict[str, Any]:
    """One calendar read on: first what changed in it, then what has taken place."""
    if page.left <= 0:
        page.more = True
        return state
    _changed(there, calendar, state, page)
    if page.left > 0 and "after" not in state:
        _past(there, calendar, state, page)
    return state


def _changed(
    there: CalDav, calendar: Collection, state: dict[str, Any], page: _Page
) -> None:
    """Events that are new or different, by the server's own account of it."""
    is_known = state.get("token") and state["token"] == calendar.token
    if is_known and "after" not in state:
        return
    listed = None
    if state.get("token"):
        listed = there.changes(calendar, state["token"])
    if listed is None:
        ahead = page.now + timedelta(days=page.config["ahead"])
        listed = there.within(calendar, page.since, ahead)
    if listed.digest == state.get("listed") and "after" not in state:
        state["token"] = listed.token or calendar.token
        return
    state.setdefault("onward", listed.token or calendar.token)
    taken, is_all = _next(listed.hrefs, state.get("after", ""), page)
    for events in _objects(there, calendar, taken, page):
        for event in events:
            page.signals += _made(event, events, page)
    if is_all:
        onward = state.pop("onward")
        state.pop("after", None)
        state |= {"token": onward, "listed": listed.digest}
        page.more = page.more or listed.is_cut
    else:
        state["after"] = taken[-1]
        page.more = True


def _past(
    there: CalDav, calendar: Collection, state: dict[str, Any], page: _Page
) -> None:
    """Meetings whose end has come since the last look."""
    since = page.since
    if "done" in state:
        since = datetime.fromisoformat(state["done"])
    until = page.now
    if "until" in state:
        until = datetime.fromisoformat(state["until"])
    if until <= since:
        return
    listed = there.within(calendar, since, until)
    taken, is_all = _next(listed.hrefs, state.get("past", ""), page)
    for events in _objects(there, calendar, taken, page):
        for event in events:
            page.met += _took_place(event, events, since, until, page)
    if is_all:
        state["done"] = until.isoformat()
        state.pop("until", None)
        state.pop("past", None)
    else:
        state |= {"until": until.isoformat(), "past": taken[-1]}
        page.more = True


def _next(hrefs: Sequence[str], after: str, page: _Page) -> tuple[Sequence[str], bool]:
    """The objects whose turn it is, and whether they are the last of this round."""
    rest = [each for each in sorted(hrefs) if each > after]
    taken = rest[: page.left]
    page.left -= len(taken)
    return taken, len(taken) == len(rest)


def _objects(
    there: CalDav, calendar: Collection, hrefs: Sequence[str], page: _Page
) -> Iterator[list[Event]]:
    for href, ics in there.objects(calendar, hrefs):
        try:
            yield events_of(ics, zone=page.zone, now=page.now)
        except BROKEN:
            page.notes.add(f"{href[-80:]} cannot be read.")


def _made(event: Event, events: Sequence[Event], page: _Page) -> Iterator[Sighted]:
    """A meeting with somebody there, that is not long over."""
    emails = _others(event, page)
    starts = _upcoming(event, events, page)
    if not emails or event.is_cancelled or starts + event.lasts < page.since:
        return
    yield Sighted(
        type="meeting_created",
        payload={
            "title": event.subject,
            "starts_at": starts.isoformat(),
            "attendees": list(emails),
        },
        occurred_at=event.made_at or page.now,
        dedupe_key=key("meeting", event.uid, event.recurrence),
        emails=emails,
    )


def _upcoming(event: Event, events: Sequence[Event], page: _Page) -> datetime:
    """The next start of a series, or the only one."""
    if not event.rules and not event.more:
        return event.starts
    found = _within(event, events, page.since, page.now + AHEAD, page)
    ahead = [each for each in found if each >= page.now]
    return ahead[0] if ahead else (found or [event.starts])[-1]


def _took_place(
    event: Event,
    events: Sequence[Event],
    since: datetime,
    until: datetime,
    page: _Page,
) -> Iterator[Met]:
    """Occurrences that have ended since; each is met once, whenever it is read."""
    emails = _others(event, page)
    if not emails or event.is_cancelled:
        return
    lasts = event.lasts
    for starts in _within(event, events, since - lasts, until, page):
        if not since < starts + max(lasts, timedelta(seconds=1)) <= until:
            continue
        which = moment_of(event) if event.recurrence else starts
        yield Met(
            external_id=key("meeting", event.uid, which.isoformat()),
            channel="meeting",
            direction="both",
            at=starts,
            emails=emails,
            subject=event.subject,
        )


def _within(
    event: Event,
    events: Sequence[Event],
    since: datetime,
    until: datetime,
    page: _Page,
) -> list[datetime]:
    others = [] if event.recurrence else [e for e in events if e.uid == event.uid]
    try:
        return occurrences(
            event, others, since=since, until=until, patience=page.patience
        )
    except (TooOften, *BROKEN):
        page.notes.add(f"The rule by which {event.uid[:60]} repeats is not walked.")
        return [event.starts] if since <= event.starts < until else []


def _others(event: Event, page: _Page) -> tuple[str, ...]:
    """Who is not ours, and comes; nobody, where we do not."""
    own = {each.lower() for each in page.config["own"]}
    own |= {page.config["user"].lower()} - {""}
    if any(is_own(each, own) for each in event.declined):
        return ()
    return tuple(each for each in event.emails if not is_own(each, own))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise SourceRefuses(f"Configuration, timezone: {name!r} is none.") from None
