"""Action types: the whole catalogue, tightened here, with types of one's own beside it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from autonomy import registry
from autonomy.admin.action_forms import AddType, ChangeType
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Governed, Tool
from autonomy.admin.words import decided, spaced, tiered
from autonomy.errors import NoSuchActionType
from autonomy.models import ActionRow
from autonomy.rules.actions import ActionType, Tier
from autonomy.rules.allowed import what_is_allowed
from autonomy.rules.catalogue import CORE
from ledger.admin import as_json
from ledger.scope import current_tenant
from perception.admin.asking import caller_of

INFORMATION = (
    "named", "standing", "risk", "reach", "touched", "reversal_shown", "schema_json",
    "example_json",
)  # fmt: skip


@admin.register(ActionRow)
class ActionTypeAdmin(Governed):
    """Every type that can be proposed. Tiers may only become stricter."""

    about = (
        "Everything that can be proposed. A tier may become stricter, never looser; "
        "what is not listed here is unknown, and a person decides."
    )
    told = Told(setting="action_type")
    readonly_fields = INFORMATION

    schema_json = as_json("shape", "parameters")
    example_json = as_json("example", "example")

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """The catalogue as it holds here, not only the rows that were changed."""
        self.insist_on_looking(request)
        rows = ActionRow.objects.filter(tenant_id=current_tenant())
        changed = set(rows.values_list("key", flat=True))
        groups: dict[str, list[dict[str, Any]]] = {tier: [] for tier in Tier}
        for action in registry.all_types():
            line = _line(action, is_changed=action.key in changed)
            groups[action.traits.tier].append(line)
        context = {
            **self.admin_site.each_context(request),
            **self.shared(request),
            "opts": self.opts,
            "title": "Action types",
            "groups": [(tiered(tier), groups[tier]) for tier in reversed(Tier)],
        }
        return TemplateResponse(request, "autonomy/catalogue.html", context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> ActionRow | None:
        """A type by its key, with what effectively holds; core types need no row."""
        key = unquote(object_id)
        try:
            action = registry.one_type(key)
        except NoSuchActionType:
            return None
        row = ActionRow.objects.filter(tenant_id=current_tenant(), key=action.key)
        shown = row.first() or ActionRow(tenant_id=current_tenant(), key=action.key)
        shown.tier, shown.tool = action.traits.tier, action.traits.tool
        shown.min_confidence = action.min_confidence
        for name, value in (
            ("effective", action), ("shape", action.schema), ("example", action.example)
        ):  # fmt: skip
            setattr(shown, name, value)
        return shown

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return tuple(AddType.base_fields)
        return ("named", "standing", "tier", "tool", "min_confidence", *INFORMATION[2:])

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any
    ) -> Any:
        more["form"] = AddType if obj is None else ChangeType
        return super().get_form(request, obj, change, **more)

    @admin.display(description="action")
    def named(self, row: Any) -> str:
        own = "" if row.key in CORE else " (your own)"
        return f"{spaced(row.key)}{own}"

    @admin.display(description="at best")
    def standing(self, row: Any) -> SafeString:
        return decided(what_is_allowed(row.effective, None).decision.value)

    @admin.display(description="risk")
    def risk(self, row: Any) -> str:
        return str(row.effective.traits.risk_level)

    @admin.display(description="reaches out")
    def reach(self, row: Any) -> str:
        return "yes" if row.effective.traits.external_contact else "no, it stays inside"

    @admin.display(description="touches")
    def touched(self, row: Any) -> str:
        return ", ".join(row.effective.traits.touches) or "nothing of a deal"

    @admin.display(description="taken back")
    def reversal_shown(self, row: Any) -> str:
        traits = row.effective.traits
        again = (
            "is the same as once" if traits.idempotent else "is not the same as once"
        )
        return f"{traits.reversal.capitalize()}. Doing it twice {again}."

    def tells(self, obj: Any) -> Callable[[Row], bool]:
        return lambda row: bool(row["data"].get("key") == obj.key)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is not None:
            return []
        return [Tool(label="Add a type of your own", href="add/", tone="main")]

    def save_model(
        self, request: HttpRequest, obj: ActionRow, form: Any, change: bool
    ) -> None:
        given, by, now = form.cleaned_data, caller_of(request), timezone.now()
        if change:
            registry.change_type(obj.key, given, by=by, now=now)
            return
        registry.add_type(given, by=by, now=now)
        made = ActionRow.objects.get(tenant_id=current_tenant(), key=given["key"])
        obj.pk, obj.tenant_id, obj.key = made.pk, made.tenant_id, made.key


def _line(action: ActionType, *, is_changed: bool) -> dict[str, Any]:
    key = action.key
    return {
        "action": action,
        # Only where the plain key would be read as an escape.
        "href": f"{key if unquote(key) == key else quote(key)}/change/",
        "named": spaced(key),
        "at_best": decided(what_is_allowed(action, None).decision.value),
        "is_own": key not in CORE,
        "is_changed": is_changed and key in CORE,
    }
