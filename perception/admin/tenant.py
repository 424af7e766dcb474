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

from ledger.admin import ByRole, as_json
from perception.admin.asking import caller_of, is_admin
from perception.models import Tenant
from perception.settings import CAPS, MODES, change_settings

CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
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
        fields = ("timezone", "four_eyes", "digest_hour", "default_mode")
        help_texts = {
            "four_eyes": "Whoever asks for something may not approve it.",
            "digest_hour": "0 to 23, in the tenant's time zone.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        quiet = self.instance.quiet_hours
        self.initial.update(
            self.instance.contact_caps,
            quiet_from=quiet.get("start", ""),
            quiet_until=quiet.get("end", ""),
        )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(given.get("quiet_from")) != bool(given.get("quiet_until")):
            self.add_error("quiet_until", "Give both, or neither.")
        return given

    def settings(self) -> dict[str, Any]:
        given = self.cleaned_data
        begin, end = given["quiet_from"], given["quiet_until"]
        plain = ("timezone", "four_eyes", "digest_hour", "default_mode")
        return {
            **{name: given[name] for name in plain},
            "quiet_hours": {"start": begin, "end": end} if begin else {},
            "contact_caps": {cap: given[cap] for cap in CAPS if given[cap] is not None},
        }


@admin.register(Tenant)
class TenantAdmin(ByRole):
    """How the tenant wants things; each change goes to the ledger."""

    form = TenantForm
    list_display = ("name", "slug", "timezone", "four_eyes", "default_mode")
    readonly_fields = ("name", "slug", "quiet_json", "caps_json")
    shown = ("name", "slug", "timezone", "four_eyes", "digest_hour", "default_mode")

    quiet_json = as_json("quiet_hours", "quiet hours")
    caps_json = as_json("contact_caps", "contact caps")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if is_admin(request):
            return (*self.shown, "quiet_from", "quiet_until", *CAPS)
        return (*self.shown, "quiet_json", "caps_json")

    def save_model(
        self, request: HttpRequest, obj: Tenant, form: Any, change: bool
    ) -> None:
        change_settings(form.settings(), by=caller_of(request), now=timezone.now())
