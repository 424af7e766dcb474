"""The tenant's settings in the admin pages."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from ledger.admin import ByRole
from perception.admin import cadence_forms
from perception.admin.asking import caller_of, is_admin
from perception.models import Tenant
from perception.rules.heat import Tier
from perception.settings import CAPS, MODES, MOST_UNITS, change_settings

LEARNING = ("exploration_share", "review_share", "response_days", "shares_learning")
PLAIN = (
    "timezone", "four_eyes", "digest_hour", "default_mode", "pull_units_per_day",
    *LEARNING,
)  # fmt: skip
CAPPED = {
    "account_per_week": "a week with one account",
    "contact_per_week": "a week with one person",
}
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class PlainForm(forms.ModelForm):  # type: ignore[type-arg]
    """The tenant's settings, field by field."""

    timezone = forms.ChoiceField(
        choices=[(name, name) for name in sorted(available_timezones())],
        widget=UnfoldAdminSelectWidget,
    )
    default_mode = forms.ChoiceField(
        choices=[("", "As each action says"), *((mode, mode) for mode in MODES)],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    quiet_from = forms.RegexField(
        CLOCK,
        required=False,
        help_text="As 20:00. Empty: there are no quiet hours.",
        widget=UnfoldAdminTextInputWidget,
    )
    quiet_until = forms.RegexField(
        CLOCK, required=False, help_text="As 08:00.", widget=UnfoldAdminTextInputWidget
    )
    account_per_week = forms.IntegerField(
        label="Contacts with one account, in a week",
        required=False,
        min_value=0,
        max_value=1000,
        help_text="Empty: the shipped cap.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    contact_per_week = forms.IntegerField(
        label="Contacts with one person, in a week",
        required=False,
        min_value=0,
        max_value=1000,
        help_text="Empty: the shipped cap.",
        widget=UnfoldAdminIntegerFieldWidget,
    )

    class Meta:
        model = Tenant
        fields = PLAIN
        help_texts = {
            "four_eyes": "Whoever asks for something may not approve it.",
            "digest_hour": "0 to 23, in the tenant's time zone.",
            "exploration_share": "From 0 to 1: how often near ties stand in any order.",
            "review_share": "From 0 to 1: how much of what would run by itself a person "
            "looks at first, chosen by chance.",
            "response_days": "1 to 90: not heard of for so long is no answer.",
            "shares_learning": "What became of proposals here helps to make the model "
            "for tenants without one of their own. Only its weights leave: no names, no "
            "texts, no types of your own.",
            "pull_units_per_day": "What all sources together may be read for in a day; "
            "a shallow look takes 1, a deep one 3.",
        }
        labels = {
            "pull_units_per_day": "Units a day, at most",
            "shares_learning": "Share what is learned",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial_cadence = self.instance.cadence
        quiet = self.instance.quiet_hours
        self.initial.update(
            self.instance.contact_caps,
            quiet_from=quiet.get("start", ""),
            quiet_until=quiet.get("end", ""),
            **cadence_forms.shown(self.instance.cadence),
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(given.get("quiet_from")) != bool(given.get("quiet_until")):
            self.add_error("quiet_until", "Give both, or neither.")
        if all(name in given for name in cadence_forms.NAMES):
            rows = cadence_forms.rows_of(given)
            for name, words in cadence_forms.faults_of(rows):
                self.add_error(name, words)
        return given

    def clean_pull_units_per_day(self) -> int:
        units: int = self.cleaned_data["pull_units_per_day"]
        if units > MOST_UNITS:
            raise forms.ValidationError(f"At most {MOST_UNITS:,}.")
        return units

    def settings(self) -> dict[str, Any]:
        given = self.cleaned_data
        begin, end = given["quiet_from"], given["quiet_until"]
        moved = set(self.changed_data) & set(cadence_forms.NAMES)
        kept = self.initial_cadence
        return {
            **{name: given[name] for name in PLAIN},
            "cadence": cadence_forms.rows_of(given) if moved else kept,
            "quiet_hours": {"start": begin, "end": end} if begin else {},
            "contact_caps": {cap: given[cap] for cap in CAPS if given[cap] is not None},
        }


# Three fields for each tier stand below one another.
TenantForm = type("TenantForm", (PlainForm,), cadence_forms.cadence_fields())


@admin.register(Tenant)
class TenantAdmin(ByRole):
    """How the tenant wants things; each change goes to the ledger."""

    form = TenantForm
    list_display = ("name", "slug", "timezone", "four_eyes", "default_mode")
    readonly_fields = ("name", "slug", "quiet_said", "caps_said", "cadence_said")
    shown = ("name", "slug", "timezone", "four_eyes", "digest_hour", "default_mode")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        units = "pull_units_per_day"
        if not is_admin(request):
            said = ("quiet_said", "caps_said", units, "cadence_said", *LEARNING)
            return [(None, {"fields": (*self.shown, *said)})]
        return [
            (None, {"fields": self.shown}),
            ("Contact", {"fields": ("quiet_from", "quiet_until", *CAPS)}),
            (
                "How often accounts are looked at",
                {"fields": (units, *cadence_forms.ROWS)},
            ),
            ("Learning", {"fields": LEARNING}),
        ]

    @admin.display(description="quiet hours")
    def quiet_said(self, row: Tenant) -> str:
        held = row.quiet_hours
        return f"{held['start']} to {held['end']}" if held else "none"

    @admin.display(description="caps of contact")
    def caps_said(self, row: Tenant) -> str:
        held = [
            f"{row.contact_caps[name]} {words}"
            for name, words in CAPPED.items()
            if name in row.contact_caps
        ]
        return ", ".join(held) or "as shipped"

    @admin.display(description="looks")
    def cadence_said(self, row: Tenant) -> str:
        held = cadence_forms.shown(row.cadence)
        every = (
            f"{tier.value.capitalize()} every {held[f'cadence_{tier.value}_every_s']} min"
            for tier in Tier
        )
        return ", ".join(every)

    def save_model(
        self, request: HttpRequest, obj: Tenant, form: Any, change: bool
    ) -> None:
        change_settings(form.settings(), by=caller_of(request), now=timezone.now())
