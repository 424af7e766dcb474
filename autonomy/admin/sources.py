"""Policy bundles as text: read from YAML with the place of every part, written, compared."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from autonomy.rules.bundles import Fault

PARTS = re.compile(r"[^.\[\]]+")
DEEPEST = 10
CLAUSE = ("id", "ceiling", "condition", "reason", "explanation", "remedy")
EXPECTED = ("decision", "reason", "clause")
KEYS = frozenset({"name", "clauses", "tests"})

Shape = yaml.Node


class Unreadable(Exception):
    """The text is no bundle; said with its place."""

    def __init__(self, message: str, mark: Any = None) -> None:
        place = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        super().__init__(f"{place}{message}")


@dataclass(frozen=True, kw_only=True)
class Text:
    """A bundle as its author typed it."""

    plain: Mapping[str, Any]
    shape: Shape

    def placed(self, fault: Fault) -> str:
        """A fault with the line of the text, and its place within the expression."""
        node = _at(self.shape, fault.where)
        inside = f"{fault.where}, line {fault.line}, column {fault.column}"
        where = f"Line {node.start_mark.line + 1} ({inside})" if node else inside
        return f"{where}: {fault.message}"


def read(text: str) -> Text:
    """The text as plain data; what is no bundle at all is refused with its place."""
    try:
        _insist_on_plain(text)
        shape = yaml.compose(text, Loader=yaml.SafeLoader)
        plain = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        said = str(error.problem or "This cannot be read").capitalize()
        raise Unreadable(f"{said}.", error.problem_mark) from error
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(f"This is no YAML: {error}") from error
    if not isinstance(plain, dict) or shape is None or not set(plain) <= KEYS:
        raise Unreadable("Write clauses: and tests:, each with a list.")
    if twice := _repeated(shape):
        raise Unreadable("This is said twice.", twice.start_mark)
    _insist_on_words(shape)
    _insist_on_values(plain)
    return Text(plain=plain, shape=shape)


def written(plain: Mapping[str, Any]) -> str:
    """A bundle's clauses and tests as YAML."""
    parts = {
        "clauses": [_ordered(each, CLAUSE) for each in plain["clauses"]],
        "tests": [
            {"given": each["given"], "expect": _ordered(each["expect"], EXPECTED)}
            for each in plain["tests"]
        ],
    }
    text: str = yaml.dump(
        parts, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=88
    )
    return text


def difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """A unified diff, each line with what it is: added, removed, place or same."""
    lines = difflib.unified_diff(
        written(before).splitlines(), written(after).splitlines(), lineterm="", n=3
    )
    return [(_kind(line), line) for line in list(lines)[2:]]


def _ordered(part: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A part in the order in which people write it; what is empty is left out."""
    return {name: part[name] for name in names if part.get(name)}


def _kind(line: str) -> str:
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "same")


def _insist_on_plain(text: str) -> None:
    """Refuse what could grow without bound when it is read: aliases, deep nests."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable("Write it out, without *references.", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable("This is nested too deeply.", event.start_mark)


def _insist_on_words(shape: Shape) -> None:
    """All of a clause is text; YAML takes NO and 1.0 for something else."""
    clauses = _child(shape, "clauses")
    for clause in clauses.value if isinstance(clauses, yaml.SequenceNode) else ():
        for key, value in clause.value if isinstance(clause, yaml.MappingNode) else ():
            if value.tag != "tag:yaml.org,2002:str":
                said = f"{key.value} must be text; write it in quotes."
                raise Unreadable(said, value.start_mark)


def _insist_on_values(plain: Mapping[str, Any]) -> None:
    """Only what a bundle can hold: text, numbers, yes and no, lists of texts."""
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Unreadable("Write texts, numbers, true, false, and lists.") from error
    for place, case in enumerate(plain.get("tests") or []):
        if not isinstance(case, dict):
            continue
        for name, value in _pairs(case):
            if not _fits(name, value):
                raise Unreadable(f"tests[{place}]: {name} must be plain.")


def _pairs(case: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for part in ("given", "expect"):
        held = case.get(part)
        if isinstance(held, dict):
            yield from ((f"{part}.{name}", value) for name, value in held.items())


def _fits(name: str, value: Any) -> bool:
    if name.startswith("expect."):
        return isinstance(value, str)
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str | bool | float | int)


def _repeated(node: Shape) -> Shape | None:
    """A key that stands twice in one mapping: the second would silently win."""
    if isinstance(node, yaml.SequenceNode):
        return next((twice for each in node.value if (twice := _repeated(each))), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            return key  # type: ignore[no-any-return]
        seen.add(key.value)
        if twice := _repeated(value):
            return twice
    return None


def _at(shape: Shape, where: str) -> Shape | None:
    """The part of the text that a fault names, as clauses[1].condition."""
    node: Shape | None = shape
    for part in PARTS.findall(where):
        found = _child(node, part)
        if found is None:
            return node
        node = found
    return node


def _child(node: Shape | None, part: str) -> Shape | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdigit():
        return node.value[int(part)] if int(part) < len(node.value) else None
    return None


class _Dumper(yaml.SafeDumper):
    """Indents lists below their names, and writes no references."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True
