"""Salesforce, written into: tasks, done or to do, and fields. Held to its documented shapes.

A note is a task that is done: that is where Salesforce keeps what happened.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from autonomy.errors import ToolStopped
from autonomy.tools.base import ABSENT, Image, Job
from autonomy.tools.crm import vendors
from autonomy.tools.crm.base import NOTE
from autonomy.tools.crm.vendors import Named, Stages, nothing_done, refused
from perception.sources.base import SourceFailed, SourceRefuses, Wire
from perception.sources.reading import NAME, held, line, place
from perception.sources.salesforce import STAGES, Salesforce
from perception.sources.salesforce_query import WHO, Org, Row, moment_of, written

ID = re.compile(r"[a-zA-Z0-9]{15}([a-zA-Z0-9]{3})?")
# What a person might change of a task.
SEEN = (
    "Subject", "Description", "Status", "Priority", "ActivityDate", "OwnerId", "WhatId",
    "WhoId",
)  # fmt: skip
# So many long texts are asked for at once, so many times.
FEW, TIMES = 10, 50
PROPER = (
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition",
    "Id. Decision Makers", "Perception Analysis", "Proposal/Price Quote",
    "Negotiation/Review", "Closed Won", "Closed Lost",
)  # fmt: skip
CATEGORIES = {"pipeline": "Pipeline", "best_case": "Best Case", "commit": "Commit"}
# What a stage brings along by itself, so that it is seen, and set back with it.
ALONG = ("forecast", "probability")
CHANGED, PRODUCTS = "LastModifiedDate", "HasOpportunityLineItem"


class SalesforceDoor:
    """A Salesforce org that is written into."""

    kind = "salesforce"

    def find(self, noun: str, job: Job, wire: Wire) -> Image:
        """The first that has the key."""
        return _image(_mine(job, _org(job, wire)))

    def make(
        self, noun: str, said: Mapping[str, Any], job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """By the key, where a field is for it; else of two at once, the first stays."""
        org = _org(job, wire)
        own = org.config["key"]
        with nothing_done():
            org.log_in()
            made = _written(noun, said, job, org)
        if own:
            return {"made": noun, "id": _kept(own, made, job, org)}
        _, told = org.ask("POST", "sobjects/Task", made, fine=(201,))
        return {"made": noun, "id": _stays(_told(place(told, "id")), job, org)}

    def remove(self, noun: str, there: Image, job: Job, wire: Wire) -> None:
        """Into Salesforce's recycle bin."""
        org = _org(job, wire)
        with nothing_done():
            rows = _mine(job, org)
        if not rows:
            return
        if _image(rows) != there:
            raise vendors.moved()
        _throw_away(rows[0]["Id"], org)

    def read(self, fields: tuple[str, ...], job: Job, wire: Wire) -> Image:
        """The fields of the opportunity; of the account where there is none."""
        return _fields(fields, job, _org(job, wire))[1]

    def write(
        self, fields: Mapping[str, Any], was: Image, job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """Where Salesforce itself finds that nobody changed the record meanwhile."""
        org = _org(job, wire)
        with nothing_done():
            path, now, row = _fields(tuple(was["fields"]), job, org)
        vendors.insist_on_same(was, now)
        _insist_on_sense(fields, now, row, org)
        names = _names(tuple(fields), job, org.config)
        new = {
            named.there: named.written(fields[name]) for name, named in names.items()
        }
        at = moment_of(row.get(CHANGED))
        if at is None:
            raise refused(f"{WHO} does not say when the record was changed.")
        shown = {
            "If-Unmodified-Since": format_datetime(at.astimezone(UTC), usegmt=True)
        }
        status, _ = org.ask("PATCH", path, new, shown=shown, fine=(200, 204, 412))
        if status == 412:
            raise vendors.moved()
        return {"set": sorted(fields)}


def _org(job: Job, wire: Wire) -> Org:
    config = held(Salesforce.schema, job.config)
    return Org(config, vendors.asked(job, config), wire)


def _written(noun: str, said: Mapping[str, Any], job: Job, org: Org) -> dict[str, Any]:
    """What is made of it, as Salesforce has it."""
    made: dict[str, Any] = {"WhatId": _anchor(job, org)[1]}
    if noun == NOTE:
        text = str(said["text"])
        title = line(next(iter(text.splitlines()), ""), 80)
        return {
            **made,
            "Subject": title or "Note",
            "Description": vendors.marked(text, job),
            "Status": org.config["done"],
            "ActivityDate": job.at.astimezone(UTC).date().isoformat(),
        }
    day = {"ActivityDate": said["due"]} if said.get("due") else {}
    text = vendors.marked(str(said.get("details", "")), job)
    return {**made, **day, "Subject": line(said["title"], 255), "Description": text}


def _anchor(job: Job, org: Org) -> tuple[str, str]:
    """What an act is about: the opportunity; the account, where there is none."""
    own, name = org.config["account"], job.account["external_id"]
    if job.opportunity:
        id_ = _id(job.opportunity)
        rows, _ = org.query(
            f"SELECT Id, Account.{own} FROM Opportunity WHERE Id = '{id_}'"  # noqa: S608
        )
        whose = place(rows, f"0.Account.{own}")
        vendors.insist_on_account(line(whose, NAME), job)
        return "Opportunity", _told(rows[0]["Id"])
    if own == "Id":
        return "Account", _id(name)
    rows, _ = org.query(f"SELECT Id FROM Account WHERE {own} = {_quoted(name)} LIMIT 2")  # noqa: S608
    if len(rows) != 1:
        many = "More than one account" if rows else "No account"
        raise refused(f"{many} of {WHO} is this one.")
    return "Account", _told(rows[0]["Id"])


def _id(written_: str) -> str:
    if not ID.fullmatch(written_):
        raise refused(f"{line(written_, 50)!r} is no id of {WHO}'s.")
    return written_


def _told(id_: Any) -> str:
    """An id as Salesforce told it."""
    if not ID.fullmatch(str(id_)):
        raise SourceFailed(f"{WHO} told an id that is none.")
    return str(id_)


def _quoted(value: str) -> str:
    """A text within SOQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _mine(job: Job, org: Org) -> list[Row]:
    """What was made under the key, the oldest first.

    Queries read the records themselves. Long texts are no conditions: they are read.
    """
    fields = ", ".join(("Id", "CreatedDate", *SEEN))
    if own := org.config["key"]:
        rows, _ = org.query(
            f"SELECT {fields} FROM Task WHERE {own} = {_quoted(job.key)} "  # noqa: S608
            "ORDER BY CreatedDate, Id"
        )
        return rows
    _, what = _anchor(job, org)
    where = f"WhatId = '{what}' AND CreatedDate >= {written(vendors.since(job))}"
    found: list[Row] = []
    last = ""
    for _ in range(TIMES):
        onward = f" AND Id > '{last}'" if last else ""
        rows, _ = org.query(
            f"SELECT {fields} FROM Task WHERE {where}{onward} ORDER BY Id LIMIT {FEW}"  # noqa: S608
        )
        found += rows
        if len(rows) < FEW:
            mark = vendors.mark(job)
            marked = [row for row in found if mark in str(row.get("Description"))]
            return sorted(marked, key=lambda row: (str(row["CreatedDate"]), row["Id"]))
        last = _told(rows[-1]["Id"])
    raise refused(
        f"More than {FEW * TIMES} tasks hang there: give them a key of their own in the "
        "connector's configuration."
    )


def _kept(own: str, made: Mapping[str, Any], job: Job, org: Org) -> str:
    """Made by its key. Whoever lost a race for it has nothing to do."""
    path = f"sobjects/Task/{own}/{quote(job.key, safe='')}"
    try:
        status, told = org.ask("PATCH", path, made, fine=(200, 201, 204, 300))
    except SourceRefuses:
        with nothing_done():
            rows = _mine(job, org)
        if not rows:
            raise
        return str(rows[0]["Id"])
    if status == 300:
        raise refused(f"More than one task of {WHO} has this key: it has to be unique.")
    return line(place(told, "id"))


def _stays(id_: str, job: Job, org: Org) -> str:
    """Where somebody made it at the same moment, the later one goes."""
    first = id_
    with suppress(SourceFailed, ToolStopped):
        rows = _mine(job, org)
        first = rows[0]["Id"] if rows else id_
        if first != id_:
            _throw_away(id_, org)
    return first


def _throw_away(id_: str, org: Org) -> None:
    org.ask("DELETE", f"sobjects/Task/{_told(id_)}", fine=(204, 404))


def _image(rows: Sequence[Row]) -> Image:
    if not rows:
        return ABSENT
    return {"there": True, "id": rows[0]["Id"], **{n: rows[0].get(n) for n in SEEN}}


def _stages(config: Mapping[str, Any]) -> Stages:
    return Stages(config, STAGES, PROPER)


def _names(
    fields: Sequence[str], job: Job, config: Mapping[str, Any]
) -> dict[str, Named]:
    usual = _usual(config) if job.opportunity else {}
    return vendors.named(fields, usual, config, Named(there=""))


def _usual(config: Mapping[str, Any]) -> dict[str, Named]:
    """What opportunities have everywhere."""
    stages = _stages(config)
    there, here = vendors.each_way(CATEGORIES)
    return {
        "stage": Named(there="StageName", written=stages.written, read=stages.read),
        "amount": Named(there="Amount"),
        "close_date": Named(there="CloseDate"),
        "forecast": Named(there="ForecastCategoryName", written=there, read=here),
        "probability": Named(there="Probability"),
    }


def _fields(
    fields: tuple[str, ...], job: Job, org: Org
) -> tuple[str, Image, Mapping[str, Any]]:
    """Where the fields are, what they hold, and the record as it came."""
    along = ALONG if "stage" in fields else ()
    names = _names(tuple(dict.fromkeys((*fields, *along))), job, org.config)
    noun, id_ = _anchor(job, org)
    path = f"sobjects/{noun}/{id_}"
    more = (PRODUCTS,) if job.opportunity else ()
    asked = ",".join((CHANGED, *more, *(each.there for each in names.values())))
    _, row = org.ask("GET", f"{path}?fields={asked}")
    if not isinstance(row, dict) or not all(e.there in row for e in names.values()):
        raise SourceFailed(f"{WHO} answered with something else than the record.")
    held_ = {name: each.read(row[each.there]) for name, each in names.items()}
    return path, {"there": True, "fields": held_}, row


def _insist_on_sense(
    fields: Mapping[str, Any], now: Image, row: Mapping[str, Any], org: Org
) -> None:
    """Refuse what Salesforce would leave aside without a word, or what is so already."""
    if "stage" in fields:
        _stages(org.config).insist_on_step(now["fields"]["stage"], fields["stage"])
    if "amount" in fields and row.get(PRODUCTS) is True:
        raise refused("The amount there is the sum of its products.")
