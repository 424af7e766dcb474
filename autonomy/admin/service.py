"""Service levels: how well each tool serves, how well it has to, and what was missed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter

from autonomy import service
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Governed, Walked
from autonomy.admin.service_forms import FIELDS, ObjectiveForm
from autonomy.admin.words import moment, tag
from autonomy.errors import NoSuchService
from autonomy.models import Objective, SloAlert
from autonomy.rules.service import About, Figures
from ledger.rules.kinds import Kind
from ledger.scope import current_tenant
from perception.admin.asking import caller_of

SPANS = {"5m": "five minutes", "1h": "hour", "24h": "day"}
MISSED = {About.LATENCY: "too slow", About.SUCCESS: "fails too often"}
# Of the bars: each hour's place, and the height of the busiest.
STEP, HIGH = 6, 24


@admin.register(Objective)
class ObjectiveAdmin(Governed):
    """Every tool that acts outside, called or not; the shipped objective needs no row."""

    about = (
        "How well each tool that acts outside serves, measured on every call. An alert "
        "opens where calls of the last five minutes and of the last hour miss the "
        "objective fast; your outbound webhook is told."
    )
    nothing = "No tool was called in the last day. Figures appear with the first call."
    told = Told(
        kinds=(
            Kind.SETTING_CHANGED, Kind.SERVICE_ALERTED, Kind.SERVICE_RECOVERED,
        ),
        setting="objective",
    )  # fmt: skip
    form = ObjectiveForm
    readonly_fields = ("stands", "measured")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *FIELDS)

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """The tools that were called, with their figures; then all others."""
        self.insist_on_looking(request)
        now = timezone.now()
        counted, hours = service.figures(now=now), service.hours(now=now)
        missed = _missed(service.open_alerts())
        known = {**service.tools(), **dict.fromkeys({*counted, *missed}, "")}
        busy = [key for key in known if key in counted or key in missed]
        context = {
            **self.admin_site.each_context(request),
            **self.shared(request),
            "opts": self.opts,
            "title": "Service levels",
            "lines": [
                {
                    **_named(key),
                    "state": _state(missed.get(key, [])),
                    "figures": _figures(counted.get(key, {}).get("24h")),
                    "hours": bars(hours.get(key, ())),
                }
                for key in sorted(busy)
            ],
            "idle": [_named(key) for key in sorted(known) if key not in busy],
        }
        return TemplateResponse(request, "autonomy/service.html", context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> Objective | None:
        """The objective of a tool by its key."""
        try:
            aim = service.objective(object_id)
        except NoSuchService:
            return None
        here = {"tenant_id": current_tenant(), "tool": object_id}
        row = Objective.objects.filter(**here).first()
        return row or Objective(**here, **asdict(aim))

    @admin.display(description="stands")
    def stands(self, row: Objective) -> SafeString:
        return _state(_missed(service.open_alerts()).get(row.tool, []))

    @admin.display(description="measured")
    def measured(self, row: Objective) -> SafeString:
        found = service.figures(row.tool, now=timezone.now()).get(row.tool, {})
        spans = [
            {"name": f"The last {SPANS[name]}", **_figures(found.get(name))}
            for name in service.WINDOWS
        ]
        return render_to_string("autonomy/measured.html", {"spans": spans})

    def tells(self, obj: Objective) -> Callable[[Row], bool]:
        return lambda row: obj.tool in (row["data"].get("key"), row["data"].get("tool"))

    def save_model(
        self, request: HttpRequest, obj: Objective, form: Any, change: bool
    ) -> None:
        given, by = form.cleaned_data, caller_of(request)
        service.change_objective(obj.tool, given, by=by, now=timezone.now())


class Standing(DropdownFilter):
    """Whether an alert is open."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, owner: Any) -> list[tuple[str, str]]:
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("open", "over"):
            return rows
        return rows.filter(closed_at__isnull=self.value() == "open")


