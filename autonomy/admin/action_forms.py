"""Forms of action types: tighten one, or add one."""

import json
from typing import Any

from django import forms
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from autonomy.admin.words import TIERS
from autonomy.errors import WrongParameters
from autonomy.models import ActionRow
from autonomy.models import Tool as ToolRow
from autonomy.propose import check_parameters, known_type
from autonomy.rules.actions import (
    ActionType,
    Reversal,
    Risk,
    Tier,
    Touch,
    Traits,
    may_tighten,
)
from autonomy.rules.catalogue import NOTE, TOOLS
from ledger.scope import current_tenant

REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
TIER_CHOICES = [(tier.value, f"{tier.value}: {TIERS[tier][0]}") for tier in Tier]
TOOL_CHOICES = [
    ("", "none: a person does it by hand"),
    *((tool, tool) for tool in TOOLS),
]


def _choice(choices: Any, **more: Any) -> forms.ChoiceField:
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, **more)


def _same(values: Any) -> list[tuple[str, str]]:
    return [(each.value, each.value) for each in values]


class Json(forms.JSONField):
    """JSON as a person would write it."""

    def prepare_value(self, value: Any) -> Any:
        is_text = isinstance(value, str)
        return value if is_text else json.dumps(value, indent=2, ensure_ascii=False)


class ChangeType(forms.ModelForm):  # type: ignore[type-arg]
    """What may be changed of a type."""

    tier = _choice(TIER_CHOICES, help_text="It may only become stricter, for good.")
    tool = _choice(TOOL_CHOICES, required=False, help_text="What carries it out.")
    min_confidence = forms.FloatField(
        label="Least confidence",
        required=False,
        min_value=0,
        max_value=1,
        help_text="From 0 to 1; empty: what the policy data say. The higher counts.",
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )

    class Meta:
        model = ActionRow
        fields = ("tier", "tool", "min_confidence")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = self.instance.tier
        own = ToolRow.objects.filter(tenant_id=current_tenant()).order_by("key")
        keys = [(key, key) for key in own.values_list("key", flat=True)]
        self.fields["tool"].choices = [*TOOL_CHOICES, *keys]  # type: ignore[attr-defined]

    def clean_tier(self) -> str:
        tier: str = self.cleaned_data["tier"]
        if self.held and not may_tighten(self.held, tier):
            raise forms.ValidationError(
                f"It is {self.held}: a tier may only become stricter."
            )
        return tier


class AddType(ChangeType):
    """A type of the tenant's own."""

    key = forms.RegexField(
        r"^[a-z][a-z0-9_]{1,63}$",
        help_text="In lower_snake letters, as send_gift_card. It stays as it is.",
        widget=UnfoldAdminTextInputWidget,
    )
    tier = _choice(TIER_CHOICES, initial=Tier.APPROVAL_REQUIRED.value)
    risk_level = _choice(_same(Risk), initial=Risk.MEDIUM.value, label="Risk")
    external_contact = forms.BooleanField(
        label="It reaches somebody outside",
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
    )
    touches = forms.MultipleChoiceField(
        label="It changes, of a deal",
        choices=_same(Touch),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    reversal = _choice(
        _same(Reversal), initial=Reversal.NONE.value, label="How it is taken back"
    )
    idempotent = forms.BooleanField(
        label="Doing it twice is the same as once",
        required=False,
        widget=UnfoldBooleanWidget,
    )
    schema = Json(
        label="Parameters",
        initial=NOTE,
        help_text="A JSON Schema of an object.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 9, "class": "gv-code"}),
    )
    example = Json(
        label="An example of them",
        required=False,
        initial={"text": "A gift card for the round number."},
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "class": "gv-code"}),
    )
    field_order = (
        "key", "tier", "risk_level", "external_contact", "touches", "reversal",
        "idempotent", "tool", "min_confidence", "schema", "example",
    )  # fmt: skip

    class Meta:
        model = ActionRow
        fields = ("key", "tier", "tool", "min_confidence")

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if known_type(key) is not None:
            raise forms.ValidationError("There is an action type of this key already.")
        return key

    def clean_schema(self) -> Any:
        schema = self.cleaned_data["schema"]
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise forms.ValidationError("Parameters are an object: type is object.")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise forms.ValidationError(f"{error.message}.") from error
        if _refers(schema):
            raise forms.ValidationError("Write everything in place, without $ref.")
        return schema

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if {"example", "schema"} & set(self.errors):
            return given
        example, schema = given["example"] or {}, given["schema"]
        given["example"] = example
        if not isinstance(example, dict):
            self.add_error("example", "Write an object: {…}.")
            return given
        try:
            check_parameters(_typed(schema), example)
        except WrongParameters as refusal:
            self.add_error("example", str(refusal))
        return given


def _refers(schema: Any) -> bool:
    """Whether a schema points elsewhere: it could point outside, or in a circle."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if not REFERENCES.isdisjoint(each):
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


def _typed(schema: dict[str, Any]) -> ActionType:
    """The least of a type that parameters can be held against."""
    traits = Traits(
        tier=Tier.HARD_STOP.value,
        risk_level=Risk.HIGH.value,
        external_contact=True,
        touches=(),
        reversal=Reversal.NONE.value,
        idempotent=False,
        tool="",
    )
    return ActionType(key="new", traits=traits, schema=schema, example={})
