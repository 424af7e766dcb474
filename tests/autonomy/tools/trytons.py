"""A real Tryton that tools write into, and what they have in hand for it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from autonomy.rules.answers import Meaning
from autonomy.tools import outside
from autonomy.tools.base import Image, Job
from autonomy.tools.hands import HANDS
from autonomy.tools.outside import Called, wire_for
from perception.sources.base import Wire
from tests.perception.sources.crm import Crm

ADMIN_KEY = "the-key-of-an-administrator"
FIELDS = {"fields": {"discount": "conversion_probability", "forecast": "reference"}}
ACTS: dict[str, dict[str, Any]] = {
    "crm.note": {"text": "Usage fell by a third."},
    "crm.task": {"title": "Call", "due": "2026-12-01", "details": "About the pilot."},
    "crm.field": {"category": "commit", "amount": 12000, "close_date": "2027-03-01"},
    "crm.stage": {"to_stage": "qualification", "note": "They have a budget."},
}
_KEY = """
INSERT INTO res_user_application ("user", application, state, key, create_uid)
SELECT id, 'rest', 'validated', ?, 0 FROM res_user WHERE login = 'admin'
"""


@contextmanager
def tryton(folder: Path) -> Iterator[Crm]:
    """A server with a database of its own, where an administrator has a key too."""
    server = Crm(folder, Path(settings.VAR_DIR).parent / "cache")
    connection = sqlite3.connect(server.database)
    connection.execute(_KEY, (ADMIN_KEY,))
    connection.commit()
    connection.close()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Shop:
    """One account there with a deal, and jobs that concern it."""

    def __init__(self, crm: Crm, code: str = "") -> None:
        self.crm = crm
        self.code = code or uuid4().hex[:12]
        self.party = crm.party(self.code)
        self.deal = crm.deal(self.party, "1200.00")

    def config(self, **more: Any) -> dict[str, Any]:
        return {"url": self.crm.url, "database": "crm", **self.crm.context, **more}

    def job(self, parameters: dict[str, Any], **given: Any) -> Job:
        config = self.config(**given.pop("config", {}))
        given = {
            "key": str(uuid4()),
            "opportunity": str(self.deal),
            "secret": self.crm.key,
            **given,
        }
        return Job(
            at=datetime.now(UTC),
            attempt=1,
            config=config,
            action_type="an_act",
            parameters=parameters,
            ids={},
            account={"id": str(uuid4()), "external_id": self.code, "name": "A"},
            kind="tryton",
            **given,
        )

    def now(self, *fields: str) -> dict[str, Any]:
        """What the deal holds there, as a person would see it."""
        row = self.crm.ask(
            "GET",
            f"sale.opportunity/{self.deal}?f=id"
            + "".join(f"&f={field}" for field in fields),
        )
        return {field: row[field] for field in fields}

    def notes(self, on: str = "") -> list[dict[str, Any]]:
        body = {
            "domain": [["resource", "=", on or f"sale.opportunity,{self.deal}"]],
            "fields_names": ["message"],
        }
        found: list[dict[str, Any]] = self.crm.ask("POST", "ir.note/search_read", body)
        return found

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.crm.ask(
            "GET", "project.work?f=name&f=comment&f=party"
        )
        return [each for each in found if each["party"] == self.party]

    def press(self, button: str) -> None:
        self.crm.ask("POST", f"sale.opportunity/{self.deal}/{button}", {})

    def change(self, **values: Any) -> None:
        self.crm.ask("PUT", f"sale.opportunity/{self.deal}", values)


def wire(job: Job) -> Wire:
    return wire_for(job, 60)


def job_of(shop: Shop, key: str) -> Job:
    return shop.job(ACTS[key], config=FIELDS)


def seen(key: str, job: Job) -> Image:
    found = outside.see(HANDS[key], job, wire(job))
    assert not isinstance(found, Called), found
    return found


def acted(key: str, job: Job, before: Image | None = None) -> Called:
    before = seen(key, job) if before is None else before
    return outside.act(HANDS[key], job, wire(job), before)


def restored(key: str, job: Job, before: Image, after: Image) -> Called:
    return outside.restore(HANDS[key], job, wire(job), before, after)


def all_of(shop: Shop) -> Any:
    """All that the tools could have changed."""
    held = shop.now("state", "amount", "end_date", "reference", "notes")
    return held, shop.tasks(), shop.notes(f"party.party,{shop.party}")


def refused(shop: Shop, key: str, job: Job, words: str) -> None:
    """It says that it will not, and nothing was done."""
    stands = all_of(shop)
    found = outside.see(HANDS[key], job, wire(job))
    if not isinstance(found, Called):
        found = acted(key, job, found)
    assert found.said.meaning is Meaning.REFUSED
    assert words in found.said.detail
    assert all_of(shop) == stands