@admin.register(SloAlert)
class SloAlertAdmin(Walked):
    """What was missed, from when to when, and whether it was told."""

    about = (
        "Objectives of tools that were missed fast enough to be told of: so much that "
        "a month's errors would be used up in two days."
    )
    nothing = "No alert has opened yet."
    ways = (("All", ""), ("Open", "state=open"))
    list_display = ("tool", "missed", "state", "burns", "since", "until", "taken")
    list_display_links = ("tool",)
    list_filter = (Standing, ("about", ChoicesDropdownFilter))
    ordering = ("-id",)
    fields = ("tool", "missed", "state", "burns", "since", "until", "taken", "id")
    readonly_fields = fields

    since = moment("opened_at", "opened")
    until = moment("closed_at", "closed")

    @admin.display(description="missed")
    def missed(self, row: SloAlert) -> str:
        return MISSED[About(row.about)]

    @admin.display(description="state")
    def state(self, row: SloAlert) -> SafeString:
        return tag("over", "good") if row.closed_at else tag("open", "bad")

    @admin.display(description="burn as it opened: five minutes, an hour")
    def burns(self, row: SloAlert) -> str:
        return f"{row.burn_short:g} and {row.burn_long:g}"

    @admin.display(description="told")
    def taken(self, row: SloAlert) -> str:
        if row.told_at:
            return f"{row.told_at:%Y-%m-%d %H:%M} UTC"
        return f"next try {row.tell_at:%H:%M} UTC" if row.tell_at else "nobody listened"


def bars(hours: Iterable[tuple[int, int]]) -> SafeString:
    """Calls of the last day by the hour; what failed of them in another colour."""
    held = list(hours)
    most = max((calls for calls, _ in held), default=0)
    if not most:
        return format_html('<span class="gv-soft">{}</span>', "no calls")
    rects = []
    for place, (calls, failed) in enumerate(held):
        for count, colour in ((calls, "var(--gv-main)"), (failed, "#dc2626")):
            # What there was is to be seen, however little.
            high = max(2, round(HIGH * count / most)) if count else 0
            rects.append((place * STEP, HIGH - high, STEP - 1, high, colour))
    said = (
        f"{sum(calls for calls, _ in held):,} calls in the last day, "
        f"{sum(failed for _, failed in held):,} failed; at most {most:,} an hour"
    )
    drawn = format_html_join(
        "", '<rect x="{}" y="{}" width="{}" height="{}" style="fill: {}"/>', rects
    )
    size = (STEP * len(held), HIGH)
    return format_html(
        '<svg role="img" aria-label="{}" width="{}" height="{}"><title>{}</title>{}</svg>',
        said,
        *size,
        said,
        drawn,
    )


def _named(key: str) -> dict[str, str]:
    return {"key": key, "href": f"{quote(key)}/change/"}


def _missed(rows: Iterable[SloAlert]) -> Mapping[str, list[str]]:
    """What is missed just now, by tool."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.tool, []).append(MISSED[About(row.about)])
    return found


def _state(missed: Iterable[str]) -> SafeString:
    said = ", ".join(missed)
    return tag(said, "bad") if said else tag("no alert", "good")


def _figures(seen: Figures | None) -> dict[str, str]:
    """Figures as a person reads them."""
    if seen is None or not seen.calls:
        return dict.fromkeys(
            ("p50", "p95", "p99", "errors", "latency", "success"), "–"
        ) | {"calls": "0"}
    return {
        "calls": f"{seen.calls:,}",
        "errors": f"{100 * (seen.error_share or 0):.3g} %",
        "p50": _time(seen.p50_ms),
        "p95": _time(seen.p95_ms),
        "p99": _time(seen.p99_ms),
        "latency": f"{seen.burn[About.LATENCY]:g}",
        "success": f"{seen.burn[About.SUCCESS]:g}",
    }


def _time(ms: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"
