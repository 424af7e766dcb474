"""Policy data and profiles: what the policy is asked with, and what lifts its floor."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from autonomy import policies, profiles
from autonomy.admin.data_forms import DAYS, DataForm
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Governed, Question, Tool
from autonomy.admin.words import moment, spaced, tag
from autonomy.models import PolicyData, Profile
from perception.admin.asking import caller_of

SHOWN = ("version", "saved_by", "allowed", "minimums", "caps", "hours", "server")


@admin.register(PolicyData)
class PolicyDataAdmin(Governed):
    """Each version stays for those whom it judged; the newest counts."""

    about = (
        "The lists and numbers that the policy is asked with. Each change makes a new "
        "version; earlier ones stay, for what they judged."
    )
    nothing = "Nothing was changed here: what is shipped counts."
    told = Told(setting="policy_data")
    form = DataForm
    list_display = ("version", "state", "how_many", "minimums", "hours", "saved_by")
    list_display_links = ("version",)
    list_select_related = ("saved_by__person",)
    ordering = ("-number",)
    sortable_by = ()
    fields = SHOWN
    readonly_fields = SHOWN

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(DataForm.base_fields) if obj is None else SHOWN

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else SHOWN

    def get_queryset(self, request: HttpRequest) -> Any:
        newest = PolicyData.objects.order_by("-number").values("pk")[:1]
        rows = super().get_queryset(request).select_related("saved_by__person")
        return rows.annotate(newest=Subquery(newest))

    @admin.display(description="saved")
    def version(self, row: PolicyData) -> str:
        return f"{row.saved_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="state")
    def state(self, row: Any) -> SafeString:
        return tag("in force", "good") if row.pk == row.newest else tag("earlier")

    @admin.display(description="allowlist")
    def how_many(self, row: PolicyData) -> str:
        return f"{len(row.data['allowlist'])} types"

    @admin.display(description="allowlist")
    def allowed(self, row: PolicyData) -> SafeString:
        words = [spaced(key) for key in row.data["allowlist"]]
        return render_to_string("autonomy/words.html", {"words": words})

    @admin.display(description="least confidence")
    def minimums(self, row: PolicyData) -> str:
        return _numbers(row.data["min_confidence"])

    @admin.display(description="caps of amounts")
    def caps(self, row: PolicyData) -> str:
        return _numbers(row.data["amount_caps"]) or "none"

    @admin.display(description="hours")
    def hours(self, row: PolicyData) -> str:
        hours = row.data["hours"]
        if not hours:
            return "at any hour"
        days = [DAYS[day] for day in hours.get("days", [])]
        return f"{hours['start']} to {hours['end']}, {', '.join(days) or 'every day'}"

    @admin.display(description="policy server")
    def server(self, row: PolicyData) -> str:
        named = row.data.get("opa")
        return f"{named['url']}{named.get('path', '')}" if named else "none"

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Change the data", href="add/", tone="main")]

    def save_model(
        self, request: HttpRequest, obj: PolicyData, form: Any, change: bool
    ) -> None:
        by, now = caller_of(request), timezone.now()
        policies.save_data(form.data_wanted(), by=by, now=now)
        made = PolicyData.objects.order_by("-number")[0]
        obj.pk, obj.tenant_id, obj.saved_at = made.pk, made.tenant_id, made.saved_at


@admin.register(Profile)
class ProfileAdmin(Governed):
    """Installed by an operator, put into force by an admin's signature."""

    about = (
        "Outreach always asks a person, unless an operator offers the profile "
        "routine_outreach for a type and an admin signs it. A signed message is held "
        "back for a while, so that it can be pulled back."
    )
    nothing = "No profile is offered: every outreach asks a person."
    told = Told(setting="profile")
    list_display = ("named", "state", "hold", "signed_by", "signed_at_said")
    list_display_links = ("named",)
    list_select_related = ("signed_by__person",)
    ordering = ("action_type",)
    sortable_by = ()
    fields = (
        "named",
        "state",
        "hold",
        "installed_at_said",
        "signed_by",
        "signed_at_said",
    )
    readonly_fields = fields

    signed_at_said = moment("signed_at", "signed")
    installed_at_said = moment("installed_at", "offered")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="for")
    def named(self, row: Profile) -> str:
        return spaced(row.action_type)

    @admin.display(description="state")
    def state(self, row: Profile) -> SafeString:
        return tag("in force", "good") if row.signed_at else tag("offered", "wait")

    @admin.display(description="held back for")
    def hold(self, row: Profile) -> str:
        return f"{row.hold_seconds} seconds"

    def tells(self, obj: Profile) -> Callable[[Row], bool]:
        return lambda row: bool(row["data"].get("action_type") == obj.action_type)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return []
        withdraw = Tool(label="Withdraw …", href=self.url_of(obj.pk, "withdraw"))
        if obj.signed_at:
            return [withdraw]
        sign = self.url_of(obj.pk, "sign")
        return [Tool(label="Sign …", href=sign, tone="main"), withdraw]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/sign/", "sign", self.sign_view),
            ("<path:object_id>/withdraw/", "withdraw", self.withdraw_view),
        )

    def sign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then puts the profile into force."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        if row.signed_at:
            return HttpResponseRedirect(self.url_of(row.pk))
        question = Question(
            title="Sign this profile",
            said=[
                f"“{self.named(row)}” may then run alone, to people outside.",
                f"Each message is held back for {row.hold_seconds} seconds first.",
                "Caps of contact and quiet hours hold. Your name stands under it.",
            ],
            button="Sign",
            back=self.url_of(row.pk),
        )

        def do() -> str:
            profiles.sign(row, by=caller_of(request), now=timezone.now())
            return "Signed. The profile is in force."

        return self.asked(request, question, do, self.url_of(row.pk))

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then takes the profile out of force."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title="Withdraw this profile",
            said=[
                f"“{self.named(row)}” asks a person again, from the next act on.",
                "An operator must offer the profile anew before it can be signed.",
            ],
            button="Withdraw",
            back=self.url_of(row.pk),
        )

        def do() -> str:
            profiles.withdraw(row, by=caller_of(request), now=timezone.now())
            return "Withdrawn."

        return self.asked(request, question, do, self.list_url())


def _numbers(numbers: dict[str, float]) -> str:
    parts = [
        f"{'others' if key == 'default' and len(numbers) > 1 else spaced(key)} {number:g}"
        for key, number in sorted(
            numbers.items(), key=lambda each: each[0] == "default"
        )
    ]
    return ", ".join(parts).replace("default ", "")
