"""What a file would change: the state that it wants, held against the one there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.as_code.rules.document import LISTED, SECTIONS, Entries, Key, State


@dataclass(frozen=True, kw_only=True)
class Change:
    """One entry that is added (nothing before), changed, or removed (nothing after).

    `widens`: why it lets more run than before; empty where it does not.
    """

    section: str
    key: Key
    before: Any
    after: Any
    line: int = 1
    widens: str = ""

    @property
    def sign(self) -> str:
        if self.before is None:
            return "+"
        return "-" if self.after is None else "~"


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """What entries are that nobody changed."""

    triggers: Mapping[str, Any]
    action_types: Mapping[str, Any]


def wanted(current: State, given: State, shipped: Shipped) -> State:
    """The whole state that a file asks for: what it does not speak of stays.

    A list is meant as a whole, and so are policy data and bundle. An entry keeps what
    the file leaves out of it; a trigger or core type that is left out is as shipped.
    """
    made = {}
    for section in SECTIONS:
        held = current.get(section, {})
        if section not in given:
            made[section] = held
        elif section in ("settings", "decision_budget"):
            made[section] = {**held, **given[section]}
        elif section == "triggers":
            base = {**_keyed(shipped.triggers)}
            made[section] = {**base, **_over({**base, **held}, given[section])}
        elif section == "tools":
            made[section] = _over(held, given[section])
        elif section == "action_types":
            base = {**_keyed(shipped.action_types), **held}
            made[section] = _own(_over(base, given[section]), shipped)
        else:
            made[section] = given[section]
    return made


def differences(current: State, desired: State, shipped: Shipped) -> list[Change]:
    """Every entry that differs, in the order of sections and keys.

    A core type that is not listed is there all the same: as it was shipped.
    """
    found = []
    for section in SECTIONS:
        old, new = current.get(section, {}), desired.get(section, {})
        if section == "action_types":
            core = _keyed(shipped.action_types)
            old, new = {**core, **old}, {**core, **new}
        keys = sorted({*old, *new}) if section in LISTED else [*{**old, **new}]
        found += [
            Change(section=section, key=key, before=old.get(key), after=new.get(key))
            for key in keys
            if old.get(key) != new.get(key)
        ]
    return found


def _keyed(named: Mapping[str, Any]) -> Entries:
    return {(name,): value for name, value in named.items()}


def _over(base: Entries, given: Entries) -> Entries:
    return {key: {**base.get(key, {}), **value} for key, value in given.items()}


def _own(entries: Entries, shipped: Shipped) -> Entries:
    """Without core types that are as they were shipped: files do not list them."""
    return {
        key: value
        for key, value in entries.items()
        if shipped.action_types.get(key[0]) != value
    }
