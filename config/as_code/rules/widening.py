"""Which changes let more run than before, and why. Where it is not plain, they do."""

from collections.abc import Callable, Mapping
from typing import Any

from autonomy.rules.actions import Tier
from autonomy.rules.contact import CAPS
from autonomy.rules.data import MINIMUM
from autonomy.rules.modes import DEFAULT, MODES
from config.as_code.rules.differences import Change
from config.as_code.rules.document import Entries, Key, State

BELOW = {mode: place for place, mode in enumerate(MODES)}
LESS = ("debounce_s", "cooldown_s")
MORE = ("max_per_account_hour", "max_per_tenant_hour")
WIDER = ("", "")


def why_wider(change: Change, current: State, desired: State) -> str:
    """Why a change widens autonomy; empty where it does not.

    Policy bundles are not judged here: theorems over their clauses say it.
    """
    judge = _JUDGES.get(change.section)
    return judge(change, current, desired) if judge else ""


def _setting(change: Change, current: State, desired: State) -> str:
    (name,), before, after = change.key, change.before, change.after
    match name:
        case "default_mode":
            return _raised(WIDER, "default", current, desired)
        case "four_eyes" if not after:
            return "one person suffices"
        case "quiet_hours" if before:
            return "quiet hours change"
        case "timezone" if _has_hours(current):
            return "hours are meant in another time zone"
        case "contact_caps" if any(
            after.get(each, usual) > before.get(each, usual)
            for each, usual in CAPS.items()
        ):
            return "people outside are reached more often"
        case "review_share" if after < before:
            return "fewer acts go to a person for review"
    return ""


def _has_hours(state: State) -> bool:
    quiet = state.get("settings", {}).get(("quiet_hours",))
    return bool(quiet or state.get("policy_data", {}).get(("hours",)))


def _mode(change: Change, current: State, desired: State) -> str:
    return _raised(change.key, "row", current, desired)


def _raised(key: Key, what: str, current: State, desired: State) -> str:
    """Whether somewhere that this row decides, before or after, the mode rises."""
    rows = {*current.get("modes", {}), *desired.get("modes", {})}
    # Only where the row covers something; "" stands for all that are not named.
    accounts = {key[0]} if key[0] else {"", *(account for account, _ in rows)}
    types = {key[1]} if key[1] else {"", *(action_type for _, action_type in rows)}
    for account in accounts:
        for action_type in types:
            old, was = _mode_at(current, account, action_type)
            new, would = _mode_at(desired, account, action_type)
            decides = (what, key) in (old, new)
            if decides and BELOW.get(would, 0) > BELOW.get(was, 0):
                return f"{was} becomes {would}"
    return ""


def _mode_at(state: State, account: str, action_type: str) -> tuple[Any, str]:
    """Which row decides at a scope, and the mode that it gives."""
    rows = state.get("modes", {})
    chain = ((account, action_type), ("", action_type), (account, ""), WIDER)
    for key in chain:
        if key in rows:
            return ("row", key), rows[key]["mode"]
    usual = state.get("settings", {}).get(("default_mode",)) or str(DEFAULT.mode)
    return ("default", WIDER), usual


def _opt_in(change: Change, current: State, desired: State) -> str:
    was, would = (
        bool(_granted(state.get("opt_ins", {}), change.key))
        for state in (current, desired)
    )
    return "scheduled work may run" if would and not was else ""


def _granted(rows: Entries, key: Key) -> Any:
    row = rows.get(key) or rows.get(("",)) or {}
    return row.get("granted")


def _budget(change: Change, current: State, desired: State) -> str:
    key, before, after = change.key, change.before, change.after
    if before is not None and after is not None:
        more = after["limit_per_day"] > before["limit_per_day"]
        slower = after["decay_percent"] < before["decay_percent"]
        return "more may run in a day" if more or slower else ""
    if after is None:
        others = [row for row in desired["budgets"] if _overlap(row, key)]
        return "a limit falls away where others remain" if others else ""
    held = current.get("budgets", {})
    gives_way = {row: held[row]["limit_per_day"] for row in held if _replaced(row, key)}
    is_tighter = all(after["limit_per_day"] <= each for each in gives_way.values())
    # A row of one account would no longer count what its seller does elsewhere.
    is_same = not (key[0] and key[1])
    is_loose = not is_same and any(row[3] == "seller" for row in gives_way)
    kept = any(row in desired["budgets"] and _covers(row, key) for row in held)
    is_covered = kept or (gives_way and is_same)
    if is_covered and is_tighter and not is_loose:
        return ""
    return "acts may use it that had no budget, or less"


