"""Rows to facts: the one read that a verdict rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from autonomy import registry
from autonomy.reading import read_rows
from autonomy.rules.actions import ActionType
from autonomy.rules.budget import effective_limit
from autonomy.rules.contact import CAPS, is_quiet
from autonomy.rules.data import amount_of, data_for, in_hours
from autonomy.rules.digests import due_days
from autonomy.rules.facts import BudgetLine, Facts, ModeAt, Reach
from autonomy.rules.modes import SCOPES
from autonomy.rules.review import is_chosen
from autonomy.rules.switches import Act, covering
from perception.rules.acting import hold_of
from perception.rules.days import local_day, zone_at

# By which way tools leave whose acts can be held back.
WAYS = {"mail.send": "mail.send", "chat.send": "chat"}


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about: an intent, recorded or hypothetical."""

    account: UUID
    action_type: str
    parameters: Mapping[str, Any]
    confidence: float | None
    risk_level: str | None
    origin: str
    opportunity: UUID | None = None
    contact: UUID | None = None
    tainted: bool = False
    plan_type: str = ""
    # The intent itself, so that it does not count against its own caps.
    intent: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The facts, and what else the read brought that acting on a verdict needs."""

    facts: Facts
    action: ActionType | None
    at: datetime
    day: date
    seller: UUID | None
    epoch: str
    # The version and the row of the policy in force; None: the shipped one.
    policy: tuple[str, UUID] | None
    # The server that judges in its place, where the tenant names one.
    opa: Mapping[str, str] | None
    # How long it is held back where policy lets it out, and where a person does.
    hold_seconds: int
    release_seconds: int
    # Whether the account is closed, and how long the chain behind the intent is.
    closed: bool
    depth: int


def read(asked: Question, *, tenant: UUID) -> Answer:
    """Everything that the layers need to know, in one statement."""
    found = read_rows(
        tenant=tenant,
        account=asked.account,
        opportunity=asked.opportunity,
        contact=asked.contact,
        intent=asked.intent,
        action_type=asked.action_type,
        origin=asked.origin,
    )
    return answered(asked, found, tenant=tenant)


def answered(asked: Question, found: str, *, tenant: UUID) -> Answer:
    """The same, of what was read."""
    row = orjson.loads(found)
    at = datetime.fromisoformat(row["at"])
    zone = _zone(row, at)
    action = registry.merge(asked.action_type, row["action"], row["tool"])
    policy = row["policy"]
    release = hold_of(WAYS.get(action.traits.tool, "") if action else "", row["holds"])
    return Answer(
        facts=_facts(asked, action, row, at, zone, tenant),
        action=action,
        at=at,
        day=local_day(at, zone),
        seller=UUID(row["owner"]) if row["owner"] else None,
        epoch=f"{row['house_epoch']}.{row['epoch']}",
        policy=(policy["version"], UUID(policy["id"])) if policy else None,
        opa=(row["data"] or {}).get("opa"),
        hold_seconds=max(row["profile"] or 0, release),
        release_seconds=release,
        closed=bool(row["closed"]),
        depth=row["depth"] or 0,
    )


def _facts(
    asked: Question,
    action: ActionType | None,
    row: Mapping[str, Any],
    at: datetime,
    zone: str,
    tenant: UUID,
) -> Facts:
    own = data_for(row["data"], asked.action_type, action)
    opt_in = _particular(row["opt_ins"])
    missing = _undelivered(row, opt_in, at, zone)
    return Facts(
        day=local_day(at, zone).isoformat(),
        account=str(asked.account),
        seller=row["owner"],
        action_type=asked.action_type,
        traits=action.traits if action else None,
        origin=asked.origin,
        confidence=asked.confidence,
        risk_level=asked.risk_level,
        stage=row["stage"] if asked.opportunity else None,
        lifecycle=row["lifecycle"],
        tainted=asked.tainted,
        switches=_switches(row, asked, action, at),
        modes=_modes(row["modes"], row["default_mode"]),
        opted_in=bool(opt_in and opt_in["granted"]),
        digest_delivered=None if missing is None else not missing,
        digest_missing=max(missing).isoformat() if missing else "",
        contact=str(asked.contact) if asked.contact else None,
        opted_out=row["opted_out"],
        account_reach=_reach(row, "account"),
        contact_reach=_reach(row, "contact") if asked.contact else None,
        quiet=_quiet(row, at),
        profile=row["profile"] is not None,
        allowlisted=own.allowlisted,
        min_confidence=own.min_confidence,
        amount=amount_of(asked.parameters),
        amount_cap=own.amount_cap,
        within_hours=in_hours(own.hours, at.astimezone(ZoneInfo(zone))),
        budgets=_budgets(row["budgets"], day=local_day(at, zone)),
        review=is_chosen(tenant, asked.intent, row["review_share"]),
    )


def _zone(row: Mapping[str, Any], at: datetime) -> str:
    since = row["timezone_since"]
    return zone_at(
        at,
        timezone=row["timezone"],
        previous=row["previous_timezone"],
        since=datetime.fromisoformat(since) if since else None,
    )


def _switches(
    row: Mapping[str, Any], asked: Question, action: ActionType | None, at: datetime
) -> Any:
    """A board that is not there reads as None: nothing may start."""
    if row["board"] is None or row["house"] is None:
        return None
    act = Act(
        account=str(asked.account),
        seller=row["owner"] or "",
        action_type=asked.action_type,
        tool=action.traits.tool if action else "",
        plan_type=asked.plan_type,
    )
    return covering([*row["house"], *row["board"]], act, now=at)


def _modes(rows: list[dict[str, Any]], default: str) -> tuple[ModeAt, ...]:
    found = {
        (row["account"] is not None, row["type"] != ""): row["mode"] for row in rows
    }
    keys = ((True, True), (False, True), (True, False), (False, False))
    stored = [found.get(key) for key in keys]
    modes = (*stored, default or None)
    return tuple(
        ModeAt(scope=scope, mode=mode)
        for scope, mode in zip(SCOPES, modes, strict=True)
    )


def _particular(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The row of the account, or else that of the tenant."""
    by_scope = {row["account"] is not None: row for row in rows}
    return by_scope.get(True) or by_scope.get(False)


