"""Connectors in the admin pages: added, let in or not, given secrets, looked after."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from ledger.admin import as_json
from perception import connectors
from perception.admin.asking import caller_of, is_admin
from perception.admin.pages import Door, Question, Shown, Tool
from perception.members import person_acting
from perception.models import Connector, Delivery

LAST = 20
ONCE = "Copy it now, it is shown only once: "


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a connector is called, and whether it is let in."""

    name = forms.CharField(
        max_length=200,
        help_text="As people know the system; its signals name it as their source.",
        widget=UnfoldAdminTextInputWidget,
    )
    is_active = forms.BooleanField(
        label="Let in",
        required=False,
        initial=True,
        help_text="Off: every delivery is refused.",
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = Connector
        fields = ("name", "is_active")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Connector.objects.exclude(pk=self.instance.pk)
        if others.filter(name=name).exists():
            raise forms.ValidationError("There is a connector of this name already.")
        return name


class RotateForm(forms.Form):
    """What becomes of the secret before."""

    keep_old = forms.BooleanField(
        label="The old secret stays valid beside the new one",
        required=False,
        initial=True,
        help_text="Take this away when the old one leaked: it ends at once.",
        widget=UnfoldBooleanWidget,
    )


@admin.register(Connector)
class ConnectorAdmin(Shown):
    """Outside systems. A secret is shown once, when it is made."""

    about = (
        "Outside systems that tell what happens at accounts. Each signs what it sends "
        "with a secret of its own; what is not signed is refused."
    )
    nothing = (
        "No connector yet. Add one, and give its address and secret to the system that "
        "should send: its deliveries appear here."
    )
    form = ConnectorForm
    list_display = ("name", "kind", "state", "added")
    list_display_links = ("name",)
    list_filter = ("kind", "is_active")
    ordering = ("name",)
    sortable_by = ()
    shown = ("kind", "address", "added", "config_json", "delivered")
    readonly_fields = shown

    config_json = as_json("config", "configuration")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return ("name",)
        known = [each for each in self.shown if each != "config_json" or obj.config]
        return ("name", "is_active", *known)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.shown

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> Connector | None:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.called = request.build_absolute_uri(reverse("webhook", args=[row.pk]))
        return row  # type: ignore[no-any-return]

    @admin.display(description="state")
    def state(self, row: Connector) -> SafeString:
        tone, words = ("good", "let in") if row.is_active else ("wait", "shut out")
        return format_html('<span class="gv-tag gv-{}">{}</span>', tone, words)

    @admin.display(description="added")
    def added(self, row: Connector) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="it sends to")
    def address(self, row: Any) -> SafeString:
        return format_html('<code class="gv-code">{}</code>', row.called)

    @admin.display(description="last deliveries")
    def delivered(self, row: Connector) -> SafeString:
        rows = Delivery.objects.filter(tenant_id=row.tenant_id, connector=row)
        found = [
            {
                "message": each.message,
                "at": each.received_at,
                "said": _said(each.answer),
            }
            for each in rows.order_by("-id")[:LAST]
        ]
        return render_to_string("perception/deliveries.html", {"deliveries": found})

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [Tool(label="Add a connector", href="add/", tone="main")]
        return [Tool(label="New secret …", href=self.url_of(obj.pk, "rotate"))]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/rotate/", "rotate", self.rotate_view),)

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then makes a new secret."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = RotateForm(request.POST if request.method == "POST" else None)
        question = Question(
            title=f"A new secret for {row.name}",
            said=["It is shown once, on the next page. Give it to whoever sends."],
            button="Make a new secret",
            back=self.url_of(row.pk),
            form=form,
        )

        def rotate() -> str:
            secret = connectors.rotate(
                row,
                by=person_acting(caller_of(request)),
                now=timezone.now(),
                keep_old=form.cleaned_data["keep_old"],
            )
            return f"{ONCE}{secret}"

        return self.asked(request, question, rotate, self.url_of(row.pk))

    def save_model(
        self, request: HttpRequest, obj: Connector, form: Any, change: bool
    ) -> None:
        by, now = person_acting(caller_of(request)), timezone.now()
        if change:
            # The form has written into this row; the verb compares with what is kept.
            kept = Connector.objects.get(tenant_id=obj.tenant_id, pk=obj.pk)
            connectors.change(kept, form.cleaned_data, by=by, now=now)
            return
        made = connectors.add_webhook(form.cleaned_data["name"], by=by, now=now)
        obj.pk, obj.tenant_id = made.pk, made.tenant_id
        messages.warning(request, f"{ONCE}{connectors.secrets_of(made)[0]}")

    def response_add(
        self, request: HttpRequest, obj: Connector, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the connector, where its address stands."""
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        if answer.status_code == 302:
            answer["Location"] = self.url_of(obj.pk)
        return answer


def _said(answer: Any) -> str:
    """What a delivery was answered, in words."""
    items: Sequence[Mapping[str, Any]] = (
        answer if isinstance(answer, list) else [answer]
    )
    again = sum(bool(each["duplicate"]) for each in items)
    new = len(items) - again
    if not isinstance(answer, list):
        return "a new signal" if new else "known already"
    return f"{new} new, {again} known already"
