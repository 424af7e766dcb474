"""YAML as configuration files have it: read with the line of everything, written in
one order.

Read as JSON would be: no anchors, no tags, no dates; `20:00` and `off` are texts.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from config.as_code.rules.document import Document, Fault, Path
from ledger.errors import Unstatable
from ledger.rules.canonical import check

LARGEST, DEEPEST = 2_000_000, 32
# What stands in one line, where it is short.
SHORT = ("given", "expect", "touches", "days", "hours", "quiet_hours", "contact_caps")
LINE = 72
# Breaks that only YAML 1.1 knows, and carriage returns: written as escapes.
ODD = re.compile("[\r\x85\u2028\u2029]")
TYPES = ("null", "bool", "int", "float", "str", "seq", "map")


class _Loader(yaml.SafeLoader):
    """Only what JSON knows."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


for _type, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~\0"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", "-0123456789"),
):  # fmt: skip
    _tag = f"tag:yaml.org,2002:{_type}"
    _firsts = ["" if each == "\0" else each for each in _first]
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _firsts)


class _Line(dict[str, Any]):
    """A mapping that is written in one line."""


class _Row(list[Any]):
    """A list that is written in one line."""


class _Dumper(yaml.SafeDumper):
    """Lists stand below their name, indented; long texts are folded."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if ODD.search(text) else None
    ),
)
_Dumper.add_representer(
    _Line,
    lambda dumper, value: dumper.represent_mapping(
        "tag:yaml.org,2002:map", value, flow_style=True
    ),
)
_Dumper.add_representer(
    _Row,
    lambda dumper, value: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", value, flow_style=True
    ),
)
# What either way of reading takes for something else is written in quotes.
_Dumper.yaml_implicit_resolvers = {
    first: [
        *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
        *_Loader.yaml_implicit_resolvers.get(first, []),
    ]
    for first in {
        *yaml.SafeDumper.yaml_implicit_resolvers,
        *_Loader.yaml_implicit_resolvers,
    }
}


def read(text: str) -> tuple[Document, list[Fault]]:
    """A file as plain values that know their lines, and what is wrong with its form."""
    if len(text) > LARGEST:
        return _nothing(1, f"The file is larger than {LARGEST} letters.")
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        reading = _Reading(loader)
        value = reading.value(node, ()) if node else {}
        check(value, max_bytes=LARGEST * 2, max_depth=DEEPEST)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        return _nothing(line, f"This is not YAML: {error.problem or error.context}.")
    except (yaml.YAMLError, Unstatable) as error:
        return _nothing(1, f"The file cannot be read: {str(error).splitlines()[0]}")
    except RecursionError:
        return _nothing(1, "The file is too deep.")
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(value, dict):
        return _nothing(1, "A configuration is a mapping of sections.")
    return Document(value=value, lines=reading.lines), reading.faults


def _nothing(line: int, message: str) -> tuple[Document, list[Fault]]:
    fault = Fault(line=line, where="", message=message)
    return Document(value={}, lines={}), [fault]


class _Reading:
    """One file being read: its values, where each begins, and what is wrong."""

    def __init__(self, loader: _Loader) -> None:
        self.loader = loader
        self.lines: dict[Path, int] = {}
        self.faults: list[Fault] = []
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        kind = str(node.tag).rpartition(":")[2]
        if id(node) in self.seen:
            return self.refuse(path, "Write it out: anchors and aliases are not read.")
        self.seen.add(id(node))
        if kind not in TYPES or not str(node.tag).startswith("tag:yaml.org,2002:"):
            return self.refuse(path, "Tags are not read.")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.value(each, (*path, place))
                for place, each in enumerate(node.value)
            ]
        value = self.scalar(node, kind, path)
        try:
            check(value, max_bytes=LARGEST, max_depth=1)
        except Unstatable as error:
            return self.refuse(path, str(error))
        return value

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in node.value:
            here = (*path, str(key.value))
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(path, "A name is a text.")
                continue
            line = key.start_mark.line + 1
            if key.value in found:
                self.faults.append(
                    Fault(line=line, where=dotted(here), message="It is there twice.")
                )
                continue
            self.lines[here] = line
            found[key.value] = self.value(inner, here)
        return found

    def scalar(self, node: yaml.Node, kind: str, path: Path) -> Any:
        text = node.value
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return text == "true"
                case "int":
                    return int(text)
                case "float":
                    return float(text)
                case _:
                    return text
        except ValueError:
            return self.refuse(path, f"{text[:40]!r} is not a number.")

    def refuse(self, path: Path, message: str) -> None:
        line = self.lines.get(path, 1)
        self.faults.append(Fault(line=line, where=dotted(path), message=message))


def dotted(path: Path) -> str:
    """A place as people write it: `modes[2].account`."""
    return "".join(
        f"[{each}]" if isinstance(each, int) else f".{each}" for each in path
    ).lstrip(".")


def write(plain: Mapping[str, Any], head: str) -> str:
    """A document with comments on top; a blank line before each section."""
    parts = [_commented(head)] if head else []
    for name, value in plain.items():
        parts.append(
            yaml.dump(
                {name: _shortened(value)},
                Dumper=_Dumper,
                sort_keys=False,
                allow_unicode=True,
                width=96,
            )
        )
    return "\n".join(parts)


def _shortened(value: Any, name: str = "") -> Any:
    """The same, with what is short and plain in one line."""
    is_short = name in SHORT and len(str(value)) <= LINE
    if isinstance(value, Mapping):
        kept = {key: _shortened(each, key) for key, each in value.items()}
        return _Line(kept) if is_short else kept
    if isinstance(value, list):
        rows = [_shortened(each) for each in value]
        return _Row(rows) if is_short else rows
    return value


def _commented(head: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in head.splitlines())
