"""Forms of connectors, made from what each kind of source says of its configuration."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from perception.admin.connector_words import ACTING
from perception.admin.schema_fields import field_of, written
from perception.connectors import CAPS, SIGNED, described_as, faults_in
from perception.models import Connector
from perception.outlets.base import Outlet
from perception.rules.acting import ONLY_ACTING, acts_as, may_act
from perception.rules.webhooks import key_of
from perception.sources.base import Source
from perception.sources.registry import SOURCES

MARK = "config_"
EMPTY: tuple[Any, ...] = (None, "", [], {})
KEEPS = "Leave empty to keep the one that it has."


def _name(more: str = "") -> forms.CharField:
    return forms.CharField(
        max_length=200,
        help_text=f"As people know the system{more}.",
        widget=UnfoldAdminTextInputWidget,
    )


class NamedForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a connector is called, and whether it is let in."""

    kind: str = Connector.Kind.WEBHOOK
    name = _name("; its signals name it as their source")
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


class DescribedForm(NamedForm):
    """The same of what describes itself: with its configuration, secret and limits."""

    caps: Sequence[str] = CAPS
    rate_per_s = forms.FloatField(
        label="Requests a second, at most",
        min_value=0.01,
        max_value=1000,
        initial=10,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, said in _properties(self.kind).items():
            if name in self.instance.config:
                self.initial[MARK + name] = written(said, self.instance.config[name])
        if self.instance.kind:
            self.initial["acts"] = bool(self.instance.acts_as)

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

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        if secret and self.kind in SIGNED:
            try:
                key_of(secret)
            except ValueError as error:
                raise forms.ValidationError(str(error)) from error
        return secret

    def clean_acts(self) -> bool:
        """One connector for each thing that tools do."""
        acts: bool = self.cleaned_data["acts"]
        others = Connector.objects.exclude(pk=self.instance.pk)
        other = others.filter(acts_as=acts_as(self.kind, acts)).first()
        if acts and other is not None:
            raise forms.ValidationError(
                f"Tools act through “{other.name}” already: take that out of use first."
            )
        return acts

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
        more = {
            name: self.cleaned_data[name]
            for name in (*self.caps, "acts")
            if name in self.cleaned_data
        }
        return {**super().given(), **more, "config": self.config()}

    def new_secret(self) -> str:
        return str(self.cleaned_data.get("secret", ""))


class SourceForm(DescribedForm):
    """Of a source that is read."""

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

    class Meta(NamedForm.Meta):
        fields = ("name", "is_active", *CAPS)


class OutletForm(DescribedForm):
    """Of a way out that tools act through, and nothing is read from."""

    caps = ("rate_per_s",)
    name = _name()
    is_active = forms.BooleanField(
        label="Use it",
        required=False,
        initial=True,
        help_text="Off: nothing goes out by it, and what it did is left to people.",
        widget=UnfoldBooleanWidget,
    )

    class Meta(NamedForm.Meta):
        fields = ("name", "is_active", "rate_per_s")


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
    described = described_as(kind)
    if described is None:
        return NamedForm
    parts: dict[str, Any] = {"kind": kind, "__module__": __name__}
    if described.secret:
        parts["secret"] = _secret(described, is_new=is_new)
    if may_act(kind):
        parts["acts"] = _acts(kind)
    needed = described.schema.get("required", ())
    for name, said in _properties(kind).items():
        parts[MARK + name] = field_of(name, said, is_needed=name in needed)
    if kind in SOURCES:
        parts["name"] = _name(f"; its signals name “{kind}” as their source")
    base = SourceForm if kind in SOURCES else OutletForm
    return type("FormOfKind", (base,), parts)


def places(kind: str) -> list[str]:
    """The fields of a kind's configuration, those first that have to be given."""
    described = described_as(kind)
    needed = described.schema.get("required", ()) if described else ()
    names = sorted(_properties(kind), key=lambda name: name not in needed)
    return [MARK + name for name in names]


def _properties(kind: str) -> Mapping[str, Any]:
    described = described_as(kind)
    found: Mapping[str, Any] = described.schema["properties"] if described else {}
    return found


def _acts(kind: str) -> forms.Field:
    return forms.BooleanField(
        label="Tools act through it",
        required=False,
        initial=kind in ONLY_ACTING,
        help_text=ACTING[kind],
        widget=UnfoldBooleanWidget,
    )


def _secret(source: Source | Outlet, *, is_new: bool) -> forms.Field:
    return forms.CharField(
        label="Secret" if is_new else "New secret",
        required=False,
        max_length=4096,
        help_text=source.secret if is_new else f"{KEEPS} {source.secret}",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
