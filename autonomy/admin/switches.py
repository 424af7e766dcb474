"""Kill switches: stop at once, let go in stages, and see that nothing started since."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Governed, Question, Tool
from autonomy.admin.standing import ENGAGED, RELEASED, covered, names_of, status
from autonomy.admin.switch_forms import Agreed, ReleaseForm, StopForm
from autonomy.admin.words import moment, people, tag
from autonomy.models import KillSwitch
from autonomy.switchboard import Wanted, engage, release
from ledger.rules.kinds import Kind
from perception.admin.asking import caller_of
from perception.members import person_acting

TONES = {"ENGAGED": "bad", "RETURNING": "wait", "RELEASED": "good"}


class Named(ChangeList):
    """A page of switches with the names that they speak of, read once for all."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name(self.result_list)


@admin.register(KillSwitch)
class KillSwitchAdmin(Governed):
    """Every stop there ever was; the newest first."""

    about = (
        "A switch stops everything it covers within the moment it is pressed. What was "
        "approved waits; nothing is lost. It is released in two steps: first only what "
        "people approve starts again, then everything."
    )
    nothing = "Nothing was ever stopped here."
    told = Told(kinds=(Kind.SWITCH_ENGAGED, Kind.SWITCH_RELEASED))
    change_list_template = "autonomy/switches.html"
    list_display = (
        "covers",
        "state",
        "reason",
        "by",
        "committed_at_said",
        "released_at_said",
    )
    list_display_links = ("covers",)
    ordering = ("-id",)
    sortable_by = ()
    fields = (
        "covers", "state", "reason", "by", "committed_at_said", "certificate",
        "release_reason", "let_go_by", "released_at_said", "full_at_said",
    )  # fmt: skip
    readonly_fields = fields

    committed_at_said = moment("committed_at", "stopped")
    released_at_said = moment("released_at", "released")
    full_at_said = moment("full_at", "wholly back")

    def get_changelist(self, request: HttpRequest, **more: Any) -> type[ChangeList]:
        return Named

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: Any = None
    ) -> KillSwitch | None:
        row: KillSwitch | None = super().get_object(request, object_id, from_field)
        if row is not None:
            name([row])
        return row

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="stops")
    def covers(self, row: Any) -> str:
        return str(row.covers_said)

    @admin.display(description="state")
    def state(self, row: KillSwitch) -> SafeString:
        said = status(row, now=timezone.now())
        return tag(said, TONES[said])

    @admin.display(description="stopped by")
    def by(self, row: Any) -> str:
        return str(row.engaged_said)

    @admin.display(description="released by")
    def let_go_by(self, row: Any) -> str:
        return str(row.released_said)

    @admin.display(description="certificate")
    def certificate(self, row: KillSwitch) -> SafeString:
        return format_html(
            '<a class="gv-link" href="{}">What it met, signed: acts before, in flight '
            "and after</a>",
            reverse("kill-switch-certificate", args=[row.pk]),
        )

    def tells(self, obj: KillSwitch) -> Callable[[Row], bool]:
        return lambda row: row["subjects"].get("kill_switch") == str(obj.pk)

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None:
            return [Tool(label="Stop …", href="add/", tone="stop")]
        said, href = status(obj, now=timezone.now()), self.url_of(obj.pk, "release")
        if said == RELEASED:
            return []
        label = "Release …" if said == ENGAGED else "End the hold …"
        return [Tool(label=label, href=href, tone="main")]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (("<path:object_id>/release/", "release", self.release_view),)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What to stop, and why; then, once more, whether to."""
        self.insist(request)
        form = StopForm(request.POST or None)
        question = Question(
            title="Stop",
            said=["Nothing that this covers starts any more, from the next moment on."],
            button="Go on",
            tone="stop",
            back=self.list_url(),
            form=form,
        )
        if request.method != "POST" or "back" in request.POST or not form.is_valid():
            return self.ask(request, question)
        if "agreed" in request.POST:
            return self._stop(request, form.wanted())
        return self.ask(request, self._once_more(request, form))

    def _once_more(self, request: HttpRequest, form: StopForm) -> Question:
        wanted = form.wanted()
        said = covered(_unsaved(wanted), form.names())
        return Question(
            title="Stop this now?",
            said=[
                f"{said}: nothing of it starts any more.",
                f"Reason: {wanted.reason}",
                "What is under way ends by itself. What was approved waits.",
            ],
            button="Stop now",
            tone="stop",
            back=self.list_url(),
            form=Agreed(_kept(request.POST)),
        )

    def _stop(self, request: HttpRequest, wanted: Wanted) -> HttpResponse:
        by = person_acting(caller_of(request))
        switch = engage(wanted, by=by, now=timezone.now())
        self.message_user(request, "Stopped. Nothing that it covers starts any more.")
        return HttpResponseRedirect(self.url_of(switch.pk))

    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks why, then lets go."""
        self.insist(request)
        switch, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        said = status(switch, now=timezone.now())
        if said == RELEASED:
            return HttpResponseRedirect(self.url_of(switch.pk))
        form = ReleaseForm(request.POST or None, is_again=said != ENGAGED)
        first = "What people approve starts again at once; the rest after the hold."
        question = Question(
            title="Release" if said == ENGAGED else "End the hold",
            said=[
                f"{switch.covers_said}: {switch.reason}",
                first if said == ENGAGED else "Everything starts again at once.",
            ],
            button="Release" if said == ENGAGED else "End it",
            back=self.url_of(switch.pk),
            form=form,
        )

        def let_go() -> str:
            given = form.cleaned_data
            seconds = timedelta(seconds=given.get("hold_seconds") or 0)
            by = person_acting(caller_of(request))
            release(switch.id, given["reason"], by=by, hold=seconds)
            return "Released."

        return self.asked(request, question, let_go, self.url_of(switch.pk))


def name(rows: Sequence[KillSwitch]) -> None:
    """Give switches the words that are shown for them."""
    named = names_of(rows)
    who = people(each for row in rows for each in (row.engaged_by, row.released_by))
    for row in rows:
        said: Any = row
        said.covers_said = covered(row, named)
        said.engaged_said = who.get(row.engaged_by, row.engaged_by)
        said.released_said = who.get(row.released_by, row.released_by)


def _unsaved(wanted: Wanted) -> KillSwitch:
    return KillSwitch(scope=wanted.scope.value, target=wanted.target)


def _kept(post: Mapping[str, Any]) -> dict[str, Any]:
    """What the first page was told, for the second to carry on."""
    return {name: post.get(name, "") for name in StopForm.base_fields}
