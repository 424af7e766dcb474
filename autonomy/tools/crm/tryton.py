"""Tryton: notes on deals and accounts, tasks for accounts, fields of deals.

Its REST interface has no call that acts only where nothing has changed: what is seen is
read right before it is written, and what a person does between these two is overwritten.
What was made is found again by its last line, which holds the key. Who may not administer
can remove a note only by way of its deal; on an account none is made that would stay.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from autonomy.errors import ToolStopped
from autonomy.tools.base import ABSENT, Image, Job
from autonomy.tools.crm.base import NOTE
from autonomy.tools.crm.tryton_deal import (
    DEAL,
    deal,
    explained,
    insist_on_fields,
    read,
    server,
    write,
)
from autonomy.tools.crm.vendors import mark, marked, moved, nothing_done, refused
from perception.sources.base import SourceFailed, SourceRefuses, Wire
from perception.sources.reading import line
from perception.sources.tryton_rest import WHO, Row, Server

WORK, PARTY = "project.work", "party.party"
# What of a task a person may change.
WORKED = ("name", "comment", "status", "progress", "parent", "party")
WRITTEN = ("message",)
TITLE = 200
MOST = 20


@dataclass(frozen=True, kw_only=True)
class Made:
    """What stands under one key: more than one, where two made it at once."""

    rows: list[Row]
    fields: tuple[str, ...]

    @property
    def image(self) -> Image:
        """The same for copies of one; what somebody changed of either shows."""
        seen: list[dict[str, Any]] = []
        for row in self.rows:
            shown = {name: row.get(name) for name in self.fields}
            if shown not in seen:
                seen.append(shown)
        if not seen:
            return ABSENT
        more = {"others": seen[1:]} if seen[1:] else {}
        return {"there": True, **seen[0], **more}

    @property
    def copies(self) -> list[Row]:
        """All but the first of those that are the same."""
        first = self.rows[:1]
        return [
            row
            for row in self.rows[1:]
            if all(row.get(name) == first[0].get(name) for name in self.fields)
        ]


class TrytonDoor:
    """A Tryton server, written into by the key of a user application."""

    kind = "tryton"

    def find(self, noun: str, job: Job, wire: Wire) -> Image:
        there = server(job, wire)
        return _made(noun, there, job, _place(noun, there, job)).image

    def make(
        self, noun: str, said: Mapping[str, Any], job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        """Make it, and leave one where another worker made it too."""
        there = server(job, wire)
        with nothing_done():
            place = _place(noun, there, job)
            model, values = _values(noun, there, said, job, place)
        there.make(model, values)
        # Whoever else made it may be removing the copies as well.
        with suppress(SourceFailed, ToolStopped):
            _remove(noun, there, place, _made(noun, there, job, place).copies)
        return {"on": place}

    def remove(self, noun: str, there: Image, job: Job, wire: Wire) -> None:
        """Remove it with all its copies; it is fine where somebody has done so."""
        at = server(job, wire)
        with nothing_done():
            place = _place(noun, at, job)
            made = _made(noun, at, job, place)
        if made.rows and made.image != there:
            raise moved()
        try:
            _remove(noun, at, place, made.rows)
        except SourceRefuses:
            if _made(noun, at, job, place).rows:
                raise

    def read(self, fields: tuple[str, ...], job: Job, wire: Wire) -> Image:
        return read(fields, job, wire)

    def write(
        self, fields: Mapping[str, Any], was: Image, job: Job, wire: Wire
    ) -> Mapping[str, Any]:
        return write(fields, was, job, wire)


def _place(noun: str, there: Server, job: Job) -> str:
    """What a note or a task hangs on; a task is always the account's."""
    if noun == NOTE and job.opportunity:
        return f"{DEAL},{deal(there, job)['id']}"
    return f"{PARTY},{_party(there, job)}"


def _party(there: Server, job: Job) -> int:
    field, account = there.config["account"], job.account["external_id"]
    wanted: str | int | None = account
    if field == "id":
        wanted = int(account) if account.isdecimal() and len(account) < 10 else None
    found: list[Row] = []
    if wanted is not None:
        found = there.search(PARTY, [[field, "=", wanted]], [field], most=2)
    if len(found) != 1:
        many = "more than one party" if found else "no party"
        raise refused(f"{WHO} has {many} for this account.")
    return int(found[0]["id"])


def _made(noun: str, there: Server, job: Job, place: str) -> Made:
    like = f"%{mark(job)}%"
    if noun == NOTE:
        notes = there.notes([["resource", "=", place], ["message", "like", like]])
        return Made(rows=notes, fields=WRITTEN)
    with explained(there, WORK, WORKED):
        tasks = there.search(WORK, [["comment", "like", like]], WORKED, most=MOST)
    return Made(rows=tasks, fields=WORKED)


def _values(
    noun: str, there: Server, said: Mapping[str, Any], job: Job, place: str
) -> tuple[str, dict[str, Any]]:
    """Tasks have no field there for when they are due, so it is said in words."""
    if noun == NOTE:
        _insist_on_undo(there, place)
        return "ir.note", {"resource": place, "message": marked(said["text"], job)}
    insist_on_fields(there, WORK, WORKED)
    due = f"Due {said['due']}." if said.get("due") else ""
    told = "\n\n".join(filter(None, [due, said.get("details", "")]))
    company = _company(there)
    there.config = {**there.config, "company": company}
    return WORK, {
        "name": line(said["title"], TITLE),
        "type": "task",
        "party": int(place.partition(",")[2]),
        "company": company,
        "comment": marked(told, job),
    }


def _company(there: Server) -> int:
    """The company there whose task it is."""
    if there.config["company"]:
        return int(there.config["company"])
    found = there.search("company.company", [], ["rec_name"], most=2)
    if len(found) != 1:
        raise refused("The connector has to name the company of tasks.")
    return int(found[0]["id"])


def _insist_on_undo(there: Server, place: str) -> None:
    """Nothing is made that this user could not take back: a deal's note goes with it."""
    if place.startswith(PARTY):
        try:
            there.notes([["id", "=", 0]])
        except SourceRefuses:
            raise refused(
                f"{WHO} lets only an administrator take back a note on an account: "
                "name a deal, or let the user of the key administer."
            ) from None


def _remove(noun: str, there: Server, place: str, rows: list[Row]) -> None:
    ids = [row["id"] for row in rows]
    if noun == NOTE and place.startswith(DEAL) and ids:
        held = int(place.partition(",")[2])
        there.change(DEAL, held, {"notes": [["delete", ids]]})
        return
    for id_ in ids:
        there.remove("ir.note" if noun == NOTE else WORK, id_)
