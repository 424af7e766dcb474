"""Forms of integrators' tools, triggers and the budget of decisions."""

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from autonomy.models import DecisionBudget, Tool, TriggerRow
from autonomy.tools.addresses import fault_of
from perception.rules.webhooks import key_of

DAY = 86_400
LONGEST_CALL = 60
SIGNS = "whsec_ and base64, as Standard Webhooks has it. It is never shown again."
EFFECTS = {
    Tool.Effects.KEYED: "KEYED: the same key never acts twice, so it is asked again "
    "after a doubt",
    Tool.Effects.AT_MOST_ONCE: "AT_MOST_ONCE: it may act twice, so it is called once; "
    "a doubt goes to a person",
}


def _count(label: str, says: str, most: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=0,
        max_value=most,
        help_text=says,
        widget=UnfoldAdminIntegerFieldWidget,
    )


def _number(label: str, least: float, most: float, **more: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        min_value=least,
        max_value=most,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        **more,
    )


def _secret(**more: Any) -> forms.CharField:
    return forms.CharField(
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        **more,
    )


class ChangeTool(forms.ModelForm):  # type: ignore[type-arg]
    """What may be changed of a tool."""

    url = forms.CharField(
        label="URL",
        max_length=500,
        help_text="What is called, signed, with the intent's id as Idempotency-Key.",
        widget=UnfoldAdminTextInputWidget,
    )
    secret = _secret(
        label="New secret",
        required=False,
        help_text=f"Empty: the one it has stays. {SIGNS}",
    )
    effect = forms.ChoiceField(
        label="If it is called again",
        choices=[(each.value, words) for each, words in EFFECTS.items()],
        widget=UnfoldAdminRadioSelectWidget,
    )
    undo = forms.BooleanField(
        label="It takes its acts back when it is asked to",
        required=False,
        widget=UnfoldBooleanWidget,
    )
    timeout_s = _number(
        "Seconds for an answer",
        0.1,
        LONGEST_CALL,
        help_text="Without one by then, nobody knows whether it acted.",
    )
    rate_per_s = _number("Calls a second, at most", 0.001, 10_000)

    class Meta:
        model = Tool
        fields = ("url", "effect", "undo", "timeout_s", "rate_per_s")

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if fault := fault_of(url):
            raise forms.ValidationError(fault)
        return url

    def clean_secret(self) -> str:
        secret: str = self.cleaned_data["secret"]
        if secret:
            try:
                key_of(secret)
            except ValueError as error:
                raise forms.ValidationError(str(error)) from error
        return secret


class AddTool(ChangeTool):
    """A URL that acts when it is called."""

    key = forms.RegexField(
        r"^[a-z][a-z0-9_.-]{1,63}$",
        help_text="As gift-shop: action types are bound to it by this name.",
        widget=UnfoldAdminTextInputWidget,
    )
    secret = _secret(label="Secret", help_text=SIGNS)
    field_order = (
        "key", "url", "secret", "effect", "undo", "timeout_s", "rate_per_s",
    )  # fmt: skip

    class Meta(ChangeTool.Meta):
        fields = ("key", *ChangeTool.Meta.fields)  # type: ignore[assignment]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = min(settings.TOOL_TIMEOUT_SECONDS, LONGEST_CALL)
        self.initial.update(
            effect=Tool.Effects.KEYED.value, timeout_s=usual, rate_per_s=10.0
        )


class TriggerForm(forms.ModelForm):  # type: ignore[type-arg]
    """How often a trigger may fire."""

    enabled = forms.BooleanField(
        label="It fires",
        required=False,
        help_text="Off: every run that it would start is skipped, and says so.",
        widget=UnfoldBooleanWidget,
    )
    debounce_s = _count(
        "Debounce, in seconds",
        "Once fired for an account, it is held back for so long; what comes meanwhile "
        "is skipped.",
        DAY,
    )
    cooldown_s = _count(
        "Cooldown, in seconds",
        "After a decision, the account rests for so long; a run that comes meanwhile "
        "is put off once.",
        30 * DAY,
    )
    max_per_account_hour = _count(
        "Times an hour, for one account", "In any sixty minutes.", 100_000
    )
    max_per_tenant_hour = _count(
        "Times an hour, for all accounts", "In any sixty minutes.", 10_000_000
    )

    class Meta:
        model = TriggerRow
        fields = (
            "enabled", "debounce_s", "cooldown_s", "max_per_account_hour",
            "max_per_tenant_hour",
        )  # fmt: skip


class DecisionBudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a day's decisions may take."""

    runs_per_day = _count(
        "Decisions a day",
        "Of all accounts, in the tenant's day. Then the gate lets nothing through "
        "until tomorrow.",
        100_000_000,
    )
    runs_per_account_day = _count(
        "Decisions a day, for one account",
        "So that one busy account does not use up the day of all.",
        1_000_000,
    )
    cost_per_day = _number(
        "Cost a day",
        0,
        10_000_000,
        help_text="In the currency that the synthesizer counts in. Rules cost nothing.",
    )

    class Meta:
        model = DecisionBudget
        fields = ("runs_per_day", "runs_per_account_day", "cost_per_day")
