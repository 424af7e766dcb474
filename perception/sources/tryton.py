"""Tryton: opportunities, parties, tasks and notes, by its REST interface."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from perception.sources.base import (
    Asked,
    Deal,
    Found,
    Met,
    Reach,
    Sighted,
    SourceRefuses,
    Wire,
)
from perception.sources.crm import (
    COMMON,
    MARK,
    Walk,
    amount_of,
    orphan,
    stage_of,
    unplaced,
    walk,
)
from perception.sources.reading import Notes, held, line, place, text
from perception.sources.tryton_rest import NOTES, WHEN, WHO, Row, Server, stamp
from perception.sources.web import URL

PAGE = 100
# Notes are asked for by the objects they hang on.
HOOKS = 500
OBJECTS = ("opportunity", "party", "task", "party_note", "opportunity_note")
STAGES = {
    "lead": "prospecting",
    "opportunity": "qualification",
    "converted": "negotiation",
    "won": "closed_won",
    "lost": "closed_lost",
    "cancelled": "closed_lost",
}
FACTS = ("state", "amount", "end_date")
# A task that the house made is no news until somebody works on it.
NOT_OURS = [
    "OR",
    ["write_date", "!=", None],
    ["comment", "=", None],
    ["comment", "not like", f"%{MARK}%"],
]


class Tryton:
    """A Tryton server that holds the accounts and the deals."""

    kind = "tryton"
    title = "Tryton"
    reach = Reach.WHOLE
    secret = "The key of a user application for the REST API, validated."  # noqa: S105
    schema: Mapping[str, Any] = {
        "title": "Tryton",
        "type": "object",
        "required": ["url", "database"],
        "additionalProperties": False,
        "properties": {
            "url": {**URL, "description": "Without the database's name."},
            "database": {
                "type": "string",
                "title": "Database",
                "pattern": "^[A-Za-z0-9_.-]{1,100}$",
            },
            "company": {
                "type": "integer",
                "title": "Company",
                "description": "The company there whose deals are read; 0 is the user's.",
                "minimum": 0,
                "default": 0,
            },
            "account": {
                "type": "string",
                "title": "External id of accounts",
                "description": "What of a party is the external id of its account.",
                "enum": ["code", "id"],
                "default": "code",
            },
            "objects": {
                "type": "array",
                "title": "What is read",
                "description": "Notes take a request for every 500 parties and every "
                "500 opportunities there are.",
                "items": {"type": "string", "enum": list(OBJECTS)},
                "minItems": 1,
                "uniqueItems": True,
                "default": list(OBJECTS),
            },
            "fields": {
                "type": "object",
                "title": "Fields that tools may set",
                "description": "What a field of a deal is called here, and there: "
                '{"discount": "name_of_the_field"}. Amount and close date are known.',
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,62}$"},
                "additionalProperties": {
                    "type": "string",
                    "pattern": "^[a-z][a-z0-9_]{0,62}$",
                },
                "default": {},
            },
            **COMMON,
        },
    }

    def pull(self, asked: Asked, wire: Wire) -> Found:
        """Read one page of one kind of object. Only reads."""
        config = held(self.schema, asked.config)
        chosen = [each for each in OBJECTS if each in config["objects"]]
        at = walk(asked, config, chosen)
        there = Server(config, asked.secret, wire, asked.now)
        match at.at:
            case "opportunity":
                return _opportunities(at, there)
            case "party":
                return _parties(at, there)
            case "task":
                return _tasks(at, there)
            case "party_note":
                return _notes(at, there, "party.party", "")
            case _:
                return _notes(at, there, "sale.opportunity", "party.")


def _opportunities(at: Walk, there: Server) -> Found:
    fields = [*FACTS, *WHEN, f"party.{there.config['account']}"]
    domain = [_next(at), _since(at.deals_from)]
    rows = there.search("sale.opportunity", domain, fields, most=PAGE)
    before = _before(at, there, rows)
    skipped = Notes()
    signals, deals = [], []
    for row in rows:
        account, state = there.account(row, "party."), line(row.get("state"))
        if not account:
            skipped.add(orphan("Opportunity", row["id"]))
            continue
        stage, is_named = stage_of(state, there.config, STAGES)
        if not is_named:
            skipped.add(unplaced(row["id"], state, stage))
        deals.append(
            Deal(
                account=account,
                external_id=str(row["id"]),
                stage=stage,
                amount=amount_of(row.get("amount")),
            )
        )
        told = _told(row, before.get(row["id"]), stage, there.config)
        if told:
            signals.append(_sighted("opportunity", row, account, told))
    return at.page(
        after=_last(rows, PAGE), signals=signals, deals=deals, skipped=skipped.told()
    )


def _before(at: Walk, there: Server, rows: Sequence[Row]) -> dict[Any, Row]:
    """What changed, as it was when this walk's time began: Tryton keeps its history."""
    news = [row["id"] for row in rows if _moved(row) >= at.telling]
    if not news:
        return {}
    past = there.search(
        "sale.opportunity", [["id", "in", news]], FACTS, most=PAGE, at=at.telling
    )
    return {row["id"]: row for row in past}


