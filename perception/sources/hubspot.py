"""HubSpot: deals, companies and notes, by its CRM search. Held to its documented shapes."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from perception.sources.base import Asked, Deal, Found, Met, Reach, Sighted, Wire
from perception.sources.crm import (
    COMMON,
    MARK,
    STAGE_TO,
    Walk,
    amount_of,
    fields_to,
    orphan,
    stage_of,
    unplaced,
    walk,
)
from perception.sources.hubspot_search import CHANGED, Portal, Row, moment_of, moved
from perception.sources.reading import Notes, held, key, line, plain, text
from perception.sources.web import URL

OBJECTS = ("deals", "companies", "notes")
STAGES = {
    "appointmentscheduled": "discovery",
    "qualifiedtobuy": "qualification",
    "presentationscheduled": "evaluation",
    "decisionmakerboughtin": "negotiation",
    "contractsent": "negotiation",
    "closedwon": "closed_won",
    "closedlost": "closed_lost",
}
ENTERED = "hs_v2_date_entered_current_stage"
PROPERTIES = {
    "deals": ["dealname", "dealstage", "amount", "closedate", CHANGED, ENTERED,
              "hs_is_closed", "hs_is_closed_won"],
    "companies": ["name", "lifecyclestage", CHANGED],
    "notes": ["hs_note_body", "hs_timestamp", CHANGED],
}  # fmt: skip
OWN = {"deals": "renewal", "companies": "account"}


class HubSpot:
    """A HubSpot account that holds the companies and the deals."""

    kind = "hubspot"
    title = "HubSpot"
    reach = Reach.WHOLE
    secret = "The access token of a private app that may read, and set, what it is for."  # noqa: S105
    schema: Mapping[str, Any] = {
        "title": "HubSpot",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "url": {**URL, "default": "https://api.hubapi.com"},
            "account": {
                "type": "string",
                "title": "External id of accounts",
                "description": "The company's property that is the external id of its "
                "account; none: HubSpot's own id.",
                "pattern": "^[a-z0-9_]{0,100}$",
                "default": "",
            },
            "renewal": {
                "type": "string",
                "title": "Renewal date",
                "description": "The deal's property that holds it; none: it is not read.",
                "pattern": "^[a-z0-9_]{0,100}$",
                "default": "",
            },
            "objects": {
                "type": "array",
                "title": "What is read",
                "items": {"type": "string", "enum": list(OBJECTS)},
                "minItems": 1,
                "uniqueItems": True,
                "default": list(OBJECTS),
            },
            **COMMON,
            "stage_to": STAGE_TO,
            "fields": fields_to("^[a-z0-9_]{1,100}$"),
            "key": {
                "type": "string",
                "title": "Key of what is made",
                "description": "A property of notes and of tasks, with unique values, "
                "that tools keep the key of their act in; none: it is in the text.",
                "pattern": "^[a-z0-9_]{0,100}$",
                "default": "",
            },
        },
    }

    def pull(self, asked: Asked, wire: Wire) -> Found:
        """Read one page of one kind of object. Only reads."""
        config = held(self.schema, asked.config)
        at = walk(
            asked, config, [each for each in OBJECTS if each in config["objects"]]
        )
        there = Portal(config, asked, wire)
        since = at.deals_from if at.at == "deals" else at.telling
        properties = [*PROPERTIES[at.at], config.get(OWN.get(at.at, ""), "")]
        rows, after = there.changed(at.at, properties, since, at.after)
        if at.at == "deals":
            return _deals(at, there, rows, after)
        if at.at == "companies":
            return _companies(at, there, rows, after)
        return _notes(at, there, rows, after)


def _deals(at: Walk, there: Portal, rows: Sequence[Row], after: str) -> Found:
    accounts = there.companies_of("deals", rows)
    skipped = Notes()
    signals, deals = [], []
    for row in rows:
        id_, said = str(row["id"]), row["properties"]
        account = accounts.get(id_)
        if not account:
            skipped.add(orphan("Deal", id_))
            continue
        stage, is_named = _stage(said, there.config)
        if not is_named:
            skipped.add(unplaced(id_, line(said.get("dealstage")), stage))
        amount = amount_of(said.get("amount"))
        renewal = _date(said.get(there.config["renewal"]))
        deals.append(
            Deal(
                account=account,
                external_id=id_,
                stage=stage,
                amount=amount,
                renewal_date=renewal,
            )
        )
        told = {
            "opportunity": id_, "stage": stage, "field": "stage", "to": stage,
            "amount": None if amount is None else str(amount),
            "closes": line(said.get("closedate")),
        }  # fmt: skip
        entered = moment_of(said.get(ENTERED))
        # HubSpot touches deals for much that says nothing: a stage is news once.
        if entered is None or entered >= at.telling:
            facts = (stage, entered)
            signals.append(_sighted("opportunity", there, row, account, told, facts))
    return at.page(after=after, signals=signals, deals=deals, skipped=skipped.told())


def _stage(said: Row, config: Mapping[str, Any]) -> tuple[str, bool]:
    """A stage of a pipeline of their own has a number for its name; its end is known."""
    stage, is_named = stage_of(line(said.get("dealstage")), config, STAGES)
    if not is_named and said.get("hs_is_closed") == "true":
        is_won = said.get("hs_is_closed_won") == "true"
        return ("closed_won" if is_won else "closed_lost"), True
    return stage, is_named


def _companies(at: Walk, there: Portal, rows: Sequence[Row], after: str) -> Found:
    signals = []
    for row in rows:
        said = line(row["properties"].get("lifecyclestage"))
        told = {"field": "lifecyclestage", "to": said}
        if account := there.named(row):
            signals.append(_sighted("account", there, row, account, told, (said,)))
    return at.page(after=after, signals=signals)


def _notes(at: Walk, there: Portal, rows: Sequence[Row], after: str) -> Found:
    accounts = there.companies_of("notes", rows)
    met = [
        Met(
            external_id=f"hubspot:note:{row['id']}",
            channel="crm",
            direction="both",
            at=moment_of(row["properties"].get("hs_timestamp")) or moved(row),
            account=account,
            text=text(plain(str(row["properties"].get("hs_note_body") or ""))),
        )
        for row in rows
        if (account := accounts.get(str(row["id"])))
        and MARK not in str(row["properties"].get("hs_note_body"))
    ]
    return at.page(after=after, interactions=met)


def _sighted(
    noun: str,
    there: Portal,
    row: Row,
    account: str,
    told: Mapping[str, Any],
    facts: Sequence[Any],
) -> Sighted:
    """The key holds what it says, so that it says so once."""
    return Sighted(
        type="crm_update",
        payload={"object": noun, **told},
        occurred_at=moved(row),
        dedupe_key=key("hubspot", there.root, noun, row["id"], *facts),
        account=account,
    )


def _date(written: Any) -> date | None:
    """A day; HubSpot writes days as the moment they begin in UTC."""
    at = moment_of(written)
    return at.date() if at else None
