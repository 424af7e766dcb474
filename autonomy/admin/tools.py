"""Tools of integrators: URLs that carry acts out, and the breakers before them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from autonomy import registry
from autonomy.admin.history import Row, Told
from autonomy.admin.house_tools import house_tools
from autonomy.admin.pages import Door, Governed, Question
from autonomy.admin.pages import Tool as Button
from autonomy.admin.tool_forms import AddTool, ChangeTool
from autonomy.admin.words import moment, spaced, tag
from autonomy.models import Tool
from autonomy.tools.binding import add_tool, change_tool
from ledger.rules.kinds import Kind
from perception import guards
from perception.admin.asking import caller_of
from perception.members import person_acting
from perception.rules.breaker import BreakerState

STATES = {
    BreakerState.CLOSED: ("closed: calls go out", "good"),
    BreakerState.OPEN: ("open: no call goes out", "bad"),
    BreakerState.PROBING: ("one call tries", "wait"),
}
READ = ("named", "breaker", "failing", "opened", "bound", "changed")


@admin.register(Tool)
class ToolAdmin(Governed):
    """Secrets go in and never come out; breakers are held open, or reset."""

    about = (
        "The tools of the house act through connectors that you let them; a URL of your "
        "own can carry acts out besides. A tool that fails "
        "five times within a minute is left alone; every thirty seconds one call tries "
        "whether it works again."
    )
    nothing = (
        "No tool of your own: the house's tools do what they can, and people the rest. "
        "Add a URL here, then bind action types to it."
    )
    change_list_template = "autonomy/tools.html"
    told = Told(kinds=(Kind.SETTING_CHANGED, Kind.BREAKER_MOVED), setting="tool")
    list_display = ("named", "called", "breaker", "effect", "rate", "changed")
    list_display_links = ("named",)
    ordering = ("key",)
    sortable_by = ()
    readonly_fields = READ

    changed = moment("updated_at", "changed")
    opened = moment("opened_at", "opened")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return AddTool.field_order
        fields = ("url", "secret", "effect", "undo", "timeout_s", "rate_per_s")
        may_write = self.has_change_permission(request, obj)
        shown = fields if may_write else tuple(f for f in fields if f != "secret")
        return (*READ[:5], *shown, READ[5])

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else READ

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        more["form"] = AddTool if obj is None else ChangeTool
        return super().get_form(request, obj, change, **more)

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"house": house_tools()}

    @admin.display(description="tool")
    def named(self, row: Tool) -> str:
        return row.key

    @admin.display(description="URL")
    def called(self, row: Tool) -> str:
        return row.url

    @admin.display(description="breaker")
    def breaker(self, row: Tool) -> SafeString:
        words, tone = STATES[guards.state_of(row, now=timezone.now())]
        return tag("held open by a person" if row.forced_open else words, tone)

    @admin.display(description="failures in the last minute")
    def failing(self, row: Tool) -> int:
        return len(guards.breaker_of(row).recent(now=timezone.now()))

    @admin.display(description="calls a second")
    def rate(self, row: Tool) -> str:
        return f"{row.rate_per_s:g}"

    @admin.display(description="carries out")
    def bound(self, row: Tool) -> str:
        found = [
            spaced(each.key)
            for each in registry.all_types()
            if each.traits.tool == row.key
        ]
        return ", ".join(found) or "Nothing yet: bind an action type to it."

    def tells(self, obj: Tool) -> Callable[[Row], bool]:
        return lambda row: row["subjects"].get("tool") == str(obj.pk)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Button]:
        if obj is None:
            return [Button(label="Add a tool", href="add/", tone="main")]
        hold = Button(label="Hold it open …", href=self.url_of(obj.pk, "hold"))
        reset = Button(label="Reset the breaker …", href=self.url_of(obj.pk, "reset"))
        if obj.forced_open:
            return [reset]
        is_calm = guards.state_of(obj, now=timezone.now()) is BreakerState.CLOSED
        return [hold] if is_calm and not obj.failures else [reset, hold]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/hold/", "hold", self.hold_view),
            ("<path:object_id>/reset/", "reset", self.reset_view),
        )

    def hold_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then holds the breaker open."""
        says = (
            "No call goes out until you reset it. What was approved waits, and starts "
            "when calls go out again."
        )
        return self._force(request, object_id, True, "Hold it open", says)

    def reset_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then lets the breaker go."""
        says = "Calls go out again at once, and what failed is forgotten."
        return self._force(request, object_id, False, "Reset the breaker", says)

    def _force(
        self, request: HttpRequest, object_id: str, is_open: bool, what: str, says: str
    ) -> HttpResponse:
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title=f"{what}: {row.key}",
            said=[says],
            button=what,
            tone="stop" if is_open else "main",
            back=self.url_of(row.pk),
        )

        def force() -> str:
            by = person_acting(caller_of(request))
            guards.force(row, is_open, by=by, now=timezone.now())
            if is_open:
                return "No call goes out any more."
            return "Calls go out again."

        return self.asked(request, question, force, self.url_of(row.pk))

    def save_model(
        self, request: HttpRequest, obj: Tool, form: Any, change: bool
    ) -> None:
        given, by, now = form.cleaned_data, caller_of(request), timezone.now()
        if change:
            # The form has written into this row; the verb compares with what is kept.
            kept = Tool.objects.get(tenant_id=obj.tenant_id, pk=obj.pk)
            change_tool(kept, given, by=by, now=now)
            return
        made = add_tool(given, by=by, now=now)
        obj.pk, obj.tenant_id = made.pk, made.tenant_id
