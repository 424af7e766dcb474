"""Runs: each walk from a signal to what came of it, and those that wait for a person."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
)

from autonomy import runs
from autonomy.admin.pages import Carded, Door, Question, Tool
from autonomy.admin.steps import walk_of
from autonomy.admin.words import GATED, spaced, stated, tag
from autonomy.errors import NotParked
from autonomy.models import Run
from autonomy.rules.runs import GateResult, RunStatus
from perception.admin.asking import caller_of
from perception.members import person_acting

TONES = {
    "DONE": "good", "DECIDED": "good", "DEFERRED": "wait", "PARKED": "bad",
}  # fmt: skip
PARKED = RunStatus.PARKED.value
HEAVY = ("context", "decided")


@admin.register(Run)
class RunAdmin(Carded):
    """Every walk, newest first; what is parked is sent on its way again from here."""

    about = (
        "Each signal, ritual or request starts a run: the trigger fires or is held "
        "back, the gate weighs its worth, a decision proposes. What fails too often is "
        "parked with its error, and waits for a person."
    )
    nothing = (
        "Nothing has started yet. Runs appear here as soon as a signal arrives: by the "
        "API, by a webhook, or by a ritual."
    )
    ways = (("All", ""), ("Parked", f"status__exact={PARKED}"))
    card_template = "autonomy/run.html"
    searched = ("id", "signal_id", "account_id")
    list_display = ("started_by", "account", "state", "at_stage", "gate", "when")
    list_display_links = ("started_by",)
    list_select_related = ("account",)
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("stage", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("account", AutocompleteSelectFilter),
    )
    ordering = ("-id",)
    actions = ("retry_chosen",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("account")
        one = request.resolver_match and request.resolver_match.kwargs
        return rows if one else rows.defer(*HEAVY)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Of parked work, what went wrong comes first."""
        if request.GET.get("status__exact") != PARKED:
            return self.list_display
        return ("started_by", "account", "at_stage", "went_wrong", "tried", "when")

    def has_act_permission(self, request: HttpRequest) -> bool:
        return self.may_act(request)

    def titled(self, row: Run) -> str:
        return started_by(row)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or obj.status != PARKED:
            return []
        href = self.url_of(obj.pk, "retry")
        return [Tool(label="Send it on again", href=href, tone="main", posts=True)]

    def card(self, request: HttpRequest, row: Run) -> dict[str, Any]:
        return {"state": self.state(row), **walk_of(row)}

    @admin.display(description="started by")
    def started_by(self, row: Run) -> str:
        return started_by(row)

    @admin.display(description="state")
    def state(self, row: Run) -> SafeString:
        return tag(row.status.lower(), TONES.get(row.status, ""))

    @admin.display(description="stage")
    def at_stage(self, row: Run) -> str:
        return row.stage.lower()

    @admin.display(description="gate")
    def gate(self, row: Run) -> str:
        if not row.gate_reason:
            return "–"
        said = GATED.get(row.gate_result, ("held back", ""))[0]
        is_plain = row.gate_result == GateResult.ALLOW
        return said if is_plain else f"{said}: {stated(row.gate_reason)}"

    @admin.display(description="what went wrong")
    def went_wrong(self, row: Run) -> str:
        return row.error or "It said nothing."

    @admin.display(description="attempts")
    def tried(self, row: Run) -> int:
        return row.attempts

    @admin.display(description="started (UTC)")
    def when(self, row: Run) -> str:
        return f"{row.created_at:%Y-%m-%d %H:%M:%S}"

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/retry/", "retry", self.retry_view),)

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sends a parked run on its way again."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title="Send it on again",
            said=[f"It failed with: {row.error or 'no word'}"],
            button="Send it on again",
            back=self.url_of(row.pk),
        )

        def send() -> str:
            by = person_acting(caller_of(request))
            if not runs.retry(row, by=by, now=timezone.now()):
                raise NotParked("Somebody was faster, or it went on by itself.")
            return f"It is on its way again, from {row.stage.lower()}."

        return self.asked(request, question, send, self.url_of(row.pk))

    @admin.action(description="Send on again", permissions=["act"])
    def retry_chosen(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        by, now = person_acting(caller_of(request)), timezone.now()
        rows = list(chosen)
        done = sum(runs.retry(row, by=by, now=now) for row in rows)
        if done:
            messages.success(request, f"On their way again: {done}.")
        if left := len(rows) - done:
            messages.warning(request, f"Not parked, so left as they are: {left}.")


def started_by(row: Run) -> str:
    """The trigger in words."""
    return spaced(row.trigger).lower().capitalize()
