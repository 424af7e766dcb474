"""What a configuration is: its sections, the keys of their entries, and their order.

A *document* is what a file says; a *state* holds the same by section and key, so that
two of them can be held side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1
Path = tuple[str | int, ...]
Key = tuple[str, ...]
Entries = dict[Key, Any]
State = dict[str, Entries]

# In the order in which files have them.
SECTIONS = (
    "settings", "modes", "opt_ins", "budgets", "decision_budget", "triggers", "tools",
    "action_types", "policy_data", "policy_bundle",
)  # fmt: skip
# Lists, whose entries are known by some of their fields.
LISTED: Mapping[str, tuple[str, ...]] = {
    "modes": ("account", "action_type"),
    "opt_ins": ("account",),
    "budgets": ("account", "seller", "action_type", "each"),
}
# Entries by name.
NAMED = ("triggers", "tools", "action_types")
# One value for each name; what is left out stays as it is.
VALUES = ("settings", "decision_budget", "policy_data")
OPTIONAL: Mapping[str, Mapping[str, Any]] = {"budgets": {"decay_percent": 0}}


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a file says, and the line of each place in it."""

    value: Mapping[str, Any]
    lines: Mapping[Path, int]

    def line(self, *path: str | int) -> int:
        """Where a place begins, or else the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, kw_only=True, order=True)
class Fault:
    """One thing that is wrong with a file, and where."""

    line: int
    where: str
    message: str

    def said(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"line {self.line}: {where}{self.message}"


def key_of(section: str, row: Mapping[str, Any]) -> Key:
    """What an entry of a list is known by; what it leaves out means "every"."""
    return tuple(str(row.get(name) or "") for name in LISTED[section])


def state_of(plain: Mapping[str, Any]) -> State:
    """The sections of a document, each by its keys."""
    return {name: _entries(name, plain[name]) for name in SECTIONS if name in plain}


def plain_of(state: State) -> dict[str, Any]:
    """A document of a state, in the one order that it is written in."""
    made: dict[str, Any] = {"version": FORMAT}
    for name in SECTIONS:
        if name in state:
            made[name] = _section(name, state[name])
    return made


def _entries(section: str, value: Any) -> Entries:
    if section in LISTED:
        return {key_of(section, row): _rest(section, row) for row in value}
    if section == "policy_bundle":
        return {(): value}
    return {(name,): each for name, each in value.items()}


def _rest(section: str, row: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: row[name] for name in row if name not in LISTED[section]}
    return {**OPTIONAL.get(section, {}), **rest}


def _section(section: str, entries: Entries) -> Any:
    if section == "policy_bundle":
        return entries[()]
    if section in LISTED:
        keys = sorted(entries, key=_width)
        return [_row(section, key, entries[key]) for key in keys]
    if section in VALUES or section == "triggers":
        return {name: each for (name,), each in entries.items()}
    return {key[0]: entries[key] for key in sorted(entries)}


def _row(section: str, key: Key, rest: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        name: each for name, each in zip(LISTED[section], key, strict=True) if each
    }
    usual = OPTIONAL.get(section, {})
    kept = {
        name: value
        for name, value in rest.items()
        if name not in usual or value != usual[name]
    }
    return {**named, **kept}


def _width(key: Key) -> tuple[int, Key]:
    """The widest scope first."""
    return sum(1 for each in key if each), key
