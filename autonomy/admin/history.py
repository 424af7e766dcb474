"""What the ledger says of a setting: when, who, before and after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autonomy.admin.words import SCOPES, accounts, people, shown, spaced
from ledger.models import Entry
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant

# Entries of a kind are read newest first; only so many, as they cannot be indexed by
# what their data say.
READ = 200
SHOWN = 50

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Told:
    """Which entries tell of a kind of object: their kinds, and the setting they name."""

    kinds: tuple[Kind, ...] = (Kind.SETTING_CHANGED,)
    setting: str = ""

    def about(self, row: Row) -> bool:
        if row["kind"] != Kind.SETTING_CHANGED:
            return True
        return bool(row["data"].get("setting") == self.setting)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One change as a person reads it."""

    id: str
    at: Any
    who: str
    what: str
    why: str
    changes: tuple[tuple[str, str, str], ...]


def lately(
    told: Told, matches: Callable[[Row], bool] = lambda row: True
) -> Sequence[Line]:
    """The last changes, newest first, with names in place of ids."""
    rows: list[Row] = []
    for kind in told.kinds:
        # One query for each kind, as each has its place in the index.
        rows += (
            Entry.objects.filter(tenant_id=current_tenant(), kind=kind)
            .order_by("-number")
            .values("number", "id", "at", "kind", "actor", "subjects", "data")[:READ]
        )
    found = [row for row in rows if told.about(row) and matches(row)]
    found = sorted(found, key=lambda row: row["number"], reverse=True)[:SHOWN]
    named = people(_members(found)) | accounts(
        row["subjects"].get("account") for row in found
    )
    return [_line(row, named) for row in found]


def _members(rows: Sequence[Row]) -> list[str]:
    return [
        id_
        for row in rows
        for id_ in (row["actor"]["id"], row["subjects"].get("member", ""))
    ]


def _line(row: Row, named: Mapping[str, str]) -> Line:
    actor, data = row["actor"], row["data"]
    return Line(
        id=str(row["id"]),
        at=row["at"],
        who=named.get(actor["id"], actor["id"] or actor["type"]),
        what=_what(row, named),
        why=data.get("reason", ""),
        changes=(
            *_changes(data.get("before"), data.get("after")),
            *((name, "hidden", "replaced") for name in data.get("replaced", ())),
        ),
    )


def _what(row: Row, named: Mapping[str, str]) -> str:
    data = row["data"]
    match row["kind"]:
        case Kind.SWITCH_ENGAGED:
            return f"Stopped: {_scope(data, row['subjects'], named)}"
        case Kind.SWITCH_RELEASED:
            return f"Released: {_scope(data, row['subjects'], named)}"
        case Kind.POLICY_SAVED:
            return f"Saved: {data['name']} {data['version'][:19]}"
        case Kind.POLICY_ACTIVATED:
            return f"Came into force: {data['name']} {data['version'][:19]}"
        case Kind.POLICY_ROLLED_BACK:
            return (
                f"Rolled back: {data['name']} {data['version'][:19]} "
                f"→ {data['after'][:19]}"
            )
        case Kind.BREAKER_MOVED | Kind.MODEL_MOVED:
            # Breakers are named by their tool, models by their version.
            moved = data.get("version") or f"Breaker of {data.get('tool', '')}"
            return f"{moved}: {_state(data)}"
        case Kind.SERVICE_ALERTED | Kind.SERVICE_RECOVERED as kind:
            began = "Alert" if kind == Kind.SERVICE_ALERTED else "Alert over"
            return f"{began}: {data['tool']}, {data['about']}"
        case _:
            return _where(data, row["subjects"], named)


def _state(data: Row) -> str:
    before, after = (str(data[each]).lower() for each in ("before", "after"))
    return f"{before or 'new'} → {after}"


def _scope(data: Row, subjects: Row, named: Mapping[str, str]) -> str:
    target = data.get("target", "")
    if not target:
        return SCOPES.get(data["scope"], data["scope"])
    return f"{spaced(data['scope'])} {named.get(target, spaced(target))}"


def _where(data: Row, subjects: Row, named: Mapping[str, str]) -> str:
    """The scope of a setting."""
    account, member = subjects.get("account"), subjects.get("member")
    parts = [
        named.get(account, account) if account else "",
        named.get(member, member) if member else "",
        f"each {data['each']}" if data.get("each") else "",
        spaced(data.get("action_type") or data.get("key") or ""),
        _trigger(data.get("before")),
    ]
    where = " · ".join(part for part in parts if part) or "Everything"
    return f"{where}: {data['what']}" if data.get("what") else where


def _trigger(before: Any) -> str:
    """The trigger whose windows were changed, if it is one."""
    name = before.get("type", "") if isinstance(before, dict) else ""
    return spaced(str(name)).lower()


def _changes(before: Any, after: Any) -> tuple[tuple[str, str, str], ...]:
    """What differs: name, before, after; what was not there before shows as a dash."""
    old, new = (each if isinstance(each, dict) else {} for each in (before, after))
    # What is new is in use; only a change of that is worth a line.
    names = [name for name in {**old, **new} if old or name != "is_active"]
    return tuple(
        (spaced(name), shown(old.get(name)), shown(new.get(name)))
        for name in names
        if shown(old.get(name)) != shown(new.get(name))
    )