def _covers(wide: Key, narrow: Key) -> bool:
    """Whether every act that one row counts is counted by a wider one."""
    return not wide[3] and all(
        one in ("", other) for one, other in zip(wide[:3], narrow[:3], strict=True)
    )


def _overlap(one: Key, other: Key) -> bool:
    """Whether some act could be counted by both."""
    return all(
        not a or not b or a == b for a, b in zip(one[:3], other[:3], strict=True)
    )


def _replaced(row: Key, own: Key) -> bool:
    """Whether a row for every one gives way to a row of its own."""
    whose = {"account": own[0], "seller": own[1]}.get(row[3], "")
    return bool(whose) and not own[3] and row[2] == own[2]


def _pacing(change: Change, current: State, desired: State) -> str:
    return "more decisions are taken" if change.after > change.before else ""


def _trigger(change: Change, current: State, desired: State) -> str:
    before, after = change.before, change.after
    if after["enabled"] and not before["enabled"]:
        return "it starts runs again"
    sooner = any(after[name] < before[name] for name in LESS)
    oftener = any(after[name] > before[name] for name in MORE)
    return "it may start more runs" if after["enabled"] and (sooner or oftener) else ""


def _tool(change: Change, current: State, desired: State) -> str:
    before, after = change.before or {}, change.after or {}
    gains = before and (
        (after.get("undo") and not before["undo"])
        or (after.get("effect") == "KEYED" and before["effect"] != "KEYED")
    )
    return "what it does counts as safer" if gains else ""


def _action_type(change: Change, current: State, desired: State) -> str:
    before, after = change.before, change.after
    if after is None or after["tier"] != Tier.AUTONOMOUS:
        return ""
    if before is None:
        return "a new type may run alone"
    if after["tool"] and after["tool"] != before["tool"]:
        return "another tool does it"
    lower = (after["min_confidence"] or 0) < (before["min_confidence"] or 0)
    return "less confidence is asked for" if lower else ""


def _data(change: Change, current: State, desired: State) -> str:
    (name,), before, after = change.key, change.before, change.after
    match name:
        case "allowlist":
            more = set(after or ()) - set(before or ())
            return "more types may run alone" if more else ""
        case "min_confidence" if _lower(before or {}, after or {}, MINIMUM):
            return "less confidence is asked for"
        case "amount_caps" if _lower(after or {}, before or {}, float("inf")):
            return "larger amounts may run alone"
        case "hours" if before and not _within(after or {}, before):
            return "hours are longer, or other ones"
        case "opa":
            return "another judge decides"
        case _:
            return ""
    return ""


def _lower(one: Mapping[str, float], other: Mapping[str, float], usual: float) -> bool:
    """Whether some type finds less in the second table than in the first."""
    names = {*one, *other, "default"}
    return any(_found(other, name, usual) < _found(one, name, usual) for name in names)


def _found(table: Mapping[str, float], name: str, usual: float) -> float:
    return float(table.get(name, table.get("default", usual)))


def _within(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> bool:
    if not inner:
        return False
    days = set(inner.get("days", range(7))) <= set(outer.get("days", range(7)))
    return bool(
        days and outer["start"] <= inner["start"] and inner["end"] <= outer["end"]
    )


_JUDGES: Mapping[str, Callable[[Change, State, State], str]] = {
    "settings": _setting,
    "modes": _mode,
    "opt_ins": _opt_in,
    "budgets": _budget,
    "decision_budget": _pacing,
    "triggers": _trigger,
    "tools": _tool,
    "action_types": _action_type,
    "policy_data": _data,
}
