"""Changes and plans in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from config.as_code.rules.differences import Change
from config.as_code.rules.document import LISTED

DONE = {"+": "added", "~": "changed", "-": "removed"}
LONGEST = 96


def told(change: Change) -> str:
    """One change, as `~ modes, account acme: APPROVAL → ASSIST`."""
    what = f"{change.sign} {change.section}{_where(change)}"
    if change.section == "policy_bundle":
        return f"{what}: {_bundle(change.before, change.after)}"
    if change.section == "budgets":
        both = (_limit(change.before), _limit(change.after))
        return f"{what}: {' → '.join(filter(None, both))}"
    if change.before is None:
        return f"{what}: {_said(change.after)}"
    if change.after is None:
        return f"{what}: {_said(change.before)}"
    if isinstance(change.before, Mapping) and isinstance(change.after, Mapping):
        if not (change.before and change.after):
            return f"{what}: {_said(change.before)} → {_said(change.after)}"
        return f"{what}: {_fields(change.before, change.after)}"
    return f"{what}: {_said(change.before)} → {_said(change.after)}"


def summed(changes: Sequence[Change]) -> str:
    """How many changes there are, and of which kind."""
    counts = [
        f"{count} {word}"
        for sign, word in DONE.items()
        if (count := sum(1 for each in changes if each.sign == sign))
    ]
    noun = "change" if len(changes) == 1 else "changes"
    return f"{len(changes)} {noun}: {', '.join(counts)}."


def _where(change: Change) -> str:
    if change.section not in LISTED:
        return f", {change.key[0]}" if change.key else ""
    named = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in zip(LISTED[change.section], change.key, strict=True)
        if value
    ]
    return f", {', '.join(named) or 'everything'}"


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The fields that differ; of one alone, its name is clear where there is no other."""
    names = [*dict.fromkeys([*before, *after])]
    moved = [name for name in names if before.get(name) != after.get(name)]
    if "secret" in moved:
        moved.remove("secret")
        rest = (
            _fields(before, {**after, "secret": before.get("secret")}) if moved else ""
        )
        return ", ".join(
            filter(None, [rest, f"secret is replaced ({after['secret']})"])
        )
    if names in (["mode"], ["granted"]):
        return f"{_said(before[names[0]])} → {_said(after[names[0]])}"
    return ", ".join(
        f"{name} {_said(before.get(name))} → {_said(after.get(name))}" for name in moved
    )


def _limit(row: Mapping[str, Any] | None) -> str:
    """A budget in words."""
    if row is None:
        return ""
    decay = row["decay_percent"]
    less = f", {decay} % less for each unused day" if decay else ""
    return f"{row['limit_per_day']} a day{less}"


def _bundle(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Which clauses a bundle gains, changes and loses."""
    old, new = (
        {each["id"]: each for each in one["clauses"]} for one in (before, after)
    )
    found = [f"+{id_}" for id_ in new if id_ not in old]
    found += [f"~{id_}" for id_ in new if id_ in old and old[id_] != new[id_]]
    found += [f"-{id_}" for id_ in old if id_ not in new]
    if not found and [*old] != [*new]:
        found = ["clauses in another order"]
    if before["tests"] != after["tests"]:
        found.append("its tests")
    return ", ".join(found) or f"named {after['name']}"


def _said(value: Any) -> str:
    """A value in words, shortened."""
    match value:
        case None:
            text = "nothing"
        case bool():
            text = "yes" if value else "no"
        case {"mode": _} | {"granted": _} if len(value) == 1:
            text = _said(next(iter(value.values())))
        case Mapping():
            text = ", ".join(f"{name} {_said(each)}" for name, each in value.items())
        case list():
            text = ", ".join(_said(each) for each in value)
        case float():
            text = f"{value:g}"
        case _:
            text = str(value)
    text = text or "none"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
