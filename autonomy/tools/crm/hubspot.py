"""HubSpot, written into: notes, tasks, fields of deals. Held to its documented shapes.

It holds no record while one is changed, so that is compared right before: what somebody
changes in between, within a moment, is not seen.
"""

import html
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from autonomy.errors import ToolStopped
from autonomy.tools.base import ABSENT, Image, Job
from autonomy.tools.crm import vendors
from autonomy.tools.crm.base import NOTE
from autonomy.tools.crm.hubspot_keys import (
    PLURAL,
    SEEN,
    anchor,
    company,
    id_of,
    mine,
    row_in,
)
from autonomy.tools.crm.vendors import Named, Stages, nothing_done, refused
from perception.sources.base import SourceFailed, Wire
from perception.sources.hubspot import STAGES, HubSpot
from perception.sources.hubspot_search import WHO, Portal, Row, moment_of
from perception.sources.reading import held, line, place

# How what is made hangs on a company, and on a deal.
HANGS = {
    "note": {"companies": 190, "deals": 214},
    "task": {"companies": 192, "deals": 216},
}
FORECAST = "hs_manual_forecast_category"
CATEGORIES = {"pipeline": "PIPELINE", "best_case": "BEST_CASE", "commit": "COMMIT"}


class HubSpotDoor:
    """A HubSpot account that is written into."""

    kind = "hubspot"

    def find(self, noun: str, job: Job, wire: Wire) -> Image:
        """The first that has the key."""
        there = _portal(job, wire)
        return _image(noun, mine(noun, job, there))

    def make(
        self, noun: str, said: Mapping[str, Any], job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """One request makes it, where it hangs; of two at once, the first stays."""
        there = _portal(job, wire)
        with nothing_done():
            places = _places(job, there)
        made = {
            "properties": _written(noun, said, job, there.config["key"]),
            "associations": [
                {"to": {"id": id_}, "types": [_hanging(HANGS[noun][where])]}
                for where, id_ in places.items()
            ],
        }
        path = f"crm/v3/objects/{PLURAL[noun]}"
        status, row = there.ask("POST", path, made, fine=(201, 400, 409))
        if status != 201:
            _insist_on_made(noun, row, job, there)
            return {}
        return {"made": noun, "id": _stays(noun, row_in(row)["id"], job, there)}

    def remove(self, noun: str, there: Image, job: Job, wire: Wire) -> None:
        """Into HubSpot's recycling bin."""
        portal = _portal(job, wire)
        with nothing_done():
            rows = mine(noun, job, portal)
        if not rows:
            return
        if _image(noun, rows) != there:
            raise vendors.moved()
        _throw_away(noun, rows[0]["id"], portal)

    def read(self, fields: tuple[str, ...], job: Job, wire: Wire) -> Image:
        """The fields of the deal; of the company where there is no deal."""
        return _fields(fields, job, _portal(job, wire))[1]

    def write(
        self, fields: Mapping[str, Any], was: Image, job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """HubSpot holds nothing meanwhile: it is read once more right before."""
        there = _portal(job, wire)
        with nothing_done():
            path, now = _fields(tuple(was["fields"]), job, there)
        vendors.insist_on_same(was, now)
        if "stage" in fields:
            stages = _stages(there.config)
            stages.insist_on_step(now["fields"]["stage"], fields["stage"])
        names = _names(tuple(fields), job, there.config)
        new = {
            named.there: _text(named.written(fields[name]))
            for name, named in names.items()
        }
        there.ask("PATCH", path, {"properties": new}, fine=(200,))
        return {"set": sorted(fields)}


def _portal(job: Job, wire: Wire) -> Portal:
    config = held(HubSpot.schema, job.config)
    return Portal(config, vendors.asked(job, config), wire)


def _places(job: Job, there: Portal) -> dict[str, str]:
    """What it hangs on: the deal, where one is meant, and the company."""
    where, id_ = anchor(job, there)
    return {where: id_, "companies": company(job, there)}


def _hanging(kind: int) -> dict[str, Any]:
    return {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}


def _written(noun: str, said: Mapping[str, Any], job: Job, own: str) -> dict[str, str]:
    """What is made of it, as HubSpot has it: texts are HTML."""
    key = {own: job.key} if own else {}
    if noun == NOTE:
        return {
            **key,
            "hs_note_body": _html(said["text"], job),
            "hs_timestamp": _moment(job.at),
        }
    day = said.get("due")
    return {
        **key,
        "hs_task_subject": said["title"],
        "hs_task_body": _html(said.get("details", ""), job),
        "hs_timestamp": _moment(vendors.due(day, job) if day else job.at),
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "TODO",
    }


def _html(text: str, job: Job) -> str:
    return html.escape(vendors.marked(text, job)).replace("\n", "<br>")


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _insist_on_made(noun: str, said: Any, job: Job, there: Portal) -> None:
    """Who lost a race for the key has nothing to do; anything else was refused."""
    with nothing_done():
        is_there = there.config["key"] and mine(noun, job, there)
    if not is_there:
        raise refused(f"{WHO} refuses: {line(place(said, 'message'), 200)}")


def _stays(noun: str, id_: str, job: Job, there: Portal) -> str:
    """Where somebody made it at the same moment, the later one goes."""
    first = id_
    with suppress(SourceFailed, ToolStopped):
        rows = mine(noun, job, there)
        first = rows[0]["id"] if rows else id_
        if first != id_:
            _throw_away(noun, id_, there)
    return first


def _throw_away(noun: str, id_: str, there: Portal) -> None:
    there.ask("DELETE", f"crm/v3/objects/{PLURAL[noun]}/{id_of(id_)}", fine=(204, 404))


def _image(noun: str, rows: Sequence[Row]) -> Image:
    if not rows:
        return ABSENT
    said = rows[0]["properties"]
    seen = {name: said.get(name) or "" for name in SEEN[noun]}
    return {"there": True, "id": rows[0]["id"], **seen}


def _stages(config: Mapping[str, Any]) -> Stages:
    return Stages(config, STAGES, tuple(STAGES))


def _names(
    fields: Sequence[str], job: Job, config: Mapping[str, Any]
) -> dict[str, Named]:
    """What the fields are called there: nothing is set that nothing names."""
    usual = _usual(config) if job.opportunity else {}
    return vendors.named(fields, usual, config, Named(there="", read=_flag))


def _usual(config: Mapping[str, Any]) -> dict[str, Named]:
    """What deals have everywhere."""
    stages = _stages(config)
    there, here = vendors.each_way(CATEGORIES)
    return {
        "stage": Named(there="dealstage", written=stages.written, read=stages.read),
        "amount": Named(there="amount"),
        "close_date": Named(there="closedate", written=_day, read=_date),
        "forecast": Named(there=FORECAST, written=there, read=here),
    }


def _fields(fields: tuple[str, ...], job: Job, there: Portal) -> tuple[str, Image]:
    """Where the fields are, and what they hold."""
    names = _names(fields, job, there.config)
    where, id_ = anchor(job, there)
    path = f"crm/v3/objects/{where}/{id_}"
    properties = ",".join(each.there for each in names.values())
    said = row_in(there.ask("GET", f"{path}?properties={properties}", fine=(200,))[1])
    values = said["properties"]
    # HubSpot leaves out what it does not have, and says null where it is empty.
    missing = [name for name, each in names.items() if each.there not in values]
    if missing:
        raise refused(f"{WHO} has no property for {missing[0]!r}.")
    held_ = {name: each.read(values[each.there]) for name, each in names.items()}
    return path, {"there": True, "fields": held_}


def _text(value: Any) -> str:
    """Values are texts there; an empty one clears."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _flag(value: Any) -> Any:
    """A checkbox of HubSpot's says so in words."""
    return {"true": True, "false": False}.get(value, value)


def _day(value: Any) -> Any:
    """A day is the moment that it begins in UTC; a moment stays what it is."""
    return f"{value}T00:00:00.000Z" if value and len(str(value)) == 10 else value


def _date(value: Any) -> Any:
    at = moment_of(value)
    if at is None:
        return value or None
    return at.date().isoformat() if at.time() == datetime.min.time() else value
