"""What is asked of a CalDAV server, and its answers, read without trust."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring

from perception.egress import Answer
from perception.sources.base import SourceFailed, SourceRefuses, Wire
from perception.sources.reading import short
from perception.sources.web import beside, fetch

DAV, CAL = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
MOST_CALENDARS = 20
HREF = 1000
# Elements weigh much more than what they are written with.
TAGS = 300_000
# A server without this report, or with another idea of the token, is asked anew.
UNABLE = (400, 403, 409, 410, 412, 415, 422, 501, 507)

_ABOUT = (
    '<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop>'
    "<resourcetype/><sync-token/><displayname/>"
    "<C:supported-calendar-component-set/></prop></propfind>"
)
_CHANGES = (
    '<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token>'
    "<sync-level>1</sync-level><prop><getetag/></prop></sync-collection>"
)
_WITHIN = (
    '<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    '<prop><getetag/></prop><C:filter><C:comp-filter name="VCALENDAR">'
    '<C:comp-filter name="VEVENT"><C:time-range start="{since}" end="{until}"/>'
    "</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
)
_OBJECTS = (
    '<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<prop><getetag/><C:calendar-data/></prop>{hrefs}</C:calendar-multiget>"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """One calendar, and the server's mark of how it stands.

    `takes`: the components that it may hold; none named, none excluded.
    """

    href: str
    url: str
    token: str
    name: str = ""
    takes: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Names of objects, and a mark of how they stand."""

    hrefs: Sequence[str]
    digest: str
    token: str = ""
    is_cut: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CalDav:
    """A server, and who asks it."""

    url: str
    headers: Mapping[str, str]
    wire: Wire
    now: datetime

    def calendars(self) -> list[Collection]:
        """The calendar at the address, or those in the folder there."""
        found = self._about("0") or self._about("1")
        if not found:
            raise SourceRefuses(f"There is no calendar at {self._place}.")
        return sorted(found, key=lambda each: each.href)[:MOST_CALENDARS]

    def changes(self, calendar: Collection, token: str) -> Listed | None:
        """What changed since a token; None where the server cannot tell."""
        body = _CHANGES.format(token=escape(token))
        answer = self._ask("REPORT", calendar.url, body, depth="0", fine=(207, *UNABLE))
        if answer.status != 207:
            return None
        root = self._read(answer)
        return _listed(root)

    def within(self, calendar: Collection, since: datetime, until: datetime) -> Listed:
        """Objects with something in a stretch of time."""
        body = _WITHIN.format(since=_stamp(since), until=_stamp(until))
        answer = self._ask("REPORT", calendar.url, body, depth="1", fine=(207,))
        return _listed(self._read(answer))

    def objects(
        self, calendar: Collection, hrefs: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        """What these objects hold. What is gone meanwhile is not there."""
        if not hrefs:
            return
        asked = "".join(f"<href>{escape(each)}</href>" for each in hrefs)
        answer = self._ask(
            "REPORT", calendar.url, _OBJECTS.format(hrefs=asked), depth="1", fine=(207,)
        )
        wanted = set(hrefs)
        for response in self._read(answer).findall(f"{DAV}response"):
            href = _href(response)
            data = _prop(response, f"{CAL}calendar-data")
            if href in wanted and data is not None and data.text:
                wanted.discard(href)
                yield href, data.text

    def _about(self, depth: str) -> list[Collection]:
        answer = self._ask("PROPFIND", self.url, _ABOUT, depth=depth, fine=(207,))
        found = []
        for response in self._read(answer).findall(f"{DAV}response"):
            kind = _prop(response, f"{DAV}resourcetype")
            href = _href(response)
            if kind is None or kind.find(f"{CAL}calendar") is None or not href:
                continue
            takes = _prop(response, f"{CAL}supported-calendar-component-set")
            found.append(
                Collection(
                    href=href,
                    url=self.url if depth == "0" else beside(self.url, href),
                    token=_text(_prop(response, f"{DAV}sync-token")),
                    name=_text(_prop(response, f"{DAV}displayname")),
                    takes=frozenset(
                        each.get("name", "").upper()
                        for each in (() if takes is None else takes)
                    ),
                )
            )
        return found

    def _ask(
        self, method: str, url: str, body: str, *, depth: str, fine: Sequence[int]
    ) -> Answer:
        headers = {
            **self.headers,
            "Content-Type": "application/xml; charset=utf-8",
            "Depth": depth,
        }
        return fetch(
            self.wire,
            method,
            url,
            now=self.now,
            headers=headers,
            body=body.encode(),
            fine=fine,
        )

    def _read(self, answer: Answer) -> Element:
        """XML without entities, of the one kind that is an answer here."""
        if answer.body.count(b"<") > TAGS:
            raise SourceFailed(f"{self._place} answers with too much at once.")
        try:
            root: Element = fromstring(answer.body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError, RecursionError):
            raise SourceFailed(
                f"{self._place} does not answer in proper XML."
            ) from None
        if root.tag != f"{DAV}multistatus":
            raise SourceFailed(f"{self._place} does not answer as CalDAV does.")
        return root

    @property
    def _place(self) -> str:
        return urlsplit(self.url).netloc


def _listed(root: Element) -> Listed:
    hrefs, marks, is_cut = [], [], False
    for response in root.findall(f"{DAV}response"):
        href, status = _href(response), response.findtext(f"{DAV}status", "")
        is_cut = is_cut or " 507" in status
        mark = _prop(response, f"{DAV}getetag")
        if href and mark is not None:
            hrefs.append(href)
            marks.append(f"{href} {_text(mark)}")
    token = root.findtext(f"{DAV}sync-token", "").strip()[:HREF]
    return Listed(hrefs=hrefs, digest=short(*sorted(marks)), token=token, is_cut=is_cut)


def _href(response: Element) -> str:
    href = response.findtext(f"{DAV}href", "").strip()
    return href if len(href) <= HREF else ""


def _prop(response: Element, name: str) -> Element | None:
    """A property that the server really has."""
    for part in response.findall(f"{DAV}propstat"):
        if " 200" in part.findtext(f"{DAV}status", ""):
            found = part.find(f"{DAV}prop/{name}")
            if found is not None:
                return found
    return None


def _text(element: Element | None) -> str:
    return ((element.text if element is not None else "") or "").strip()[:HREF]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
