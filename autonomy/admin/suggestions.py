"""Autonomy that was earned: what records suggest, to be signed or declined."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from autonomy import earning, track
from autonomy.admin.history import Row, Told
from autonomy.admin.pages import Door, Once, Question, Tool, Walked
from autonomy.admin.words import moment, spaced, tag
from autonomy.models import Suggestion
from autonomy.rules.earned import Says
from autonomy.rules.earning import FLOOR, REST, THRESHOLD, Record, told
from ledger.clock import clock
from ledger.rules.kinds import Kind
from perception.admin.asking import caller_of

TONES = {"OPEN": "wait", "SIGNED": "good"}
SAID = {
    Says.TOO_LITTLE: ("too little to say", ""),
    Says.STAY: ("stays as it is", ""),
    Says.WIDEN: ("has earned more", "good"),
    Says.NARROW: ("below the floor", "bad"),
}


@admin.register(Suggestion)
class SuggestionAdmin(Walked):
    """Nothing widens without a signature; what fell narrows without one."""

    about = (
        f"Where at least {THRESHOLD:.0%} of a type's acts certainly go well, a wider "
        "mode is suggested; a person signs it or not. What was signed goes back to "
        f"what it was by itself when certainly less than {FLOOR:.0%} do."
    )
    nothing = (
        "Nothing was suggested yet. About 43 acts of one type that people approve "
        "unchanged, and do not regret, earn a suggestion."
    )
    told = Told(
        kinds=(Kind.AUTONOMY_SUGGESTED, Kind.SUGGESTION_MOVED, Kind.AUTONOMY_NARROWED)
    )
    change_list_template = "autonomy/suggestions.html"
    ways = (("All", ""), ("Open", "status__exact=OPEN"))
    list_display = ("named", "state", "asked_for", "lower_said", "suggested_at_said")
    list_display_links = ("named",)
    list_select_related = ("decided_by__person", "first_by__person")
    list_filter = (("status", ChoicesDropdownFilter),)
    ordering = ("-id",)
    fields = (
        "named", "state", "asked_for", "in_words", "lower_said", "upper_said",
        "suggested_at_said", "signed_first", "decided_by", "decided_at_said",
        "narrowed_at_said", "id",
    )  # fmt: skip
    readonly_fields = fields

    suggested_at_said = moment("suggested_at", "suggested")
    decided_at_said = moment("decided_at", "decided")
    narrowed_at_said = moment("narrowed_at", "narrowed again")

    @admin.display(description="type of action")
    def named(self, row: Suggestion) -> str:
        return spaced(row.action_type)

    @admin.display(description="state")
    def state(self, row: Suggestion) -> SafeString:
        if row.narrowed_at is not None:
            return tag("narrowed again", "bad")
        if row.status == Suggestion.Status.OPEN and row.first_by_id is not None:
            return tag("waits for a second signature", "wait")
        return tag(row.status.lower(), TONES.get(row.status, ""))

    @admin.display(description="mode")
    def asked_for(self, row: Suggestion) -> str:
        return f"{row.record['mode']} → {row.record['to']}"

    @admin.display(description="the record then")
    def in_words(self, row: Suggestion) -> str:
        return str(row.record["explanation"])

    @admin.display(description="signed first, where two have to", empty_value="–")
    def signed_first(self, row: Suggestion) -> str | None:
        return str(row.first_by) if row.first_by_id is not None else None

    @admin.display(description="goes well, at least")
    def lower_said(self, row: Suggestion) -> str:
        return bound(row.record["lower"], row.record["level"])

    @admin.display(description="goes well, at most")
    def upper_said(self, row: Suggestion) -> str:
        return bound(row.record["upper"], row.record["level"])

    def tells(self, obj: Suggestion) -> Callable[[Row], bool]:
        return lambda row: row["subjects"].get("suggestion") == str(obj.pk)

    def more(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else {"records": Once(shown)}

    def tools(self, request: HttpRequest, obj: Any = None) -> list[Tool]:
        if obj is None or obj.status != Suggestion.Status.OPEN:
            return []
        return [
            Tool(label="Sign …", href=self.url_of(obj.pk, "sign"), tone="main"),
            Tool(label="Decline …", href=self.url_of(obj.pk, "decline")),
        ]

    def doors(self) -> Sequence[tuple[str, str, Door]]:
        return (
            ("<path:object_id>/sign/", "sign", self.sign_view),
            ("<path:object_id>/decline/", "decline", self.decline_view),
        )

    def sign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Says what signing means, then does it."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title=f"Let “{spaced(row.action_type)}” run by itself?",
            said=[
                row.record["explanation"],
                f"Its mode becomes {row.record['to']} for everybody.",
                "Every other layer still has its say, and kill switches stop it as ever.",
                "If the record falls, it goes back to what it is now by itself.",
            ],
            button="Sign",
            back=self.url_of(row.pk),
        )

        def do() -> str:
            held = earning.sign(row.pk, by=caller_of(request), now=clock())
            if held.status == Suggestion.Status.OPEN:
                return "You signed. Another admin has to sign as well."
            return f"The mode is {held.record['to']} now."

        return self.asked(request, question, do, self.url_of(row.pk))

    def decline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks, then leaves everything as it is."""
        self.insist(request)
        row, away = self.found(request, object_id)
        if away:
            return away  # type: ignore[no-any-return]
        question = Question(
            title=f"Go on deciding about “{spaced(row.action_type)}” yourselves?",
            said=[
                f"Its mode stays {row.record['mode']}.",
                f"It is not suggested again for {REST.days} days.",
            ],
            button="Decline",
            back=self.url_of(row.pk),
        )

        def do() -> str:
            earning.decline(row.pk, by=caller_of(request), now=clock())
            return "The mode stays as it is."

        return self.asked(request, question, do, self.url_of(row.pk))


def shown() -> list[dict[str, Any]]:
    """Every type of which anything can be said, those that earned most first."""
    found = [each for each in track.records(now=clock()).values() if _is_known(each)]
    return [
        {
            "type": spaced(each.action_type),
            "mode": each.mode,
            "says": tag(*SAID[each.says]),
            "words": told(each),
        }
        for each in sorted(found, key=_order)
    ]


def bound(value: float | None, level: float) -> str:
    """A bound with the level at which it holds; too little has none."""
    if value is None:
        return "too little to say"
    return f"{value:.1%}, with {level:.0%} certainty"


def _is_known(record: Record) -> bool:
    return bool(record.counted.trials or record.alone.trials)


def _order(record: Record) -> tuple[float, str]:
    return -(record.counted.judged().lower or 0.0), record.action_type
