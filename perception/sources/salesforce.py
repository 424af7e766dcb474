"""Salesforce: opportunities, accounts and tasks, by SOQL. Held to its documented shapes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from perception.sources.base import (
    Asked,
    Deal,
    Found,
    Met,
    Reach,
    Sighted,
    SourceFailed,
    Wire,
)
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
from perception.sources.reading import NAME, Notes, held, key, line, place, text
from perception.sources.salesforce_query import (
    WHO,
    Forgotten,
    Org,
    Row,
    moment_of,
    written,
)
from perception.sources.web import URL

OBJECTS = ("Opportunity", "Account", "Task")
STAGES = {
    "prospecting": "prospecting",
    "qualification": "qualification",
    "needs analysis": "discovery",
    "value proposition": "discovery",
    "id. decision makers": "discovery",
    "perception analysis": "evaluation",
    "proposal/price quote": "evaluation",
    "negotiation/review": "negotiation",
    "closed won": "closed_won",
    "closed lost": "closed_lost",
}
FIELDS = {
    "Opportunity": (
        "StageName", "Amount", "CloseDate", "IsClosed", "IsWon", "LastStageChangeDate",
        "CreatedDate",
    ),
    "Account": ("Type",),
    "Task": ("Subject", "Description", "Status", "IsClosed", "CreatedDate"),
}  # fmt: skip
# Salesforce itself may come back to what was just made.
UNTOUCHED = timedelta(minutes=1)
FIELD = "^([A-Za-z][A-Za-z0-9_]{0,79})?$"


class Salesforce:
    """A Salesforce org that holds the accounts and the deals."""

    kind = "salesforce"
    title = "Salesforce"
    reach = Reach.WHOLE
    secret = (
        'JSON of an app: {"client_id", "client_secret"} logs in as its own user; with '  # noqa: S105
        '"refresh_token", as the person who allowed it.'
    )
    schema: Mapping[str, Any] = {
        "title": "Salesforce",
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": {
                **URL,
                "description": "The org's own: https://acme.my.salesforce.com",
            },
            "version": {
                "type": "string",
                "title": "Version of the API",
                "pattern": "^[0-9]{2,3}[.]0$",
                "default": "63.0",
            },
            "account": {
                "type": "string",
                "title": "External id of accounts",
                "description": "The account's field that is its external id here.",
                "pattern": FIELD,
                "default": "Id",
            },
            "renewal": {
                "type": "string",
                "title": "Renewal date",
                "description": "The opportunity's field that holds it; none: it is not "
                "read.",
                "pattern": FIELD,
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
            "fields": fields_to("^[A-Za-z][A-Za-z0-9_]{0,79}$"),
            "key": {
                "type": "string",
                "title": "Key of what is made",
                "description": "A field of tasks, external id and unique, that tools keep "
                "the key of their act in; none: it is in the text.",
                "pattern": FIELD,
                "default": "",
            },
            "done": {
                "type": "string",
                "title": "Status of notes",
                "description": "A note is a task that is done: what that status is called.",
                "minLength": 1,
                "maxLength": 40,
                "default": "Completed",
            },
        },
    }

    def pull(self, asked: Asked, wire: Wire) -> Found:
        """Read one page of one kind of object. Only reads."""
        config = held(self.schema, asked.config)
        at = walk(
            asked, config, [each for each in OBJECTS if each in config["objects"]]
        )
        org = Org(config, asked, wire)
        rows, after = _page(at, org)
        if at.at == "Opportunity":
            return _opportunities(at, org, rows, after)
        if at.at == "Account":
            return _accounts(at, org, rows, after)
        return _tasks(at, org, rows, after)


def _page(at: Walk, org: Org) -> tuple[list[Row], str]:
    """The next records; from the start where Salesforce has forgotten the place."""
    if at.after:
        try:
            return org.rows(at.after)
        except Forgotten:
            pass
    own = org.config
    named = {
        "Account": [own["account"]],
        "Opportunity": [f"Account.{own['account']}", own["renewal"]],
        "Task": [f"Account.{own['account']}"],
    }[at.at]
    fields = dict.fromkeys(
        ["Id", "SystemModstamp", *FIELDS[at.at], *filter(None, named)]
    )
    since = at.deals_from if at.at == "Opportunity" else at.telling
    # Names of fields are held to their form by the schema.
    return org.query(
        f"SELECT {', '.join(fields)} FROM {at.at} "  # noqa: S608
        f"WHERE SystemModstamp >= {written(since)} ORDER BY SystemModstamp, Id"
    )


def _opportunities(at: Walk, org: Org, rows: Sequence[Row], after: str) -> Found:
    skipped = Notes()
    signals, deals = [], []
    for row in rows:
        account = _account(row, org, "Account.")
        if not account:
            skipped.add(orphan("Opportunity", row["Id"]))
            continue
        stage, is_named = _stage(row, org.config)
        if not is_named:
            skipped.add(unplaced(row["Id"], line(row.get("StageName")), stage))
        amount = amount_of(row.get("Amount"))
        deals.append(
            Deal(
                account=account,
                external_id=row["Id"],
                stage=stage,
                amount=amount,
                renewal_date=_date(row.get(org.config["renewal"])),
            )
        )
        entered = moment_of(row.get("LastStageChangeDate") or row.get("CreatedDate"))
        # Salesforce touches records for much that says nothing: a stage is news once.
        if entered is None or entered >= at.telling:
            told = {
                "opportunity": row["Id"], "stage": stage, "field": "stage", "to": stage,
                "amount": None if amount is None else str(amount),
                "closes": line(row.get("CloseDate")),
            }  # fmt: skip
            facts = (stage, entered)
            signals.append(_sighted("opportunity", org, row, account, told, facts))
    return at.page(after=after, signals=signals, deals=deals, skipped=skipped.told())


def _stage(row: Row, config: Mapping[str, Any]) -> tuple[str, bool]:
    """A stage of their own says itself whether it is an end."""
    stage, is_named = stage_of(line(row.get("StageName")), config, STAGES)
    if not is_named and row.get("IsClosed") is True:
        return ("closed_won" if row.get("IsWon") is True else "closed_lost"), True
    return stage, is_named


def _accounts(at: Walk, org: Org, rows: Sequence[Row], after: str) -> Found:
    signals = []
    for row in rows:
        kind = line(row.get("Type"))
        told = {"field": "Type", "to": kind}
        if account := _account(row, org, ""):
            signals.append(_sighted("account", org, row, account, told, (kind,)))
    return at.page(after=after, signals=signals)


def _tasks(at: Walk, org: Org, rows: Sequence[Row], after: str) -> Found:
    """What was done is an interaction; what is still to do is news of the account."""
    signals, met = [], []
    for row in rows:
        account = _account(row, org, "Account.")
        if not account or _is_ours(row):
            continue
        if row.get("IsClosed") is True:
            met.append(
                Met(
                    external_id=f"salesforce:task:{row['Id']}",
                    channel="crm",
                    direction="both",
                    at=moment_of(row.get("CreatedDate")) or _moved(row),
                    account=account,
                    subject=line(row.get("Subject")),
                    text=text(row.get("Description")),
                )
            )
            continue
        status = line(row.get("Status"))
        told = {"task": row["Id"], "title": line(row.get("Subject"))}
        told |= {"field": "Status", "to": status}
        signals.append(_sighted("task", org, row, account, told, (status,)))
    return at.page(after=after, signals=signals, interactions=met)


def _is_ours(row: Row) -> bool:
    """Whether a tool of the house made it, and nobody has touched it since."""
    made = moment_of(row.get("CreatedDate"))
    is_marked = MARK in str(row.get("Description"))
    return is_marked and made is not None and _moved(row) - made < UNTOUCHED


def _account(row: Row, org: Org, path: str) -> str:
    """The external id of the account that a record belongs to."""
    return line(place(row, f"{path}{org.config['account']}"), NAME)


def _sighted(
    noun: str,
    org: Org,
    row: Row,
    account: str,
    told: Mapping[str, Any],
    facts: Sequence[Any],
) -> Sighted:
    """The key holds what it says, so that it says so once."""
    return Sighted(
        type="crm_update",
        payload={"object": noun, **told},
        occurred_at=_moved(row),
        dedupe_key=key("salesforce", org.root, noun, row["Id"], *facts),
        account=account,
    )


def _moved(row: Row) -> datetime:
    at = moment_of(row.get("SystemModstamp"))
    if at is None:
        raise SourceFailed(f"{WHO} does not say when a record was changed.")
    return at


def _date(told: Any) -> date | None:
    try:
        return date.fromisoformat(str(told)[:10])
    except ValueError:
        return None
