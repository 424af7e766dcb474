"""The form of a new version of policy: a name, and YAML with its faults at their places."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from autonomy import policies
from autonomy.admin import sources
from autonomy.errors import BundleFails, BundleRefused
from autonomy.models import Bundle
from autonomy.policy import Program, compiled, read, shipped


class BundleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A version as text. Valid only when it compiles and passes its own tests."""

    name = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,63}$",
        help_text="In lower_snake letters.",
        widget=UnfoldAdminTextInputWidget,
    )
    text = forms.CharField(
        label="Clauses and tests",
        strip=False,
        max_length=100_000,
        help_text="YAML. Every clause whose condition holds sets a ceiling; the lowest "
        "counts, and without one that allows, a person decides.",
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 26, "class": "gv-code", "spellcheck": "false", "wrap": "off"}
        ),
    )

    class Meta:
        model = Bundle
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            held = policies.in_force()
            source = held.bundle.source if held else shipped().plain()
            self.initial.update(name=source["name"], text=sources.written(source))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if "name" not in given or "text" not in given:
            return given
        try:
            text = sources.read(given["text"])
        except sources.Unreadable as problem:
            self.add_error("text", str(problem))
            return given
        try:
            given["program"] = checked({**text.plain, "name": given["name"]})
        except BundleRefused as refusal:
            faults = [text.placed(fault) for fault in refusal.faults]
            self.add_error("text", forms.ValidationError(faults))
        except BundleFails as refusal:
            self.add_error("text", str(refusal))
        return given


def checked(plain: Mapping[str, Any]) -> Program:
    """A bundle that may be saved: it compiles, and passes its tests and the theorems."""
    program = compiled(read(plain))
    policies.insist(program)
    return program