def _told(
    row: Row, before: Row | None, stage: str, config: Mapping[str, Any]
) -> dict[str, Any]:
    """What changed of a deal; nothing where only its other fields did."""
    said: dict[str, Any] = {"opportunity": str(row["id"]), "stage": stage}
    if before is None:
        return {**said, "field": "stage", "to": stage}
    changed = [name for name in FACTS if before.get(name) != row.get(name)]
    if not changed:
        return {}
    if "state" in changed:
        was, _ = stage_of(str(before.get("state")), config, STAGES)
        return {**said, "field": "stage", "from": was, "to": stage}
    field = changed[0]
    return {
        **said,
        "field": field,
        "from": _plain(before.get(field)),
        "to": _plain(row.get(field)),
    }


def _parties(at: Walk, there: Server) -> Found:
    fields = [there.config["account"], *WHEN]
    domain = [_next(at), _since(at.telling)]
    rows = there.search("party.party", domain, fields, most=PAGE)
    signals = [
        _sighted("account", row, account, {})
        for row in rows
        if (account := there.account(row, ""))
    ]
    return at.page(after=_last(rows, PAGE), signals=signals)


def _tasks(at: Walk, there: Server) -> Found:
    party = f"party.{there.config['account']}"
    fields = ["name", "status.name", "progress", party, f"parent.{party}", *WHEN]
    domain = [_next(at), _since(at.telling), ["type", "=", "task"], NOT_OURS]
    rows = there.search("project.work", domain, fields, most=PAGE)
    skipped = Notes()
    signals = []
    for row in rows:
        account = there.account(row, "party.") or there.account(row, "parent.party.")
        if not account:
            skipped.add(orphan("Task", row["id"]))
            continue
        told = {
            "task": str(row["id"]),
            "title": line(row.get("name")),
            "field": "status",
            "to": line(place(row, "status.name")),
            "progress": row.get("progress"),
        }
        signals.append(_sighted("task", row, account, told))
    return at.page(after=_last(rows, PAGE), signals=signals, skipped=skipped.told())


def _notes(at: Walk, there: Server, model: str, path: str) -> Found:
    """Notes on the next so many objects: who may not administer has to name them.
    What the house wrote itself is no interaction.
    """
    fields = [f"{path}{there.config['account']}"]
    hooks = there.search(model, [_next(at)], fields, most=HOOKS)
    accounts = {
        f"{model},{row['id']}": account
        for row in hooks
        if (account := there.account(row, path))
    }
    met: list[Met] = []
    last, full = 0, bool(accounts)
    while full:
        on = ["resource", "in", list(accounts)]
        rows = there.notes([on, ["id", ">", last], _since(at.telling)])
        met += [
            _met(row, account)
            for row in rows
            if (account := accounts.get(str(row.get("resource")), ""))
            and MARK not in str(row.get("message"))
        ]
        full = len(rows) == NOTES and rows[-1]["id"] > last
        last = rows[-1]["id"] if rows else 0
    return at.page(after=_last(hooks, HOOKS), interactions=met)


def _met(row: Row, account: str) -> Met:
    return Met(
        external_id=f"tryton:note:{row['id']}",
        channel="crm",
        direction="both",
        at=_moved({"create_date": row.get("create_date")}),
        account=account,
        text=text(row.get("message")),
    )


def _sighted(noun: str, row: Row, account: str, told: Mapping[str, Any]) -> Sighted:
    moved = _moved(row)
    return Sighted(
        type="crm_update",
        payload={"object": noun, **told},
        occurred_at=moved,
        dedupe_key=f"tryton:{noun}:{row['id']}:{moved.isoformat()}",
        account=account,
    )


def _next(at: Walk) -> list[Any]:
    return ["id", ">", int(at.after or 0)]


def _since(since: datetime) -> list[Any]:
    """A new row has no date of writing yet."""
    when = stamp(since)
    fresh = [["write_date", "=", None], ["create_date", ">=", when]]
    return ["OR", ["write_date", ">=", when], fresh]


def _moved(row: Row) -> datetime:
    moved = row.get("write_date") or row.get("create_date")
    if not isinstance(moved, datetime):
        raise SourceRefuses(f"{WHO} does not show this user when rows changed.")
    return moved


def _last(rows: Sequence[Row], most: int) -> str:
    """Where the next page begins; nothing after the last."""
    return str(rows[-1]["id"]) if len(rows) == most else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
