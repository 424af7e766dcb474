"""Modes and opt-ins: how much autonomy there is, and where scheduled work is wanted."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget

from autonomy import steering
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Governed, Previewed, Question, Tool
from autonomy.admin.words import MODES, moment, spaced, tag, type_choices
from autonomy.models import Mode, OptIn
from perception.admin.asking import caller_of

TONES = {"DISABLED": "bad", "ASSIST": "plain", "APPROVAL": "wait"}


class ModeForm(forms.ModelForm):  # type: ignore[type-arg]
    """A mode, and where it holds."""

    action_type = forms.ChoiceField(
        required=False,
        help_text="The most particular mode counts: account and type, then type, "
        "then account, then everything.",
        widget=UnfoldAdminSelectWidget,
    )
    mode = forms.ChoiceField(
        choices=[(mode, f"{mode}: {words}") for mode, words in MODES.items()],
        widget=UnfoldAdminRadioSelectWidget,
    )

    class Meta:
        model = Mode
        fields = ("account", "action_type", "mode")
        help_texts = {"account": "Empty: every account."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if (chosen := self.fields.get("action_type")) is not None:
            chosen.choices = [("", "Every type"), *type_choices()]  # type: ignore[attr-defined]


@admin.register(Mode)
class ModeAdmin(Previewed):
    """Each change holds at once."""

    about = (
        "How much may happen without a person. Where nothing is set, a person says "
        "yes first. Setting a scope again changes it; each change holds at once."
    )
    nothing = "No mode is set: a person says yes to everything first."
    told = Told(setting="mode")
    form = ModeForm
    list_display = ("where", "mode_shown", "set_at_said")
    list_display_links = ("where",)
    list_select_related = ("account",)
    ordering = ("-set_at",)
    sortable_by = ()
    autocomplete_fields = ("account",)

    set_at_said = moment("set_at", "set")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("account", "action_type", "mode")
        return ("where", "mode", "set_at_said")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("where", "set_at_said", "account", "action_type")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")

    @admin.display(description="holds for")
    def where(self, row: Mode) -> str:
        return where(row)

    @admin.display(description="mode")
    def mode_shown(self, row: Mode) -> SafeString:
        return tag(row.mode, TONES.get(row.mode, "good"))

    def tells(self, obj: Mode) -> Callable[[Row], bool]:
        return lambda row: same_scope(row, obj)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [
                Tool(label="Set a mode", href="add/", tone="main"),
                Tool(label="Export as YAML", href=reverse("as-code")),
            ]
        href = self.url_of(obj.pk, "unset")
        return [Tool(label="Take this mode away", href=href)]

    def wanted(self, form: Any) -> dict[str, Any]:
        account = form.instance.account_id
        row = {
            "account": str(account) if account else None,
            "action_type": form.instance.action_type,
            "mode": form.cleaned_data["mode"],
        }
        return {"modes": [row]}

    def save_model(
        self, request: HttpRequest, obj: Mode, form: Any, change: bool
    ) -> None:
        scope = {"account": obj.account_id, "action_type": obj.action_type}
        mode = form.cleaned_data["mode"]
        row = steering.set_mode(mode, scope, by=caller_of(request), now=timezone.now())
        obj.pk, obj.tenant_id = row.pk, row.tenant_id

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        unset = ("<path:object_id>/unset/", "unset", self.unset_view)
        return (*super().doors(), unset)

    def unset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then takes a mode away."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title="Take this mode away",
            said=[
                f"{where(row)} is in {row.mode}.",
                "The mode of the next wider scope counts then, if there is one.",
            ],
            button="Take it away",
            back=self.url_of(row.pk),
        )

        def take() -> str:
            steering.unset_mode(row, by=caller_of(request), now=timezone.now())
            return "The mode was taken away."

        return self.asked(request, question, take, self.list_url())


class OptInForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whether work that rituals and plans start is wanted, and where."""

    granted = forms.TypedChoiceField(
        label="Scheduled work",
        choices=[("yes", "is wanted"), ("no", "is not wanted")],
        coerce=lambda value: value == "yes",
        help_text="It runs only while every digest since this yes was delivered.",
        widget=UnfoldAdminRadioSelectWidget,
    )

    class Meta:
        model = OptIn
        fields = ("account", "granted")
        help_texts = {"account": "Empty: every account that has no answer of its own."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["granted"] = "yes" if self.instance.granted else "no"


@admin.register(OptIn)
class OptInAdmin(Governed):
    """Who wanted scheduled work, where, and since when."""

    about = (
        "Work that rituals and plans start runs alone only where somebody said yes "
        "here. Without a yes, nothing scheduled runs by itself."
    )
    nothing = "Nobody opted in: nothing scheduled runs by itself."
    told = Told(setting="opt-in")
    form = OptInForm
    list_display = ("where", "answer", "by", "at_said")
    list_select_related = ("account", "by__person")
    ordering = ("-at",)
    sortable_by = ()
    autocomplete_fields = ("account",)

    at_said = moment("at", "since")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("account", "granted")
        return ("where", "granted", "by", "at_said")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("where", "account", "by", "at_said")

    @admin.display(description="holds for")
    def where(self, row: OptIn) -> str:
        return where(row)

    @admin.display(description="scheduled work")
    def answer(self, row: OptIn) -> SafeString:
        return tag("wanted", "good") if row.granted else tag("not wanted", "wait")

    def tells(self, obj: OptIn) -> Callable[[Row], bool]:
        return lambda row: same_scope(row, obj)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Opt in or out", href="add/", tone="main")]

    def save_model(
        self, request: HttpRequest, obj: OptIn, form: Any, change: bool
    ) -> None:
        row = steering.set_opt_in(
            form.cleaned_data["granted"],
            obj.account_id,
            by=caller_of(request),
            now=timezone.now(),
        )
        obj.pk, obj.tenant_id = row.pk, row.tenant_id


def where(row: Any) -> str:
    """The scope of a mode or an opt-in, in words."""
    parts = [
        row.account.name if row.account else "",
        spaced(getattr(row, "action_type", "")),
    ]
    return " · ".join(part for part in parts if part) or "Everything"


def same_scope(row: Row, obj: Any) -> bool:
    """Whether an entry tells of just this scope."""
    account = row["subjects"].get("account", "")
    kind = getattr(obj, "action_type", "")
    here = (str(obj.account_id or ""), kind)
    return (account, row["data"]["action_type"]) == here
