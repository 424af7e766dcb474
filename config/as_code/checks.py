"""A document read as sections: each in its shape, and naming only what there is."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from autonomy.api.actions import KEY as TYPE_KEY
from autonomy.api.tools import KEY as TOOL_KEY
from autonomy.rules.actions import normalise
from autonomy.rules.triggers import Trigger
from config.as_code.rules.document import (
    FORMAT,
    LISTED,
    NAMED,
    SECTIONS,
    Document,
    Entries,
    Fault,
    Key,
    Path,
    State,
    key_of,
    state_of,
)
from config.as_code.shapes import (
    PARTIAL,
    SHAPES,
    NewToolRow,
    NewTypeRow,
    ToolRow,
    TypeRow,
    shaped,
)
from config.as_code.standing import Names
from config.as_code.text import dotted

FORMS = {"triggers": "", "tools": TOOL_KEY, "action_types": TYPE_KEY}


@dataclass(kw_only=True)
class Checked:
    """What a file asks for, where it says so, and what is wrong with it."""

    document: Document
    given: State = field(default_factory=dict)
    places: dict[tuple[str, Key], Path] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line(self, section: str, key: Key) -> int:
        """Where an entry is, or else its section."""
        return self.document.line(*self.places.get((section, key), (section,)))

    def refuse(self, path: Path, message: str) -> None:
        line = self.document.line(*path)
        self.faults.append(Fault(line=line, where=dotted(path), message=message))


def accounts_in(document: Document) -> set[str]:
    """The accounts that a file speaks of."""
    rows = [
        row
        for section in LISTED
        if isinstance(found := document.value.get(section), list)
        for row in found
        if isinstance(row, Mapping)
    ]
    return {row["account"] for row in rows if isinstance(row.get("account"), str)}


def checked(document: Document, current: State, names: Names) -> Checked:
    """Every section in its shape; each name looked up; everything wrong, all at once."""
    made = Checked(document=document)
    for name in document.value:
        if name not in (*SECTIONS, "version"):
            made.refuse((name,), f"There is no such section: {', '.join(SECTIONS)}.")
    if document.value.get("version", FORMAT) != FORMAT:
        made.refuse(("version",), f"This house reads version {FORMAT}.")
    for section in SECTIONS:
        if section in document.value:
            _section(section, document.value[section], made, current, names)
    _insist_on_names(made, names)
    return made


def _section(
    section: str, value: Any, made: Checked, current: State, names: Names
) -> None:
    if section in LISTED:
        _listed(section, [] if value is None else value, made)
    elif section in NAMED:
        _named(section, {} if value is None else value, made, current, names)
    else:
        plain, flaws = shaped(SHAPES[section], value, partial=section in PARTIAL)
        for path, message in flaws:
            made.refuse((section, *path), message)
        if section == "policy_bundle":
            # Word for word: a version is the hash of all of it, spaces too.
            plain = value
        if not flaws:
            made.given.update(state_of({section: plain}))
            for name in plain if section != "policy_bundle" else ():
                made.places[section, (name,)] = (section, name)


def _listed(section: str, value: Any, made: Checked) -> None:
    if not isinstance(value, list):
        made.refuse((section,), "This is a list: begin each entry with a dash.")
        return
    entries: Entries = {}
    for place, row in enumerate(value):
        path: Path = (section, place)
        plain, flaws = shaped(SHAPES[section], row)
        for inner, message in flaws:
            made.refuse((*path, *inner), message)
        if flaws:
            continue
        row = _folded(plain)
        key = key_of(section, row)
        if key in entries:
            line = made.line(section, key)
            made.refuse(path, f"The same scope as in line {line}.")
            continue
        made.places[section, key] = path
        entries.update(state_of({section: [row]})[section])
    made.given[section] = entries


def _folded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Names as they are looked up."""
    folded = {name: value for name, value in row.items() if value is not None}
    if folded.get("action_type"):
        folded["action_type"] = normalise(folded["action_type"])
    if folded.get("seller"):
        folded["seller"] = folded["seller"].casefold()
    return folded


def _named(
    section: str, value: Any, made: Checked, current: State, names: Names
) -> None:
    if not isinstance(value, Mapping):
        made.refuse((section,), "Write names, each with its values below.")
        return
    entries: Entries = {}
    for name, row in value.items():
        path: Path = (section, name)
        if fault := _name_fault(section, name):
            made.refuse(path, fault)
            continue
        shape, partial = _shape_of(section, name, current, names)
        plain, flaws = shaped(shape, row, partial=partial)
        for inner, message in flaws:
            made.refuse((*path, *inner), message)
        if not flaws:
            made.places[section, (name,)] = path
            entries[(name,)] = plain
    made.given[section] = entries


def _name_fault(section: str, name: str) -> str:
    if section == "triggers":
        return "" if name in set(Trigger) else f"There is {', '.join(Trigger)}."
    if re.fullmatch(FORMS[section], name):
        return ""
    return "A name is in lower-case letters, digits and underscores."


def _shape_of(section: str, name: str, current: State, names: Names) -> Any:
    """The shape of an entry: what is there may be changed, what is new is whole."""
    if section == "triggers":
        return SHAPES[section], True
    if section == "tools":
        is_there = (name,) in current["tools"]
        return (ToolRow, True) if is_there else (NewToolRow, False)
    if name not in names.types:
        return NewTypeRow, False
    is_own = "risk_level" in current["action_types"].get((name,), {})
    return (NewTypeRow, True) if is_own else (TypeRow, True)


def _insist_on_names(made: Checked, names: Names) -> None:
    """What entries speak of is there, or comes with the same file."""
    types = {*names.types, *(key for (key,) in made.given.get("action_types", {}))}
    tools = {*names.tools, *(key for (key,) in made.given.get("tools", {}))}
    for section in LISTED:
        for key in made.given.get(section, {}):
            scope = dict(zip(LISTED[section], key, strict=True))
            path = made.places[section, key]
            _insist(made, (*path, "account"), scope["account"], names.accounts)
            _insist(made, (*path, "seller"), scope.get("seller", ""), names.members)
            _insist(made, (*path, "action_type"), scope.get("action_type", ""), types)
    for (name,), entry in made.given.get("action_types", {}).items():
        _insist(made, ("action_types", name, "tool"), entry.get("tool", ""), tools)
    for name in made.given.get("policy_data", {}).get(("allowlist",), ()):
        _insist(made, ("policy_data", "allowlist"), name, types)


def _insist(made: Checked, path: Path, name: str, known: Collection[str]) -> None:
    if name and name not in known:
        noun = str(path[-1]).replace("_", " ").replace("allowlist", "action type")
        made.refuse(path, f"There is no {noun} {name!r} here.")
