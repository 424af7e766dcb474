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
        super().save_model(request, obj, form, change)


@admin.register(IntervalSchedule)
class IntervalAdmin(HouseWide):
    """How often. None is deleted here, as its ticks would go with it."""

    list_display = ("__str__", "every", "period")
    ordering = ("period", "every")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)
