"""Fields of a form, each as its part of a JSON Schema describes it."""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

# A longer text gets room.
LONG = 2000
JSON_EXAMPLE = 'JSON, as {"name": "value"}.'


class JsonField(forms.CharField):
    """An object or a list, written as JSON; a fault is told with its line and column."""

    def __init__(self, *, kind: type, **more: Any) -> None:
        super().__init__(**more)
        self.kind = kind

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return self.kind()
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            said = f"Line {error.lineno}, column {error.colno}: {error.msg}."
            raise forms.ValidationError(said) from error
        if not isinstance(found, self.kind):
            begins = "{" if self.kind is dict else "["
            raise forms.ValidationError(f"It has to begin with {begins} here.")
        return found


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

    def clean(self, value: Any) -> Any:
        lines = super().clean(value).splitlines()
        return [line.strip() for line in lines if line.strip()]


def field_of(name: str, said: Mapping[str, Any], *, is_needed: bool) -> forms.Field:
    """A field as its part of the schema describes it."""
    words = {
        "label": said.get("title", name),
        "help_text": said.get("description", ""),
        "required": is_needed,
        "initial": written(said, said["default"]) if "default" in said else None,
    }
    if "enum" in said:
        choices = [(each, each) for each in said["enum"]]
        if "default" not in said and not is_needed:
            choices.insert(0, ("", "–"))
        return forms.ChoiceField(
            choices=choices, widget=UnfoldAdminSelectWidget, **words
        )
    make = FIELDS.get(said.get("type", ""), _object)
    return make(said, words)


def _text(said: Mapping[str, Any], words: dict[str, Any]) -> forms.Field:
    longest = said.get("maxLength")
    is_long = longest is not None and longest > LONG
    widget = (
        UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "gv-code"})
        if is_long
        else UnfoldAdminTextInputWidget()
    )
    return forms.CharField(
        min_length=said.get("minLength"), max_length=longest, widget=widget, **words
    )


def _number(said: Mapping[str, Any], words: dict[str, Any]) -> forms.Field:
    least, most = said.get("minimum"), said.get("maximum")
    if said["type"] == "integer":
        return forms.IntegerField(
            min_value=least,
            max_value=most,
            widget=UnfoldAdminIntegerFieldWidget,
            **words,
        )
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
    return forms.FloatField(min_value=least, max_value=most, widget=widget, **words)


def _yes_or_no(said: Mapping[str, Any], words: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(
        widget=UnfoldBooleanWidget, **{**words, "required": False}
    )


def _list(said: Mapping[str, Any], words: dict[str, Any]) -> forms.Field:
    """Boxes where the schema names all there is; else a text on each line."""
    items = said.get("items", {})
    if "enum" in items:
        return forms.MultipleChoiceField(
            choices=[(each, each) for each in items["enum"]],
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            **words,
        )
    if items.get("type") != "string":
        return _object(said, words)
    words["help_text"] = f"{words['help_text']} One on each line.".strip()
    return LinesField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), **words)


def _object(said: Mapping[str, Any], words: dict[str, Any]) -> forms.Field:
    words["help_text"] = f"{words['help_text']} {JSON_EXAMPLE}".strip()
    widget = UnfoldAdminTextareaWidget(
        attrs={"rows": 5, "class": "gv-code", "spellcheck": "false"}
    )
    kind = dict if said.get("type", "object") == "object" else list
    return JsonField(kind=kind, widget=widget, **words)


def written(said: Mapping[str, Any], value: Any) -> Any:
    """A value as its field shows it."""
    if said.get("type") == "array" and "enum" not in said.get("items", {}):
        if said.get("items", {}).get("type") == "string":
            return "\n".join(map(str, value))
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    if isinstance(value, dict):
        return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
    return value


FIELDS = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": _yes_or_no,
    "array": _list,
    "object": _object,
}
