"""What a person says when they decide: why not, what instead, when."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextareaWidget,
)

from autonomy.admin.action_forms import Json
from autonomy.models import Approval

CAUSES: Mapping[str, str] = {
    Approval.Cause.IDEA.value: "A bad idea",
    Approval.Cause.TIMING.value: "A good idea at a bad time",
    Approval.Cause.EXECUTION.value: "Already done, or badly done",
    Approval.Cause.EXTERNAL.value: "Something outside stands in the way",
}
HOURS = {1: "In an hour", 4: "In four hours", 24: "Tomorrow", 48: "In two days"}


class RejectForm(forms.Form):
    """Why not."""

    cause = forms.ChoiceField(
        label="Why",
        choices=[*CAUSES.items()],
        widget=UnfoldAdminRadioSelectWidget,
    )
    note = forms.CharField(
        required=False,
        max_length=2000,
        help_text="If one word does not say it.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class EditForm(forms.Form):
    """What should be done instead."""

    parameters = Json(
        help_text="As JSON. It is judged again, and asked about anew.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "gv-code"}),
    )

    def clean_parameters(self) -> dict[str, Any]:
        given = self.cleaned_data["parameters"]
        if not isinstance(given, dict):
            raise forms.ValidationError("Write an object: {…}.")
        return given


class SnoozeForm(forms.Form):
    """When to ask again."""

    hours = forms.TypedChoiceField(
        label="Ask again",
        choices=list(HOURS.items()),
        coerce=int,
        initial=4,
        widget=UnfoldAdminRadioSelectWidget,
    )
