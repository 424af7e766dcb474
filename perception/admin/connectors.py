"""Connectors in the admin pages: chosen, tried, given secrets, looked after."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin import as_json
from perception import connectors, guards
from perception.admin.asking import caller_of, is_admin
from perception.admin.connector_doors import ONCE, ConnectorDoors
from perception.admin.connector_forms import form_of, places
from perception.admin.connector_words import (
    WEBHOOK,
    acts_said,
    can_try,
    deliveries_of,
    kind_said,
    kinds,
    next_said,
    pulls_of,
    read_said,
    standing,
    state_said,
)
from perception.admin.pages import Tool
from perception.connectors import SIGNED
from perception.members import person_acting
from perception.models import Connector
from perception.rules.breaker import BreakerState
from perception.sources.registry import SOURCES

SHORT = 80


class ConnectorAdmin(ConnectorDoors):
    """Outside systems. A secret is shown once, when it is made.

    Whoever knows what signals start registers this page, and fills in `read`, `enter`.
    """

    about = (
        "Outside systems that tell what happens at accounts: those that send to us, "
        "each signed with a secret of its own, and those that we read. Tools act "
        "through those that you let them."
    )
    nothing = (
        "No connector yet. Add one: a system that sends, one that is read, or one that "
        "tools act through. What it brings, and what goes wrong, appears here."
    )
    list_display = (
        "name", "sort", "state", "acts", "read_last", "read_next", "went_wrong",
    )  # fmt: skip
    list_display_links = ("name",)
    list_filter = ("kind", "is_active")
    ordering = ("name",)
    sortable_by = ()
    shown = ("address", "added")
    readonly_fields = (*shown, "config_json")

    config_json = as_json("config", "configuration")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_admin(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        kind = obj.kind if obj else _asked_for(request)
        more["form"] = form_of(kind, is_new=obj is None)
        return super().get_form(request, obj, change, **more)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        kind = obj.kind if obj else _asked_for(request)
        named = ("name",) if obj is None else ("name", "is_active")
        own = self.shown if obj and kind == WEBHOOK else self.shown[1:] if obj else ()
        if kind == WEBHOOK:
            return [(None, {"fields": (*named, *own)})]
        form: Any = form_of(kind, is_new=obj is None)
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": (*named, *form.caps, *own, "config_json")})]
        fields = form.base_fields
        secret = ("secret",) if "secret" in fields else ()
        reached = "What is read" if kind in SOURCES else "Where it leads"
        acting = [("Tools", {"fields": ("acts",)})] if "acts" in fields else []
        return [
            (None, {"fields": (*named, *own)}),
            (reached, {"fields": (*places(kind), *secret)}),
            *acting,
            ("Limits", {"fields": form.caps}),
        ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> Connector | None:
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.called = request.build_absolute_uri(reverse("webhook", args=[row.pk]))
        return row  # type: ignore[no-any-return]

    @admin.display(description="kind")
    def sort(self, row: Connector) -> str:
        return kind_said(row.kind)

    @admin.display(description="state")
    def state(self, row: Connector) -> SafeString:
        words, tone = state_said(row, now=timezone.now())
        return format_html('<span class="gv-tag gv-{}">{}</span>', tone, words)

    @admin.display(description="tools")
    def acts(self, row: Connector) -> SafeString | str:
        said = acts_said(row)
        if not row.acts_as:
            return said
        return format_html('<span class="gv-tag gv-good">{}</span>', said)

    @admin.display(description="last read")
    def read_last(self, row: Connector) -> str:
        return read_said(row)

    @admin.display(description="next")
    def read_next(self, row: Connector) -> str:
        return next_said(row, now=timezone.now())

    @admin.display(description="last error")
    def went_wrong(self, row: Connector) -> str:
        said = row.last_error
        return f"{said[:SHORT]}…" if len(said) > SHORT else said or "–"

    @admin.display(description="added")
    def added(self, row: Connector) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="it sends to")
    def address(self, row: Any) -> SafeString:
        return format_html('<code class="gv-code">{}</code>', row.called)

    def around(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        if obj is None:
            return {}
        return {
            "above": "perception/standing.html",
            "below": "perception/brought.html",
            "standing": standing(obj, now=timezone.now()),
            "pulls": list(pulls_of(obj)),
            "deliveries": list(deliveries_of(obj, may_act=self.may_act(request))),
        }

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [Tool(label="Add a connector", href="add/", tone="main")]
        rotate = Tool(label="New secret …", href=self.url_of(obj.pk, "rotate"))
        if not can_try(obj):
            return [rotate]
        attempt = Tool(
            label="Try it", href=self.url_of(obj.pk, "try"), tone="main", posts=True
        )
        renew = [rotate] if obj.kind in SIGNED else []
        hold = Tool(label="Hold it back …", href=self.url_of(obj.pk, "hold"))
        let_go = Tool(label="Let it go …", href=self.url_of(obj.pk, "release"))
        if obj.forced_open:
            return [attempt, let_go, *renew]
        is_calm = guards.state_of(obj, now=timezone.now()) is BreakerState.CLOSED
        is_calm = is_calm and not obj.failures
        return [attempt, *([] if is_calm else [let_go]), hold, *renew]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """First the kind, then its form."""
        if request.method == "GET" and "kind" not in request.GET:
            self.insist(request)
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Add a connector",
                "kinds": kinds(),
            }
            return TemplateResponse(request, "perception/kinds.html", context)
        answer: HttpResponse = super().add_view(request, form_url, extra_context)
        return answer

    def save_model(
        self, request: HttpRequest, obj: Connector, form: Any, change: bool
    ) -> None:
        by, now = person_acting(caller_of(request)), timezone.now()
        given, secret = form.given(), form.new_secret()
        if change:
            # The form has written into this row; the verb compares with what is kept.
            kept = Connector.objects.get(tenant_id=obj.tenant_id, pk=obj.pk)
            connectors.change(kept, given, by=by, now=now)
            if secret:
                connectors.rotate(kept, secret=secret, by=by, now=now)
            return
        made = connectors.add(
            {**given, "kind": form.kind, "secret": secret}, by=by, now=now
        )
        obj.pk, obj.tenant_id = made.pk, made.tenant_id
        if form.kind in SIGNED and not secret:
            messages.warning(request, f"{ONCE}{connectors.secrets_of(made)[0]}")

    def response_add(
        self, request: HttpRequest, obj: Model, post_url_continue: Any = None
    ) -> HttpResponse:
        """Go on to the connector: to its address, or to trying it."""
        answer: HttpResponse = super().response_add(request, obj, post_url_continue)
        if answer.status_code == 302:
            answer["Location"] = self.url_of(obj.pk)
        return answer


def _asked_for(request: HttpRequest) -> str:
    """The kind to add; whoever names none, or none that is known, adds a webhook."""
    known = {each["kind"] for each in kinds()}
    asked = request.GET.get("kind", "")
    return asked if asked in known else str(WEBHOOK)
