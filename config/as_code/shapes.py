"""The shapes of sections: those of the API, with names in place of ids."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from autonomy.api.actions import ActionChange, ActionIn
from autonomy.api.policy import BundleIn, DataShape
from autonomy.api.settings import BudgetIn, ModeIn, OptInIn
from autonomy.api.tools import ToolChange, ToolIn
from autonomy.api.triggers import DecisionBudgetShape, TriggerShape
from autonomy.rules.actions import normalise
from config.as_code.rules.document import Path
from perception.api.settings import SettingsShape

Flaw = tuple[Path, str]
# Names are looked up as they are, spaces too.
NAMED: Mapping[str, Any] = {
    "required": False,
    "max_length": 200,
    "trim_whitespace": False,
}
ENV = r"^env:[A-Z][A-Z0-9_]*$"


class ModeRow(ModeIn):
    account = serializers.CharField(**NAMED)  # type: ignore[assignment]


class OptInRow(OptInIn):
    account = serializers.CharField(**NAMED)  # type: ignore[assignment]


class BudgetRow(BudgetIn):
    account = serializers.CharField(**NAMED)  # type: ignore[assignment]
    seller = serializers.CharField(required=False, max_length=254)  # type: ignore[assignment]


class _Named:
    """A tool is looked up among names, as the file itself may add it."""

    def validate_tool(self, value: str) -> str:
        return value


class TypeRow(_Named, ActionChange):
    """What may be set of a type that is there."""


class NewTypeRow(_Named, ActionIn):
    """A type of the tenant's own."""

    def get_fields(self) -> dict[str, Any]:
        return {n: f for n, f in super().get_fields().items() if n != "key"}


class _Secret(serializers.Serializer[Any]):
    secret = serializers.RegexField(
        ENV,
        required=False,
        error_messages={
            "invalid": "Name a variable that holds it, as env:SHOP_SECRET."
        },
    )

    def validate_secret(self, value: str) -> str:
        return value


class ToolRow(_Secret, ToolChange):  # type: ignore[misc]
    """What may be set of a tool that is there; its secret stays unless one is named."""


class NewToolRow(_Secret, ToolIn):
    """An integrator's tool."""

    secret = serializers.RegexField(
        ENV,
        error_messages={
            "invalid": "Name a variable that holds it, as env:SHOP_SECRET.",
            "required": "A new tool needs a secret, as env:SHOP_SECRET.",
        },
    )

    def get_fields(self) -> dict[str, Any]:
        return {n: f for n, f in super().get_fields().items() if n != "key"}


class DataRow(DataShape):
    """Types are looked up among names, as the file itself may add some."""

    def validate_allowlist(self, value: list[str]) -> list[str]:
        return sorted({normalise(key) for key in value})


SHAPES: Mapping[str, type[serializers.Serializer[Any]]] = {
    "settings": SettingsShape,
    "modes": ModeRow,
    "opt_ins": OptInRow,
    "budgets": BudgetRow,
    "decision_budget": DecisionBudgetShape,
    "triggers": TriggerShape,
    "policy_data": DataRow,
    "policy_bundle": BundleIn,
}
PARTIAL = ("settings", "decision_budget", "triggers")


def shaped(
    shape: type[serializers.Serializer[Any]], given: Any, *, partial: bool = False
) -> tuple[Any, list[Flaw]]:
    """A value as its shape has it, and everything that is wrong with it."""
    if not isinstance(given, Mapping):
        return {}, [((), "Write names with their values here.")]
    asked = shape(data=dict(given), partial=partial)
    if not asked.is_valid():
        return {}, list(_flaws(asked.errors, ()))
    checked = _plain(asked.validated_data)
    return checked, _mistyped(given, checked, ())


def _flaws(errors: Any, path: Path) -> list[Flaw]:
    """What the shape refuses, each at its place, in one line."""
    if isinstance(errors, ErrorDetail | str):
        return [(path, _worded(errors))]
    if isinstance(errors, Mapping):
        found: list[Flaw] = []
        for name, inner in errors.items():
            step = () if name == "non_field_errors" else (_step(name),)
            found += _flaws(inner, (*path, *step))
        return found
    if errors and all(isinstance(each, ErrorDetail | str) for each in errors):
        return [(path, " ".join(_worded(each) for each in errors))]
    return [
        flaw
        for place, inner in enumerate(errors)
        for flaw in _flaws(inner, (*path, place))
    ]


def _step(name: Any) -> str | int:
    return int(name) if str(name).isdigit() else str(name)


def _worded(error: Any) -> str:
    words = {
        "unknown_field": "This name is not known here.",
        "required": "This is missing.",
        "null": "Write a value, or leave the line out.",
    }
    known = words.get(getattr(error, "code", ""))
    is_ours = str(error).startswith("A new tool")
    return str(error) if known is None or is_ours else known


def _mistyped(given: Any, checked: Any, path: Path) -> list[Flaw]:
    """What was written as another type than it is: forms forgive it, files do not."""
    if isinstance(given, Mapping) and isinstance(checked, Mapping):
        return [
            flaw
            for name, value in given.items()
            if name in checked
            for flaw in _mistyped(value, checked[name], (*path, name))
        ]
    if isinstance(given, list) and isinstance(checked, list):
        pairs = zip(given, checked, strict=False)
        return [
            flaw
            for place, (one, other) in enumerate(pairs)
            for flaw in _mistyped(one, other, (*path, place))
        ]
    return [] if _alike(given, checked) else [(path, _wanted(checked))]


def _alike(given: Any, checked: Any) -> bool:
    if isinstance(given, bool) or isinstance(checked, bool):
        return type(given) is type(checked)
    if isinstance(checked, float):
        return isinstance(given, int | float)
    return isinstance(given, type(checked)) or isinstance(checked, type(given))


def _wanted(checked: Any) -> str:
    match checked:
        case bool():
            return "Write true or false."
        case int() | float():
            return "Write a number, without quotes."
        case str():
            return "Write a text; in quotes, where it looks like a number."
        case _:
            return "This has another shape here."


def _plain(value: Any) -> Any:
    """Without what serializers wrap around values."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
