"""The form of a tool's objective."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from autonomy.models import Objective
from autonomy.rules.service import BOUNDS, LEAST_PERCENT, MOST_PERCENT, held_to

FIELDS = ("latency_ms", "latency_percent", "success_percent", "is_active")
# Nobody asks for less of what is on another machine.
SHORTEST = 50


def _percent(label: str, says: str) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        min_value=LEAST_PERCENT,
        max_value=MOST_PERCENT,
        help_text=says,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )


def _said(ms: float) -> str:
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


class ObjectiveForm(forms.ModelForm):  # type: ignore[type-arg]
    """How well a tool has to serve."""

    latency_ms = forms.TypedChoiceField(
        label="A call takes at most",
        coerce=int,
        choices=[(int(each), _said(each)) for each in BOUNDS if each >= SHORTEST],
        widget=UnfoldAdminSelectWidget,
    )
    latency_percent = _percent(
        "Percent of calls that do", "The rest may take longer, and no alert opens."
    )
    success_percent = _percent(
        "Percent of calls that go well",
        "What fails is what its keeper answers for: no answer, faults of its own, "
        "“too many”, a key that it does not take. A bad request is none.",
    )
    is_active = forms.BooleanField(
        label="Alerts open",
        required=False,
        help_text="Off: it is measured all the same.",
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = Objective
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Set by the API to something between, it is held to the next bound.
        held = max(SHORTEST, held_to(self.instance.latency_ms))
        self.initial["latency_ms"] = int(held)
