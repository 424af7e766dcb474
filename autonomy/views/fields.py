"""A form by the schema of an action type: its fields, and what was written in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.utils.timezone import get_current_timezone, localtime

from autonomy.rules.digest_words import spaced

Schema = Mapping[str, Any]
# Where there is no schema to make fields of, all of it is written as one.
ALL = "parameters"
SHORT = 300


class Unreadable(ValueError):
    """What was written is not what the field takes; says what it takes."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the form."""

    name: str
    label: str
    # area, line, choice, number, day, moment, flag, or json.
    kind: str
    value: str
    must: bool = False
    options: Sequence[str] = ()
    least: Any = None
    most: Any = None
    longest: int | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Read:
    """What was written: parameters, and the fields that could not be read."""

    parameters: Mapping[str, Any]
    errors: Mapping[str, str]


def fields(
    schema: Schema | None,
    parameters: Mapping[str, Any],
    written: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> list[Field]:
    """The fields, as they are or as somebody has written them."""
    found = []
    for name, shape in _shapes(schema).items():
        kind = _kind(shape)
        held = parameters if name == ALL and schema is None else parameters.get(name)
        value = _text(kind, held)
        if written is not None:
            value = written.get(_input(name), "")
        found.append(
            Field(
                name=_input(name),
                label=spaced(name),
                kind=kind,
                value=value,
                must=kind != "flag" and _must(schema, name),
                options=[str(each) for each in shape.get("enum", ())],
                least=shape.get("minimum"),
                most=shape.get("maximum"),
                longest=shape.get("maxLength"),
                error=(errors or {}).get(name, ""),
            )
        )
    return found


def read(
    schema: Schema | None, parameters: Mapping[str, Any], written: Mapping[str, str]
) -> Read:
    """The parameters as written. What reads as it did before is kept as it was."""
    found, errors = dict(parameters), {}
    for name, shape in _shapes(schema).items():
        kind = _kind(shape)
        text = written.get(_input(name), "").replace("\r\n", "\n")
        whole = name == ALL and schema is None
        before = parameters if whole else parameters.get(name)
        if text == _text(kind, before).replace("\r\n", "\n"):
            continue
        try:
            value = _value(kind, shape, text)
        except Unreadable as problem:
            errors[name] = str(problem)
            continue
        if whole:
            found = value if isinstance(value, dict) else found
            errors |= {} if isinstance(value, dict) else {name: "Write an object: {…}."}
        elif value is None and not _must(schema, name):
            found.pop(name, None)
        else:
            found[name] = "" if value is None else value
    return Read(parameters=found, errors=errors)


def _shapes(schema: Schema | None) -> Mapping[str, Schema]:
    found = (schema or {}).get("properties")
    return found if isinstance(found, Mapping) and found else {ALL: {"type": "object"}}


def _must(schema: Schema | None, name: str) -> bool:
    return schema is None or name in schema.get("required", ())


def _input(name: str) -> str:
    """Beside the form's own fields."""
    return f"p-{name}"


def _kind(shape: Schema) -> str:
    type_ = shape.get("type", "string")
    if shape.get("enum"):
        return "choice"
    if isinstance(type_, list):
        return "line" if "string" in type_ else "json"
    kinds = {"integer": "number", "number": "number", "boolean": "flag"}
    if type_ != "string":
        return kinds.get(type_, "json")
    named = {"date": "day", "date-time": "moment"}.get(shape.get("format", ""))
    return named or ("area" if shape.get("maxLength", SHORT) >= SHORT else "line")


def _text(kind: str, value: Any) -> str:
    """A value as the field shows it."""
    if value is None:
        return ""
    if kind == "json":
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if kind == "flag":
        return "yes" if value else ""
    if kind == "moment":
        return _local(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _local(text: str) -> str:
    """A moment as browsers write it, in the tenant's time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{localtime(at):%Y-%m-%dT%H:%M}" if at.tzinfo else text


def _value(kind: str, shape: Schema, text: str) -> Any:
    """What was written, as the parameter has it; None where nothing was."""
    if kind == "flag":
        return text == "yes"
    if not text.strip():
        return None
    match kind:
        case "number":
            return _number(shape, text)
        case "moment":
            return _moment(text)
        case "choice":
            return next((each for each in shape["enum"] if str(each) == text), text)
        case "json":
            return _json(text)
        case _:
            return text


def _number(shape: Schema, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        found = float(text)
    except ValueError:
        raise Unreadable("Write a number.") from None
    if shape.get("type") == "integer":
        raise Unreadable("Write a whole number.")
    return found


def _moment(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unreadable("Write a date and a time.") from None
    return (at if at.tzinfo else at.replace(tzinfo=get_current_timezone())).isoformat()


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unreadable("This is not JSON.") from None
