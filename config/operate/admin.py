"""The timetable in the admin pages: when the house's own ticks run."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from unfold.widgets import UnfoldAdminSelectWidget

from config.schedule import ALLOWED_TASKS, TICKS
from ledger.admin import HouseWide
from ledger.clock import clock
from ledger.record import Actor, Fact, record
from ledger.rules.kinds import Kind
from ledger.scope import PLATFORM, tenant_scope


class TickForm(forms.ModelForm):  # type: ignore[type-arg]
    """A tick runs a task of the house and no other; it takes no arguments."""

    task = forms.ChoiceField(
        choices=[(name, name) for name in sorted(ALLOWED_TASKS)],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = PeriodicTask
        fields = ("name", "task", "interval", "enabled", "description")


@admin.register(PeriodicTask)
class TickAdmin(HouseWide):
    """When which task runs. The house's own ticks keep their name and task."""

    form = TickForm
    list_display = ("name", "task", "interval", "enabled", "last_run_at")
    list_select_related = ("interval",)
    list_filter = ("enabled",)
    ordering = ("name",)
    fields = (
        "name", "task", "interval", "enabled", "description", "last_run_at",
        "total_run_count",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_ours = obj is None or obj.name in TICKS
        return self.has_view_permission(request) and not is_ours

    def get_readonly_fields(
        self, request: HttpRequest, obj: PeriodicTask | None = None
    ) -> tuple[str, ...]:
        counted = ("last_run_at", "total_run_count")
        if obj is not None and obj.name in TICKS:
            return ("name", "task", *counted)
        return counted

    def save_model(
        self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool
    ) -> None:
        if obj.task not in ALLOWED_TASKS:
            raise PermissionDenied
        before = _told(PeriodicTask.objects.filter(pk=obj.pk).first())
        super().save_model(request, obj, form, change)
        _state(request, obj.name, before, _told(obj))

    def delete_model(self, request: HttpRequest, obj: PeriodicTask) -> None:
        before = _told(obj)
        super().delete_model(request, obj)
        _state(request, obj.name, before, {})


def _told(tick: PeriodicTask | None) -> dict[str, Any]:
    """A tick as the ledger says it; nothing of one that is not there."""
    if tick is None:
        return {}
    return {
        "task": tick.task,
        "interval": str(tick.interval),
        "enabled": tick.enabled,
        "description": tick.description,
    }


def _state(
    request: HttpRequest, name: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """It concerns every tenant, and is stated in the house's own ledger."""
    if before == after:
        return
    by = Actor(type="person", id=str(request.user.pk))
    data = {"setting": "timetable", "name": name, "before": before, "after": after}
    with tenant_scope(PLATFORM):
        record(Fact(kind=Kind.SETTING_CHANGED, by=by, data=data), now=clock())


@admin.register(IntervalSchedule)
class IntervalAdmin(HouseWide):
    """How often. None is deleted here, as its ticks would go with it."""

    list_display = ("__str__", "every", "period")
    ordering = ("period", "every")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def save_model(
        self, request: HttpRequest, obj: IntervalSchedule, form: Any, change: bool
    ) -> None:
        held = IntervalSchedule.objects.filter(pk=obj.pk).first()
        super().save_model(request, obj, form, change)
        before = {"interval": str(held)} if held else {}
        _state(request, f"interval {obj.pk}", before, {"interval": str(obj)})