def _undelivered(
    row: Mapping[str, Any], opt_in: Mapping[str, Any] | None, at: datetime, zone: str
) -> set[date] | None:
    """The days since the opt-in whose digest has no receipt; None: no reader."""
    if opt_in is None or row["owner"] is None:
        return None
    due = due_days(
        datetime.fromisoformat(opt_in["at"]), at, zone=zone, hour=row["digest_hour"]
    )
    return due - {date.fromisoformat(day) for day in row["digests"]}


def _reach(row: Mapping[str, Any], whom: str) -> Reach:
    cap = row["contact_caps"].get(f"{whom}_per_week", CAPS[f"{whom}_per_week"])
    return Reach(used=row[f"{whom}_reach"], cap=cap)


def _quiet(row: Mapping[str, Any], at: datetime) -> bool:
    quiet = row["quiet_hours"]
    zone = row["account_timezone"] or row["timezone"]
    return is_quiet(at, timezone=zone, start=quiet.get("start"), end=quiet.get("end"))


def _budgets(rows: list[dict[str, Any]], *, day: date) -> tuple[BudgetLine, ...]:
    """The rows that apply; an `each` gives way to a row of its own."""
    own = {
        (scope, row["type"])
        for row in rows
        for scope in ("account", "seller")
        if row[scope] and not row["each"]
    }
    return tuple(
        _line(row, day) for row in rows if (row["each"], row["type"]) not in own
    )


def _line(row: Mapping[str, Any], day: date) -> BudgetLine:
    # What was set anew begins anew.
    last = max(row["last_day"] or "", row["set_day"])
    idle = (day - date.fromisoformat(last)).days - 1
    return BudgetLine(
        budget=row["id"],
        key=row["key"],
        scope=row["scope"],
        limit=effective_limit(
            row["limit"], decay_percent=row["decay"], idle_days=max(0, idle)
        ),
        used=row["used"] or 0,
    )
