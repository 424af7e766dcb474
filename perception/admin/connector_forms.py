"""Forms of connectors, made from what each kind of source says of its configuration."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from perception.connectors import CAPS, faults_in
from perception.models import Connector
from perception.sources.base import Source
from perception.sources.registry import SOURCES

MARK = "config_"
# A longer text gets room.
LONG = 2000
JSON_EXAMPLE = 'JSON, as {"name": "value"}.'
EMPTY: tuple[Any, ...] = (None, "", [], {})
KEEPS = "Leave empty to keep the one that it has."


class NamedForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a connector is called, and whether it is let in."""

    kind: str = Connector.Kind.WEBHOOK
    name = forms.CharField(
        max_length=200,
        help_text="As people know the system; its signals name it as their source.",
        widget=UnfoldAdminTextInputWidget,
    )
    is_active = forms.BooleanField(
        label="Let in",
        required=False,
        initial=True,
        help_text="Off: every delivery is refused.",
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = Connector
        fields: Sequence[str] = ("name", "is_active")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Connector.objects.exclude(pk=self.instance.pk)
        if others.filter(name=name).exists():
            raise forms.ValidationError("There is a connector of this name already.")
        return name

    def given(self) -> dict[str, Any]:
        """What the verb is told."""
        return {
            name: self.cleaned_data[name]
            for name in ("name", "is_active")
            if name in self.cleaned_data
        }

    def new_secret(self) -> str:
        """A secret, where one was given."""
        return ""


class SourceForm(NamedForm):
    """The same of a source that is read, with its configuration, secret and limits."""

    is_active = forms.BooleanField(
        label="Read it",
        required=False,
        initial=True,
        help_text="Off: it is left alone, and what it has is read once it is on again.",
        widget=UnfoldBooleanWidget,
    )
    units_per_day = forms.IntegerField(
        label="Units a day, at most",
        min_value=0,
        max_value=10_000_000,
        initial=1000,
        help_text="A shallow look takes 1 unit, a deep one 3.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    rate_per_s = forms.FloatField(
        label="Requests a second, at most",
        min_value=0.01,
        max_value=1000,
        initial=10,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )

    class Meta(NamedForm.Meta):
        fields = ("name", "is_active", *CAPS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, said in _properties(self.kind).items():
            if name in self.instance.config:
                self.initial[MARK + name] = _written(said, self.instance.config[name])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            for place, message in faults_in(self.kind, self.config()).items():
                first, _, rest = place.partition(".")
                named = f"{rest}: {message}" if rest else message
                self.add_error(
                    MARK + first if MARK + first in self.fields else None, named
                )
        return given

    def config(self) -> dict[str, Any]:
        """The configuration: what is not there by itself, and what was there before."""
        found = {}
        for name, said in _properties(self.kind).items():
            value = self.cleaned_data.get(MARK + name)
            is_kept = name in self.instance.config
            if value in EMPTY and not (is_kept and self.instance.config[name] == value):
                continue
            if is_kept or value != said.get("default"):
                found[name] = value
        # What a form cannot show stays as it is.
        shown = _properties(self.kind)
        kept = {k: v for k, v in self.instance.config.items() if k not in shown}
        return kept | found

    def given(self) -> dict[str, Any]:
        caps = {name: self.cleaned_data[name] for name in CAPS}
        return {**super().given(), **caps, "config": self.config()}

    def new_secret(self) -> str:
        return str(self.cleaned_data.get("secret", ""))


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


class RotateForm(forms.Form):
    """What becomes of the secret before."""

    keep_old = forms.BooleanField(
        label="The old secret stays valid beside the new one",
        required=False,
        initial=True,
        help_text="Take this away when the old one leaked: it ends at once.",
        widget=UnfoldBooleanWidget,
    )


def form_of(kind: str, *, is_new: bool) -> type[NamedForm]:
    """The form of one kind of connector."""
    source = SOURCES.get(kind)
    if source is None:
        return NamedForm
    parts: dict[str, Any] = {"kind": kind, "__module__": __name__}
    if source.secret:
        parts["secret"] = _secret(source, is_new=is_new)
    needed = source.schema.get("required", ())
    for name, said in _properties(kind).items():
        parts[MARK + name] = _field(name, said, is_needed=name in needed)
    return type("FormOfKind", (SourceForm,), parts)


def places(kind: str) -> list[str]:
    """The fields of a kind's configuration, those first that have to be given."""
    needed = SOURCES[kind].schema.get("required", ())
    names = sorted(_properties(kind), key=lambda name: name not in needed)
    return [MARK + name for name in names]


def _properties(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = SOURCES[kind].schema.get("properties", {})
    return found


def _secret(source: Source, *, is_new: bool) -> forms.Field:
    return forms.CharField(
        label="Secret" if is_new else "New secret",
        required=False,
        max_length=4096,
        help_text=source.secret if is_new else f"{KEEPS} {source.secret}",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


def _field(name: str, said: Mapping[str, Any], *, is_needed: bool) -> forms.Field:
    """A field as its part of the schema describes it."""
    words = {
        "label": said.get("title", name),
        "help_text": said.get("description", ""),
        "required": is_needed,
        "initial": _written(said, said["default"]) if "default" in said else None,
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


def _written(said: Mapping[str, Any], value: Any) -> Any:
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
