"""What was made in HubSpot under a key, found again without its search, which lags.

It is found among what is associated with the deal or the company, by the key in its text;
or by a property of its own with unique values, where the connector names one.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from autonomy.tools.base import Job
from autonomy.tools.crm import vendors
from autonomy.tools.crm.vendors import refused
from perception.sources.base import SourceFailed
from perception.sources.crm import rows_in
from perception.sources.hubspot_search import WHO, Portal, Row, moment_of
from perception.sources.reading import line, place

PLURAL = {"note": "notes", "task": "tasks"}
# What a person might change of it.
SEEN = {
    "note": ("hs_note_body", "hs_timestamp", "hubspot_owner_id", "hs_attachment_ids"),
    "task": (
        "hs_task_subject", "hs_task_body", "hs_timestamp", "hs_task_status",
        "hs_task_priority", "hs_task_type", "hubspot_owner_id",
    ),
}  # fmt: skip
BODY = {"note": "hs_note_body", "task": "hs_task_body"}
CREATED = "hs_createdate"
# So many are asked for their age at once; of texts, which are long, fewer.
PAGE, FEW = 100, 5
# So many are looked through for a key in their text.
MOST = 1000
ID = re.compile(r"[0-9]{1,19}")


def mine(noun: str, job: Job, there: Portal) -> list[Row]:
    """What was made under the key, the oldest first."""
    properties = [*SEEN[noun], CREATED]
    if own := there.config["key"]:
        asked = f"properties={','.join(properties)}&idProperty={own}"
        path = f"crm/v3/objects/{PLURAL[noun]}/{quote(job.key, safe='')}?{asked}"
        status, row = there.ask("GET", path, fine=(200, 404))
        return [row_in(row)] if status == 200 else []
    where, id_ = anchor(job, there)
    ids = _hanging_on(where, id_, PLURAL[noun], there)
    young = [
        row["id"]
        for row in _rows(PLURAL[noun], ids, [CREATED], PAGE, there)
        if _created(row) >= vendors.since(job)
    ]
    rows = _rows(PLURAL[noun], young, properties, FEW, there)
    marked = [row for row in rows if _is_marked(noun, row, job)]
    return sorted(marked, key=lambda row: (_created(row), int(row["id"])))


def anchor(job: Job, there: Portal) -> tuple[str, str]:
    """What an act is about: the deal; the company, where there is no deal."""
    if not job.opportunity:
        return "companies", company(job, there)
    id_ = id_of(job.opportunity)
    account = there.companies_of("deals", [{"id": id_}]).get(id_, "")
    vendors.insist_on_account(account, job)
    return "deals", id_


def _hanging_on(where: str, id_: str, plural: str, there: Portal) -> list[str]:
    """What hangs on a deal or a company. This is no index: it does not lag."""
    found: list[str] = []
    asked: dict[str, str] = {"id": id_}
    path = f"crm/v4/associations/{where}/{plural}/batch/read"
    while asked:
        rows = rows_in(there.post(path, {"inputs": [asked]}), "results", WHO)
        to = [each for row in rows for each in row.get("to") or []]
        found += [_told(place(each, "toObjectId")) for each in to]
        if len(found) > MOST:
            raise refused(
                f"More than {MOST} {plural} hang there: give them a key of their own in "
                "the connector's configuration."
            )
        after = line(place(rows, "0.paging.next.after"))
        asked = {"id": id_, "after": after} if after and to else {}
    return list(dict.fromkeys(found))


def _rows(
    plural: str, ids: Sequence[str], properties: Sequence[str], most: int, there: Portal
) -> list[Row]:
    found: list[Row] = []
    for start in range(0, len(ids), most):
        inputs = [{"id": id_} for id_ in ids[start : start + most]]
        asked = {"properties": [*properties], "inputs": inputs}
        said = there.post(f"crm/v3/objects/{plural}/batch/read", asked)
        found += [row_in(row) for row in rows_in(said, "results", WHO)]
    return found


def row_in(answer: Any) -> Row:
    """The object that an answer is."""
    if not isinstance(place(answer, "properties"), dict):
        raise SourceFailed(f"{WHO} answered with something else than an object.")
    return {**answer, "id": _told(answer.get("id"))}


def _created(row: Row) -> datetime:
    at = moment_of(row.get("createdAt"))
    if at is None:
        raise SourceFailed(f"{WHO} does not say when an object was made.")
    return at


def _is_marked(noun: str, row: Row, job: Job) -> bool:
    return vendors.mark(job) in str(row["properties"].get(BODY[noun]) or "")


def company(job: Job, there: Portal) -> str:
    """The company that the account is."""
    own, name = there.config["account"], job.account["external_id"]
    if not own:
        return id_of(name)
    filter_ = {"propertyName": own, "operator": "EQ", "value": name}
    asked = {
        "filterGroups": [{"filters": [filter_]}],
        "properties": [own],
        "limit": 2,
    }
    said = there.post("crm/v3/objects/companies/search", asked)
    rows = rows_in(said, "results", WHO)
    if len(rows) != 1:
        many = "More than one company" if rows else "No company"
        raise refused(f"{many} of {WHO} is this account.")
    return _told(rows[0].get("id"))


def id_of(written: str) -> str:
    """What is known here as an object of HubSpot's."""
    if not ID.fullmatch(written):
        raise refused(f"{line(written, 50)!r} is no id of {WHO}'s.")
    return written


def _told(id_: Any) -> str:
    """An id as HubSpot told it."""
    if not ID.fullmatch(str(id_)):
        raise SourceFailed(f"{WHO} told an id that is none.")
    return str(id_)
