"""Objects of calendars, one at a time: looked for by their name, made, taken away."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perception.sources.base import SourceFailed, SourceRefuses
from perception.sources.caldav import CalDav
from perception.sources.web import beside, fetch

THERE, GONE = (200,), (404, 410)
CHANGED = 412


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """An object as a calendar has it."""

    url: str
    etag: str
    ics: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Objects:
    """What tools put into calendars, by names that nobody else gives.

    `write_to`: the calendar that is written to, by its name or address; empty: the
    first one that takes what is written.
    """

    there: CalDav
    write_to: str = ""

    def find(self, name: str, kind: str) -> Kept | None:
        """The object of a name, in whichever calendar it is: another may be the first
        one by now, and people move things.
        """
        for place, url in enumerate(self._places(kind)):
            if kept := self._read(url + name, is_ours=place == 0):
                return kept
        return None

    def make(self, name: str, kind: str, ics: str) -> bool:
        """Put it there; False where something is there already."""
        url = next(iter(self._places(kind))) + name
        headers = {
            "Content-Type": "text/calendar; charset=utf-8",
            "If-None-Match": "*",
        }
        return self._ask("PUT", url, headers, ics.encode()) != CHANGED

    def remove(self, kept: Kept) -> bool:
        """Take it away as it was read; False where it is another one by now."""
        if not kept.etag:
            raise SourceRefuses(
                "The calendar marks no versions, so that nothing is taken away safely."
            )
        return self._ask("DELETE", kept.url, {"If-Match": kept.etag}) != CHANGED

    def _read(self, url: str, *, is_ours: bool) -> Kept | None:
        fine = (*THERE, *GONE, *(() if is_ours else (403,)))
        there = self.there
        answer = fetch(
            there.wire, "GET", url, now=there.now, headers=there.headers, fine=fine
        )
        if answer.status not in THERE:
            return None
        return Kept(
            url=url,
            etag=answer.headers.get("etag", "").strip(),
            ics=answer.body.decode("utf-8", "replace"),
        )

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: Any = None
    ) -> int:
        there = self.there
        gone = GONE if method == "DELETE" else ()
        answer = fetch(
            there.wire,
            method,
            url,
            now=there.now,
            headers={**there.headers, **headers},
            body=body,
            fine=(200, 201, 202, 204, CHANGED, *gone),
        )
        return answer.status

    def _places(self, kind: str) -> Iterator[str]:
        """Calendars that take this kind of object; first the one that is written to."""
        found = self.there.calendars()
        fit = [each for each in found if not each.takes or kind in each.takes]
        if self.write_to.startswith("/") or "://" in self.write_to:
            first = self._named_by_address()
        elif self.write_to:
            named = [each.url for each in fit if self.write_to in _names(each)]
            if len(named) != 1:
                count = "several calendars" if named else "no calendar"
                raise SourceRefuses(
                    f"There is {count} of the name that is written to, for a {kind}."
                )
            first = _folder(named[0])
        elif fit:
            first = _folder(fit[0].url)
        else:
            raise SourceRefuses(f"There is no calendar that takes a {kind}.")
        yield first
        for each in fit:
            if _folder(each.url) != first:
                yield _folder(each.url)

    def _named_by_address(self) -> str:
        try:
            return _folder(beside(self.there.url, self.write_to))
        except SourceFailed:
            raise SourceRefuses(
                "The calendar that is written to is on another server."
            ) from None


def _names(calendar: Any) -> tuple[str, str]:
    """What a calendar is called: by people, and in its address."""
    return calendar.name, calendar.href.rstrip("/").rpartition("/")[2]


def _folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"
