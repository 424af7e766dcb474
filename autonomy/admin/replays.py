"""What was gone through again: what a dry run found, and from there for good."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from autonomy.admin.pages import Done, Door, Question, Tool, Walked
from autonomy.admin.walk import link
from autonomy.admin.words import decided, moment, shown, spaced, stated, tag
from autonomy.models import Execution, Replay
from autonomy.rehearsal import with_words
from autonomy.replay import Wanted, commit, rehearse
from perception.admin.asking import caller_of, is_admin
from perception.members import person_acting

TONES = {"COMPLETED": "good", "FAILED": "bad", "REQUESTED": "wait", "STARTED": "wait"}
DRY = (
    "It is judged again as things are now, and what would be done is shown. A dry run "
    "holds no secrets, sends nothing and changes nothing."
)
GOOD = (
    "It is judged as if it were proposed now; budgets are used anew, and a person is "
    "asked where one has to be. Outside, it goes by the key of the first time, so that "
    "nothing is done twice."
)


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label="Why",
        max_length=300,
        help_text="For those who read it later.",
        widget=UnfoldAdminTextInputWidget,
    )


def wanted_by(request: HttpRequest, reason: str) -> Wanted:
    caller = caller_of(request)
    by = person_acting(caller)
    return Wanted(reason=reason, by=by, member=caller.membership)


class Replayed(Walked):
    """Pages of acts that an admin can go through again."""

    def action(self, row: Any) -> str:
        return spaced(row.action_type)

    def again(self, request: HttpRequest, act: Execution) -> list[Tool]:
        if not is_admin(request):
            return []
        return [Tool(label="Replay …", href=self.url_of(act.pk, "replay"))]

    def replay_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Goes through an act's intent again, dry; its page says what was found."""
        self.insist_on_admin(request)
        act, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = ReasonForm(request.POST or None)
        question = Question(
            title="Go through it again, dry?",
            said=[f"{self.action(act).capitalize()} at {act.account}.", DRY],
            button="Go through it dry",
            back=self.url_of(act.pk),
            form=form,
        )

        def try_it() -> Done:
            reason = form.cleaned_data["reason"]
            row = rehearse(act.intent_id, wanted_by(request, reason))
            page = reverse("admin:autonomy_replay_change", args=[row.pk])
            return Done(said="It was gone through; nothing was done.", then=page)

        return self.asked(request, question, try_it, self.url_of(act.pk))

    def insist_on_admin(self, request: HttpRequest) -> None:
        if not is_admin(request):
            raise PermissionDenied


@admin.register(Replay)
class ReplayAdmin(Walked):
    """Every replay, dry or for good."""

    about = (
        "Acts that were gone through again. A dry run says how the verdict differs now "
        "and what would be done; for good it is governed as it was the first time, and "
        "never does anything twice."
    )
    nothing = "Nothing was gone through again yet. An act's page has the button."
    ways = (
        ("All", ""),
        ("Dry", "commit__exact=0"),
        ("For good", "commit__exact=1"),
    )
    searched = ("id", "intent_id", "account_id")
    list_display = ("action", "account", "kind", "state", "reason", "when")
    list_display_links = ("action",)
    list_select_related = ("account", "intent")
    list_filter = (("status", ChoicesDropdownFilter), "commit")
    ordering = ("-id",)
    fields = (
        "found_said", "kind", "state", "error", "reason", "by", "account",
        "about_intent", "about_execution", "when", "finished_at_said", "id",
    )  # fmt: skip
    readonly_fields = fields

    finished_at_said = moment("finished_at", "ended")

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        may = obj is not None and obj.result.get("may_commit", {}).get("allowed")
        if not may:
            return []
        href = self.url_of(obj.pk, "commit")
        return [Tool(label="Replay for good …", href=href, tone="main")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/commit/", "commit", self.commit_view),)

    def commit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Goes through it for good."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        form = ReasonForm(request.POST or None, initial={"reason": row.reason})
        question = Question(
            title="Go through it again, for good?",
            said=[f"{self.action(row).capitalize()} at {row.account}.", GOOD],
            button="Replay for good",
            back=self.url_of(row.pk),
            form=form,
        )

        def go() -> Done:
            reason = form.cleaned_data["reason"]
            made = commit(row.intent_id, wanted_by(request, reason))
            failed = made.status == Replay.Status.FAILED
            said = made.error if failed else "It is on its way again."
            return Done(said=said, then=self.url_of(made.pk), is_refusal=failed)

        return self.asked(request, question, go, self.url_of(row.pk))

    @admin.display(description="action")
    def action(self, row: Replay) -> str:
        return spaced(row.intent.action_type)

    @admin.display(description="how")
    def kind(self, row: Replay) -> SafeString:
        return tag("for good", "good") if row.commit else tag("dry")

    @admin.display(description="state")
    def state(self, row: Replay) -> SafeString:
        return tag(row.status.lower(), TONES.get(row.status, ""))

    @admin.display(description="asked for (UTC)")
    def when(self, row: Replay) -> str:
        return f"{row.asked_at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="what it found")
    def found_said(self, row: Replay) -> SafeString:
        return render_to_string("autonomy/replay.html", _found(row))

    @admin.display(description="intent")
    def about_intent(self, row: Replay) -> SafeString:
        return link("intent", row.intent_id, "What was proposed, and its verdicts")

    @admin.display(description="act")
    def about_execution(self, row: Replay) -> SafeString | str:
        started = row.executions.values_list("id", flat=True).first()
        if started is None:
            return "Nothing was started by it."
        return link("execution", started, "What it started")


def _found(row: Replay) -> dict[str, Any]:
    """What a replay found, in words."""
    result = with_words(row)
    verdict, would = result.get("verdict"), result.get("would")
    return {
        "verdict": verdict,
        "said": decided(verdict["decision"]) if verdict else "",
        "reason": stated(verdict["reason"]) if verdict else "",
        "first": result.get("first"),
        "changes": [
            (f"{spaced(what)}: {spaced(name)}", shown(then), shown(now))
            for what, changed in (result.get("differs") or {}).items()
            for name, (then, now) in changed.items()
        ],
        "would": would,
        "request": [
            (spaced(name), shown(value))
            for name, value in (would or {}).get("request", {}).items()
        ],
        "key": result.get("key"),
        "may": result.get("may_commit"),
    }
